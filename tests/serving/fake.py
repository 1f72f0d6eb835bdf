"""A service that answers the page with fixed data, late or with errors where a test wants it."""

from __future__ import annotations

import json
import math
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import transformer
from transformer.serving.observing import POLICY

PAGE = Path(transformer.__file__).parent / "serving" / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
SENTENCES = {
    "Die Pizza kam aus dem Ofen": "The pizza came out of the oven",
    "Die Pizza kam aus dem Ofen, und sie schmeckte gut.": (
        "The pizza came out of the oven, and it tasted good."
    ),
    "Ein Hund läuft durch den Schnee.": "A dog runs through the snow.",
}
ALIGNED = {
    "The": "Die",
    "pizza": "Pizza",
    "came": "kam",
    "out": "aus",
    "of": "aus",
    "the": "dem",
    "oven": "Ofen",
    "it": "sie",
    "and": "und",
    "tasted": "schmeckte",
    "good": "gut",
}
DOUBTFUL = {"came": 0.83, "out": 0.55, "it": 0.31}
ALTERNATIVES = {
    "The ": [("The pizza was coming out of the oven", 0.18), ("The cake came out", 0.04)],
    "The pizza ": [
        ("The pizza was coming out of the oven", 0.22),
        ("The pizza arrived from the oven", 0.11),
        ("The pizza came out of the oven", 0.62),
        ("The pizza has just come out of the oven", 0.03),
    ],
}
CARD = """<h1>de-en</h1><p>Translates <strong>German</strong> into English.</p>
<h2>Scores</h2><table><thead><tr><th>Test set</th><th>BLEU</th></tr></thead>
<tbody><tr><td>Tatoeba</td><td>41.2</td></tr></tbody></table>
<h2>Limits</h2><ul><li>Short sentences only.</li></ul>"""


