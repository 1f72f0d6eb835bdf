"""Keys, rates and downloads."""

from pathlib import Path

import pytest

from transformer.cli import serve_main
from transformer.errors import UserError
from transformer.serving.access import MOST_CLIENTS, Keys, Rate, add_key
from transformer.serving.downloads import MOST_BYTES, SECONDS, Downloads
from transformer.serving.limits import RefusedError


def test_a_key_is_known_by_its_hash_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    keys = [add_key(path, name) for name in ("the wiki", "Anna")]
    content = path.read_text(encoding="utf-8")
    assert len(content.splitlines()) == 2 and not any(key in content for key in keys)
    assert path.stat().st_mode & 0o077 == 0
    found = Keys(path)
    assert [found.name_of(key) for key in keys] == ["the wiki", "Anna"]
    assert found.name_of(keys[0][:-1]) is None and found.name_of("") is None
    with pytest.raises(UserError, match="Anna has a key already"):
        add_key(path, "Anna")
    for name in ("", " ", "a\nb"):
        with pytest.raises(UserError, match="one line of text"):
            add_key(path, name)


def test_a_file_that_holds_no_hashes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    path.write_text("# ours\n\nsecret\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"keys.txt:3: .*--new-key"):
        Keys(path)
    with pytest.raises(UserError, match=r"no file of keys .*missing\.txt; make one by .*--new-key"):
        Keys(tmp_path / "missing.txt")
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(UserError, match=r"keys.txt:1: not a hash"):
        Keys(path)


def test_each_client_has_its_own_rate() -> None:
    now = 0.0
    rate = Rate(6, clock=lambda: now)
    for _ in range(6):
        rate.count("a")
    with pytest.raises(RefusedError) as refused:
        rate.count("a")
    assert refused.value.status == 429 and refused.value.headers == {"Retry-After": "11"}
    rate.count("b")
    now = 8.5
    with pytest.raises(RefusedError, match="more than 6 requests in a minute; wait 2 s"):
        rate.count("a")
    now = 11.0
    rate.count("a")
    with pytest.raises(RefusedError):
        rate.count("a")
    now = 1000.0
    for _ in range(6):
        rate.count("a")
    with pytest.raises(RefusedError):
        rate.count("a")


def test_rates_of_many_addresses_take_bounded_memory() -> None:
    rate = Rate(1)
    for i in range(MOST_CLIENTS + 10):
        rate.count(str(i))
    assert len(rate._left) == MOST_CLIENTS
    with pytest.raises(RefusedError):
        rate.count(str(MOST_CLIENTS))


def test_downloads_are_forgotten() -> None:
    now = 0.0
    downloads = Downloads(clock=lambda: now)
    place = downloads.add("a.txt", b"a")
    found = downloads.get(place)
    assert found is not None and (found.name, found.content) == ("a.txt", b"a")
    assert downloads.get("b") is None
    now = SECONDS + 1.0
    assert downloads.get(place) is None
    places = [downloads.add("b", bytes(MOST_BYTES // 2)) for _ in range(3)]
    assert [downloads.get(place) is None for place in places] == [True, False, False]


@pytest.mark.parametrize("origin", ["wiki", "https://a.de/x", "https://*.a.de", "a b", ""])
def test_an_origin_is_a_scheme_and_a_host(origin: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        serve_main(["--allow-origin", origin])
    assert "without a path, or *; found" in capsys.readouterr().err
