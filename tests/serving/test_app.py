"""The protocol: what is answered, and what is refused how."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from starlette.testclient import TestClient

from transformer.errors import UserError
from transformer.inference.translator import Translator
from transformer.serving.access import Keys, add_key
from transformer.serving.batching import Batcher
from transformer.serving.limits import Limits, RefusedError
from transformer.serving.service import Answer, Service
from transformer.text.joining import Translation

PIZZA = "Die Pizza kam aus dem Ofen."


def post(client: TestClient, path: str, **fields: Any) -> Any:
    response = client.post(path, json=fields)
    assert response.status_code == 200, response.text
    return response.json()


def refused(client: TestClient, path: str, status: int, **fields: Any) -> str:
    response = client.post(path, json=fields)
    assert response.status_code == status, response.text
    body = response.json()
    assert list(body) == ["error"]
    return str(body["error"])


def test_a_text_and_a_list(client: TestClient, translator: Translator) -> None:
    texts = [PIZZA, "", "Der Hund schläft.\nDas Kind lacht.", "123"]
    wanted = [translator.translate(text) for text in texts]
    one = post(client, "/translate", q=PIZZA, source="de", target="en")
    assert one["translatedText"] == wanted[0]
    assert 0 < one["confidence"] <= 1 and one["warnings"] == []
    assert "alternatives" not in one and "detectedLanguage" not in one
    several = post(client, "/translate", q=texts, source="de", target="en")
    assert several["translatedText"] == wanted and len(several["confidence"]) == 4
    assert post(client, "/translate", q=[], source="de", target="en")["translatedText"] == []


def test_a_form_is_as_good_as_json(client: TestClient, translator: Translator) -> None:
    fields = {"q": PIZZA, "source": "de", "target": "en", "alternatives": "2"}
    found = client.post("/translate", data=fields).json()
    assert found["translatedText"] == translator.translate(PIZZA)
    assert len(found["alternatives"]) == 2
    found = client.post("/translate", data={**fields, "q": [PIZZA, "Guten Tag!"]}).json()
    assert len(found["translatedText"]) == 2


def test_alternatives_are_the_next_best(client: TestClient, translator: Translator) -> None:
    [best] = translator.translate_batch([PIZZA], n_best=3)
    found = post(client, "/translate", q=PIZZA, source="de", target="en", alternatives=2)
    assert [found["translatedText"], *found["alternatives"]] == [t.text for t in best]
    same = post(client, "/translate", q=PIZZA, source="de", target="en", alternatives=2.0)
    assert same == found
    many = post(client, "/translate", q=[PIZZA], source="de", target="en", alternatives=20)
    assert len(many["alternatives"][0]) == translator.decoding.beam_size - 1


def test_auto_finds_the_language(client: TestClient, translator: Translator) -> None:
    found = post(client, "/translate", q=[PIZZA, "It was late.", "12"], source="auto", target="en")
    assert [each["language"] for each in found["detectedLanguage"]] == ["de", "en", "de"]
    assert found["translatedText"][:2] == [translator.translate(PIZZA), "It was late."]
    languages = post(client, "/detect", q="Wo ist der Bahnhof?")
    assert [each["language"] for each in languages] == ["de", "en"]
    assert languages[0]["confidence"] > 90
    assert sum(each["confidence"] for each in languages) == pytest.approx(100)


def test_html_keeps_its_tags(client: TestClient, translator: Translator) -> None:
    page = f'<p class="x">{PIZZA}</p><script>var a = "Ofen";</script><p>Guten Tag!</p>'
    found = post(client, "/translate", q=page, source="de", target="en", format="html")
    text = page.replace(PIZZA, translator.translate(PIZZA))
    assert found["translatedText"] == text.replace("Guten Tag!", translator.translate("Guten Tag!"))
    deep = "<div>" * 900 + "Hallo" + "</div>" * 20
    post(client, "/translate", q=deep, source="de", target="en", format="html")
    found = post(client, "/translate", q=["<p></p>", page], source="de", target="en", format="html")
    assert found["translatedText"][0] == "<p></p>"


def test_a_blank_format_is_text(client: TestClient) -> None:
    pair = {"source": "de", "target": "en"}
    wanted = post(client, "/translate", q="<b>Hallo</b>", **pair)["translatedText"]
    for blank in ("", None):
        found = post(client, "/translate", q="<b>Hallo</b>", format=blank, **pair)
        assert found["translatedText"] == wanted


def test_what_is_served(client: TestClient) -> None:
    assert client.get("/languages").json() == [
        {"code": "de", "name": "German", "targets": ["en"]},
        {"code": "en", "name": "English", "targets": ["de"]},
    ]
    settings = client.get("/frontend/settings").json()
    assert settings["charLimit"] == 5000 and settings["keyRequired"] is False
    assert settings["language"]["source"] == {"code": "de", "name": "German"}
    assert client.get("/health").json() == {"status": "ok"}


def test_a_card_is_rendered_and_harmless(client: TestClient) -> None:
    found = client.get("/card", params={"source": "de", "target": "en"}).json()
    assert found["name"] == "de-en" and "<h1>Card</h1>" in found["html"]
    assert "<script>" not in found["html"]
    assert client.get("/card", params={"source": "de"}).json() == {
        "error": "target: field required"
    }


def test_looking_inside(client: TestClient, translator: Translator) -> None:
    fields = {"q": PIZZA, "source": "de", "target": "en"}
    found = post(client, "/explain", **fields)
    wanted = translator.explain(PIZZA)
    layers, heads = wanted.shape("cross")
    assert (found["layers"], found["heads"]) == (layers, heads)
    assert found["cross"] == wanted.to_dict()["cross"]
    assert "encoder" not in found and "saliency" in found
    assert "encoder" in post(client, "/explain", **fields, views=["encoder"])
    others = post(client, "/alternatives", **fields, prefix="The", n=3)["alternatives"]
    assert others and all(each["text"].startswith("The") for each in others)
    assert [each["text"] for each in others] == [
        each.text for each in translator.alternatives(PIZZA, "The", 3)
    ]
    scored = post(client, "/score", **fields, translation="The pizza came out of the oven.")
    assert scored["logProb"] == pytest.approx(
        sum(each["logProb"] for each in scored["pieces"]), abs=1e-2
    )
    assert "at most 512 pieces" in refused(client, "/explain", 400, **{**fields, "q": "a b " * 600})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "q: field required"),
        ({"q": PIZZA}, "target: field required"),
        ({"q": 5, "target": "en"}, "q: input should be a valid string; found 5"),
        ({"q": PIZZA, "target": "fr"}, "'fr' is not a language served here (de, en)"),
        ({"q": PIZZA, "source": "fr", "target": "en"}, "'fr' is not a language served"),
        (
            {"q": PIZZA, "target": "en", "format": "pdf"},
            "should be 'text', 'html' or ''; found 'pdf'",
        ),
        ({"q": PIZZA, "target": "en", "alternatives": -1}, "greater than or equal to 0; found -1"),
        ({"q": "a" * 5001, "target": "en"}, "5,001 characters, and 5,000 are allowed"),
        ({"q": ["a" * 2600] * 2, "target": "en"}, "5,200 characters"),
        ({"q": ["a"] * 101, "target": "en"}, "the list has 101 texts, and 100 are allowed"),
        ({"q": PIZZA, "target": "en", "alternatives": "1"}, "valid integer; found '1'"),
        ({"q": "\ud800", "target": "en"}, "half of a surrogate pair"),
    ],
)
def test_bad_requests_are_explained(client: TestClient, fields: dict[str, Any], told: str) -> None:
    response = client.post(
        "/translate", content=json.dumps(fields), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 400
    assert told in response.json()["error"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"q": NaN}', "application/json", 400),
        (b'{"q": "\xff"}', "application/json", 400),
        (b'{"q": 1' + b"0" * 5000 + b"}", "application/json", 400),
        (b"--x", "multipart/form-data", 400),
        (b"<q/>", "text/xml", 415),
        (b"q=%ED%A0%80&target=en", "application/x-www-form-urlencoded", 200),
        (b"q=a&target=en", "application/x-www-form-urlencoded", 200),
    ],
)
def test_bodies_that_cannot_be_read(
    client: TestClient, body: bytes, kind: str, status: int
) -> None:
    response = client.post("/translate", content=body, headers={"Content-Type": kind})
    assert response.status_code == status, response.text
    assert len(response.content) < 1000


def test_control_characters_do_no_harm(client: TestClient) -> None:
    text = "".join(map(chr, range(32))) + "\x7f\u202e\u2028\ufeff\U0010ffff Hallo"
    post(client, "/translate", q=text, source="de", target="en")


def test_what_is_nowhere_or_not_allowed(client: TestClient) -> None:
    assert client.get("/nowhere").status_code == 404
    assert client.get("/translate").json() == {"error": "GET /translate is not allowed"}
    for path in ("/page/../app.py", "/page/%2e%2e/app.py", "/page//etc/passwd", "/download_file/x"):
        response = client.get(path)
        assert response.status_code == 404 and "error" in response.json(), path


def test_a_body_that_is_too_large_is_refused(serve: Callable[..., TestClient]) -> None:
    with serve(limits=Limits(body_bytes=1000)) as client:
        told = refused(client, "/translate", 413, q="a" * 1000, source="de", target="en")
        assert "more than 1,000 bytes" in told
        post(client, "/translate", q="Hallo", source="de", target="en")


def test_an_answer_that_takes_too_long(serve: Callable[..., TestClient]) -> None:
    with serve(limits=Limits(seconds=0.000001)) as client:
        assert "more than 1e-06 s" in refused(
            client, "/translate", 504, q=PIZZA, source="de", target="en"
        )


def test_the_time_of_an_answer_is_that_of_all_its_documents(
    serve: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = []

    async def slow(service: Service, content: str, *_: object, **__: object) -> list[Answer]:
        try:
            await asyncio.sleep(30 if content == "slow" else 0)
        except asyncio.CancelledError:
            given_up.append(content)
            raise
        if content == "bad":
            raise RefusedError(400, "bad")
        return [Answer([Translation(content, 0.0)])]

    monkeypatch.setattr(Service, "translate_document", slow)
    fields = {"source": "de", "target": "en", "format": "html"}
    with serve(limits=Limits(seconds=0.2)) as client:
        assert post(client, "/translate", q=["a", "b"], **fields)["translatedText"] == ["a", "b"]
        assert "more than 0.2 s" in refused(client, "/translate", 504, q=["a", "slow"], **fields)
    with serve() as client:
        assert refused(client, "/translate", 400, q=["slow", "bad"], **fields) == "bad"
    assert given_up == ["slow", "slow"]


def test_pages_of_other_sites(serve: Callable[..., TestClient]) -> None:
    asks = {"Origin": "https://wiki.example.org", "Access-Control-Request-Method": "POST"}
    with serve() as client:
        assert client.options("/translate", headers=asks).status_code == 405
        assert "Access-Control-Allow-Origin" not in client.get("/languages", headers=asks).headers
    for origins, allowed in ((["*"], "*"), (["https://wiki.example.org"], asks["Origin"])):
        with serve(origins=origins) as client:
            before = client.options("/translate", headers=asks)
            assert before.status_code == 200
            assert before.headers["Access-Control-Allow-Origin"] == allowed
            found = client.post("/detect", json={"q": "Hallo"}, headers=asks)
            assert found.headers["Access-Control-Allow-Origin"] == allowed
            assert "Content-Security-Policy" in found.headers
    with serve(origins=["https://other.example.org"]) as client:
        assert client.options("/translate", headers=asks).status_code == 400


def test_no_text_is_logged(
    serve: Callable[..., TestClient],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    secret = "Geheimnis"
    fields = {"source": "de", "target": "en"}
    with caplog.at_level(0), serve() as client:
        post(client, "/translate", q=secret, **fields)
        refused(client, "/translate", 400, q=secret, source="de", target="fr")
        refused(client, "/translate", 400, q=[secret, 1], **fields)
        for error, status in ((UserError("a worker has died"), 503), (ValueError("bug"), 500)):
            search = Mock(side_effect=error)
            monkeypatch.setattr(Batcher, "translate", search)
            refused(client, "/translate", status, q=secret, **fields)
            search.assert_called_once()
    assert "a worker has died" in caplog.text
    told = capfd.readouterr()
    assert secret not in caplog.text + told.out + told.err


def test_keys(serve: Callable[..., TestClient], tmp_path: Path) -> None:
    path = tmp_path / "keys"
    key = add_key(path, "test")
    with serve(keys=Keys(path)) as client:
        assert client.get("/frontend/settings").json()["keyRequired"] is True
        fields = {"q": "Hallo", "source": "de", "target": "en"}
        assert "an API key is needed" in refused(client, "/translate", 400, **fields)
        assert "not known" in refused(client, "/translate", 403, **fields, api_key="x")
        post(client, "/translate", **fields, api_key=key)
        post(client, "/translate", **fields, apiKey=key)
        for path_ in ("/detect", "/explain", "/score", "/alternatives"):
            refused(client, path_, 400, **fields, translation="Hello")
        file = {"file": ("a.txt", b"Hallo")}
        assert client.post("/translate_file", data={"target": "en"}, files=file).status_code == 400


def test_a_rate(serve: Callable[..., TestClient]) -> None:
    with serve(per_minute=2) as client:
        for _ in range(2):
            post(client, "/detect", q="Hallo")
        response = client.post("/detect", json={"q": "Hallo"})
        assert response.status_code == 429 and int(response.headers["Retry-After"]) > 0


def test_files(client: TestClient, translator: Translator) -> None:
    subtitles = f"1\n00:00:01,000 --> 00:00:04,000\n{PIZZA}\n"
    done = client.post(
        "/translate_file",
        data={"source": "de", "target": "en"},
        files={"file": ("../Müller.srt", subtitles.encode())},
    )
    assert done.status_code == 200, done.text
    response = client.get(done.json()["translatedFileUrl"])
    assert response.text == subtitles.replace(PIZZA, translator.translate(PIZZA))
    assert "M%C3%BCller.en.srt" in response.headers["Content-Disposition"]
    for name, content, told in (
        ("a.pdf", b"", "files of these kinds"),
        ("a.txt", b"\xff\xfe", "a.txt is not UTF-8 at byte 0"),
    ):
        response = client.post(
            "/translate_file", data={"target": "en"}, files={"file": (name, content)}
        )
        assert response.status_code == 400 and told in response.json()["error"]
    assert client.post("/translate_file", data={"target": "en"}).json() == {
        "error": "file: missing; send it as multipart/form-data"
    }


def test_a_text_file_keeps_its_lines(client: TestClient, translator: Translator) -> None:
    lines = [PIZZA, "", "Guten Tag!"] * 60
    wanted = {line: translator.translate(line) for line in set(lines)}
    for end in ("\n", "\r\n"):
        done = client.post(
            "/translate_file",
            data={"source": "auto", "target": "en"},
            files={"file": ("a.txt", end.join([*lines, ""]).encode())},
        )
        found = client.get(done.json()["translatedFileUrl"]).content.decode()
        assert found == end.join([*(wanted[line] for line in lines), ""])


def test_every_answer_has_the_headers(client: TestClient) -> None:
    for path in ("/", "/docs", "/languages", "/nowhere", "/metrics"):
        headers = client.get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'"), path
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_metrics_count(serve: Callable[..., TestClient]) -> None:
    with serve() as client:
        post(client, "/translate", q=["Hallo", "Tag"], source="de", target="en")
        client.get("/made-up")
        text = client.get("/metrics").text
    assert 'transformer_requests_total{path="/translate",status="200"} 1.0' in text
    assert 'transformer_requests_total{path="other",status="404"} 1.0' in text
    assert "transformer_texts_total 2.0" in text
    assert "transformer_batch_texts_count 1.0" in text and "made-up" not in text
