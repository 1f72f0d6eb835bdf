"""The command with a real socket: clients of others, slow ones, many, and its end."""

import concurrent.futures
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from libretranslatepy import LibreTranslateAPI

from transformer.cli import export_main
from transformer.data.builtin.corpus import sample_pairs
from transformer.data.tokenizer import Tokenizer
from transformer.inference.shortlist import NAME, build_shortlist
from transformer.inference.translator import Translator
from transformer.serving.server import MOST_CONNECTIONS
from transformer.serving.service import NICENESS

QUICKSTART = Path(__file__).parents[1] / "quickstart"
PIZZA = "Die Pizza kam aus dem Ofen."

pytestmark = pytest.mark.slow


@contextmanager
def serving(*options: str, model: Path = QUICKSTART) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a service and its process."""
    code = "import sys; from transformer.cli import serve_main; sys.exit(serve_main())"
    command = [sys.executable, "-c", code, "--model", str(model), "--port", "0", *options]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("serving de to en at http://127.0.0.1:"), line
        try:
            yield line.split(" at ")[1].split()[0], process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving("--workers", "2") as (url, _):
        yield url


@pytest.fixture(scope="module")
def wanted() -> str:
    return Translator.load(QUICKSTART).translate(PIZZA)


def test_the_page(url: str, wanted: str, chromium: Any) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    def shown(selector: str) -> str:
        script = "return document.querySelector(arguments[0])?.innerText ?? ''"
        return str(chromium.execute_script(script, selector))

    chromium.get(url)
    chromium.find_element("css selector", "textarea").send_keys(PIZZA)
    WebDriverWait(chromium, 30).until(lambda _: wanted in shown("main"))
    chromium.get(f"{url}/docs")
    WebDriverWait(chromium, 30).until(lambda _: "/translate_file" in shown("main"))
    assert [each for each in chromium.get_log("browser") if each["level"] == "SEVERE"] == []


def translate(url: str, text: str, timeout: float = 60) -> str:
    body = json.dumps({"q": text, "source": "de", "target": "en"}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/translate", body, headers)
    with urllib.request.urlopen(request, timeout=timeout) as response:
        return str(json.load(response)["translatedText"])


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_give_way_also_those_that_take_the_place_of_dead_ones(wanted: str) -> None:
    def workers(pid: int) -> set[int]:
        threads = Path(f"/proc/{pid}/task").glob("*/children")
        return {int(child) for each in threads for child in each.read_text("ascii").split()}

    def niceness(pids: set[int]) -> set[int]:
        return {os.getpriority(os.PRIO_PROCESS, pid) for pid in pids}

    own = os.getpriority(os.PRIO_PROCESS, 0)
    with serving("--workers", "2") as (url, process):
        first = workers(process.pid)
        assert len(first) == 2
        assert niceness(first) == {min(19, own + NICENESS)}
        assert niceness({process.pid}) == {own}
        os.kill(first.pop(), signal.SIGKILL)
        with pytest.raises(urllib.error.HTTPError, match="503"):
            while True:  # until it is noticed
                assert translate(url, PIZZA) == wanted
        assert translate(url, PIZZA) == wanted
        second = workers(process.pid)
        assert len(second) == 2
        assert second.isdisjoint(first)
        assert niceness(second) == {min(19, own + NICENESS)}


def test_the_python_client_of_libretranslate(url: str, wanted: str) -> None:
    client = LibreTranslateAPI(url)
    assert client.translate(PIZZA, "de", "en") == wanted
    assert client.translate(PIZZA, "auto", "en") == wanted
    assert client.detect(PIZZA)[0]["language"] == "de"
    assert {each["code"] for each in client.languages()} == {"de", "en"}


def test_the_javascript_client_of_libretranslate(url: str, wanted: str, tmp_path: Path) -> None:
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("there is no node")
    (tmp_path / "package.json").write_text("{}", encoding="utf-8")
    install = ["npm", "install", "--silent", "--ignore-scripts", "libretranslate@1.0.1"]
    if subprocess.run(install, cwd=tmp_path, capture_output=True).returncode != 0:
        pytest.skip("npm cannot reach a registry")
    query = {"query": PIZZA, "source": "de", "target": "en", "apiurl": url}
    (tmp_path / "client.mjs").write_text(
        'import libretranslate from "libretranslate";\n'
        f"console.log(await libretranslate.translate({json.dumps(query)}));\n",
        encoding="utf-8",
    )
    done = subprocess.run(["node", "client.mjs"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == wanted, done.stderr


def test_many_clients_get_their_own_answers(url: str) -> None:
    names = [f"Der Hund {n} schläft." for n in range(40)]
    alone = [Translator.load(QUICKSTART).translate(name) for name in names]
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda name: translate(url, name), names * 3))
    assert found == alone * 3


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model for CTranslate2."""
    folder = tmp_path_factory.mktemp("exported") / "model"
    given = ["--model", str(QUICKSTART), "--format", "ctranslate2", "--output", str(folder)]
    assert export_main(given) == 0
    return folder