@dataclass
class Fake:
    """What the tests set and read."""

    settings: dict[str, Any] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)
    """Seconds until a text's translation is answered."""
    failures: dict[str, list[tuple[int, dict[str, str], str]]] = field(default_factory=dict)
    """By path: status, headers and sentence of answers to come, used up one by one."""
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By path: what is added to its answer."""
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Path and body of every POST."""

    def start(self) -> str:
        """Serves from now on, and returns the address."""
        handler = type("BoundHandler", (_Handler,), {"fake": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/"

    def stop(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """What was posted to a path."""
        return [body for found, body in self.requests if found == path]

    def get(self, path: str) -> Any:
        """The answer to a GET, or None."""
        if path == "/languages":
            return [
                {"code": "de", "name": "German", "targets": ["en"]},
                {"code": "en", "name": "English", "targets": ["de"]},
            ]
        if path == "/frontend/settings":
            return {
                "apiKeys": False,
                "keyRequired": False,
                "charLimit": 5000,
                "frontendTimeout": 250,
                "filesTranslation": True,
                "supportedFilesFormat": [".txt", ".srt", ".html"],
                "suggestions": False,
                "language": {
                    "source": {"code": "de", "name": "German"},
                    "target": {"code": "en", "name": "English"},
                },
                **self.settings,
            }
        if path == "/card":
            return {"name": "de-en", "html": CARD}
        return None

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The answer to a POST, or None."""
        if path == "/translate":
            return self._translate(body)
        if path == "/explain":
            return explanation(body["q"], body["translation"])
        if path == "/alternatives":
            found = ALTERNATIVES.get(body["prefix"], [])
            return {"alternatives": [{"text": text, "confidence": p} for text, p in found]}
        if path == "/translate_file":
            return {"translatedFileUrl": "http://elsewhere.invalid/download_file/notes.en.txt"}
        return None

    def _translate(self, body: dict[str, Any]) -> dict[str, Any]:
        time.sleep(self.delays.get(body["q"], 0))
        backwards = {english: german for german, english in SENTENCES.items()}
        table = SENTENCES if body["target"] == "en" else backwards
        lines = [table.get(line, line.upper()) for line in body["q"].split("\n")]
        answer = {"translatedText": "\n".join(lines), "confidence": 0.84, "warnings": []}
        if body["source"] == "auto":
            language = "en" if body["q"].startswith(("The", "A ")) else "de"
            answer["detectedLanguage"] = {"confidence": 98, "language": language}
        return answer


def words(text: str) -> list[str]:
    """Words and punctuation marks."""
    return re.findall(r"\w+|[^\w\s]", text)


def explanation(source: str, target: str) -> dict[str, Any]:
    """As `Explanation.to_dict` has it; aligned words attend to one another."""
    from_pieces, from_words = _side(source)
    to_pieces, to_words = _side(target)
    n = len(from_pieces)
    rows, log_probs = [], []
    for word in to_words:
        aligned = ALIGNED.get(word["text"])
        at = next((w for w in from_words if w["text"] == aligned), from_words[-1])
        row = [0.3 / n] * n
        for piece in range(at["first"], at["last"] + 1):
            row[piece] += 0.7 / (at["last"] + 1 - at["first"])
        n_pieces = word["last"] + 1 - word["first"]
        rows += [row] * n_pieces
        log_probs += [math.log(DOUBTFUL.get(word["text"], 0.97)) / n_pieces] * n_pieces
    even = [[1 / n] * n for _ in rows]
    backwards = [row[::-1] for row in rows]
    return {
        "source": {"pieces": from_pieces, "words": from_words},
        "target": {"pieces": to_pieces, "words": to_words},
        "log_probs": log_probs,
        "cross": [[even, rows], [rows, backwards]],
        "rollout": rows,
        "saliency": [[2 * x - 0.3 for x in row] for row in rows],
        "layers": 2,
        "heads": 2,
    }


def _side(text: str) -> tuple[list[str], list[dict[str, Any]]]:
    # Words of more than five letters are two pieces.
    pieces: list[str] = []
    found: list[dict[str, Any]] = []
    for word in words(text):
        parts = [word[:3], word[3:]] if len(word) > 5 else [word]
        first = len(pieces)
        pieces += ["▁" + parts[0], *parts[1:]]
        found.append({"text": word, "first": first, "last": len(pieces) - 1})
    found.append({"text": "</s>", "first": len(pieces), "last": len(pieces)})
    return [*pieces, "</s>"], found


class _Handler(BaseHTTPRequestHandler):
    fake: Fake
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith("/download_file/"):
            return self._answer(200, b"translated", "text/plain; charset=utf-8")
        name = "index.html" if path == "/" else path.removeprefix("/page/")
        file = PAGE / name
        if "/" not in name and file.is_file():
            return self._answer(200, file.read_bytes(), TYPES[file.suffix])
        return self._answer_json(self.fake.get(path))

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Type"].startswith("multipart/"):
            body: dict[str, Any] = {"form": data.decode("utf-8", "replace")}
        else:
            body = json.loads(data)
        self.fake.requests.append((path, body))
        waiting = self.fake.failures.get(path)
        if waiting:
            status, headers, sentence = waiting.pop(0)
            return self._answer_json({"error": sentence}, status, headers)
        answer = self.fake.post(path, body)
        if answer is not None:
            answer |= self.fake.answers.get(path, {})
        return self._answer_json(answer)

    def _answer_json(
        self, found: Any, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        if found is None:
            status, found = 404, {"error": "no such address"}
        self._answer(status, json.dumps(found).encode(), "application/json", headers)

    def _answer(
        self, status: int, data: bytes, kind: str, headers: dict[str, str] | None = None
    ) -> None:
        try:
            self.send_response(status)
            for name, value in {
                "Content-Type": kind,
                "Content-Length": str(len(data)),
                "Content-Security-Policy": POLICY,
                **(headers or {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:
            self.close_connection = True  # the page has given up

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""