@pytest.fixture(scope="module")
def shortlisted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model with a shortlist."""
    folder = tmp_path_factory.mktemp("shortlisted") / "model"
    shutil.copytree(QUICKSTART, folder)
    tokenizer = Tokenizer.load(folder / "sentencepiece.model")
    pairs = sample_pairs("train", 3000)
    sides = [[tokenizer.encode(pair[side]) for pair in pairs] for side in (0, 1)]
    build_shortlist(*sides, tokenizer).save(folder / NAME)
    return folder


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("exported", ["--engine", "ctranslate2"]),
        ("exported", ["--threads", "1"]),
        ("shortlisted", ["--shortlist", "--workers", "2"]),
        ("shortlisted", ["--precision", "int8"]),
    ],
    ids=["ctranslate2", "as exported", "shortlist", "int8"],
)
def test_other_engines_serve_as_well(
    model: str, options: list[str], wanted: str, request: pytest.FixtureRequest
) -> None:
    with serving(*options, model=request.getfixturevalue(model)) as (url, _):
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            assert set(threads.map(partial(translate, url), [PIZZA] * 8)) == {wanted}
        assert json.load(urllib.request.urlopen(f"{url}/health")) == {"status": "ok"}


def connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def test_a_body_of_ten_megabytes(url: str, wanted: str) -> None:
    body = b'{"q": "' + b"a" * 10_000_000 + b'", "target": "en"}'
    with connect(url) as client:
        client.sendall(
            b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        client.sendall(body)
        assert client.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert translate(url, PIZZA) == wanted


def test_slow_clients_are_cut_off(url: str, wanted: str) -> None:
    starts = (
        b"",
        b"POST /translate HT",
        b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Le",
        b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
    )
    with ExitStack() as stack:
        begun = time.monotonic()
        clients = [stack.enter_context(connect(url)) for _ in starts]
        for client, start in zip(clients, starts, strict=True):
            client.sendall(start)
        assert translate(url, PIZZA) == wanted  # nobody else waits
        for client, start in zip(clients, starts, strict=True):
            answer = b"".join(iter(lambda client=client: client.recv(1000), b""))
            if start:
                assert answer.startswith(b"HTTP/1.1 408 "), start
                assert b'{"error":' in answer and b"took more than 15 s" in answer, start
            else:  # nothing was asked
                assert answer == b""
            assert 10 < time.monotonic() - begun < 30, start
    assert translate(url, PIZZA) == wanted


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"\0" * 70_000])
def test_what_is_not_http(url: str, wanted: str, garbage: bytes) -> None:
    with connect(url) as client:
        client.sendall(garbage)
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(1000), b""))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert json.loads(answer.split(b"\r\n\r\n")[1])["error"]
    assert translate(url, PIZZA) == wanted


def test_a_client_that_hangs_up_frees_its_place(url: str, wanted: str) -> None:
    before = metric(url, "batch_texts_sum")
    body = json.dumps({"q": [PIZZA] * 100, "source": "de", "target": "en"}).encode()
    for _ in range(30):  # 3,000 texts, of which 2,000 may wait
        with connect(url) as client:
            client.sendall(
                b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            )
    ended = time.monotonic() + 60
    while metric(url, "waiting_texts") > 0 and time.monotonic() < ended:
        time.sleep(0.05)
    assert translate(url, PIZZA) == wanted
    assert metric(url, "batch_texts_sum") - before < 1000  # the others were never searched for


def test_too_many_connections(url: str, wanted: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < 2 * MOST_CONNECTIONS:
        pytest.skip("so many files may not be open")
    with ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * MOST_CONNECTIONS), hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(MOST_CONNECTIONS):
            stack.enter_context(connect(url))
        with pytest.raises(urllib.error.HTTPError, match="503") as told:
            translate(url, PIZZA)
        assert "more than 1,000 are connected" in told.value.read().decode()
    assert translate(url, PIZZA) == wanted


def metric(url: str, name: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        text = answer.read().decode()
    return float(re.findall(rf"^transformer_{name} (\S+)", text, re.MULTILINE)[0])


def test_sigterm_lets_what_runs_end_and_refuses_the_rest(wanted: str) -> None:
    with serving("--workers", "1") as (url, process):
        text = "\n".join([PIZZA] * 150)
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            running = thread.submit(translate, url, text)
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            with pytest.raises(OSError):
                translate(url, PIZZA)
            assert running.result() == "\n".join([wanted] * 150)
        assert process.wait(20) == 128 + signal.SIGTERM
        assert process.stderr is not None and process.stderr.read() == ""


def test_an_address_that_is_taken(url: str) -> None:
    port = url.rsplit(":", 1)[1]
    code = "import sys; from transformer.cli import serve_main; sys.exit(serve_main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "--model", str(QUICKSTART), "--port", port, "--workers", "1"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert f"cannot listen at 127.0.0.1, port {port}: Address already in use" in done.stderr
