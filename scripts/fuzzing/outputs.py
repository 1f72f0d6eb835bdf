"""What must come out of a command that says it has succeeded."""

import gzip
import json
import os
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from .inputs import GOOD, Inputs, lines_in
from .sandbox import Ended, require, workplace

Options = list[tuple[str, str | None]]
Given = dict[str, str | None]


@dataclass
class Line:
    """A command line in the making."""

    command: str
    options: Options = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # texts, overrides, a prompt

    def given(self) -> Given:
        """The options; the last of equal ones counts."""
        return dict(self.options)

    def argv(self) -> list[str]:
        """As `sys.argv` has it."""
        options = [part for pair in self.options for part in pair if part is not None]
        return [*options, *self.others]


SEARCHING = {
    *("--beam-size", "--length-penalty", "--alpha", "--patience"),
    *("--no-repeat-ngram-size", "--relative-threshold", "--max-per-parent"),
    *("--prefix", "--shortlist", "--to"),
}
"""Options without which the references are what comes out."""

BEAM = 4
"""Of the model that made the references."""


def check(ended: Ended, line: Line, inputs: Inputs) -> None:
    """What a command that says it has succeeded must have done.

    Raises:
        WrongError: it has not.
    """
    given = line.given()
    if given.keys() & {"--help", "-h"} or "--" in line.others:
        return
    # Of translations, see _rows: of no lines there is nothing to print.
    prints = line.command in ("evaluate", "generate") or "--dry-run" in given
    lost = prints and ended.case.stdout in ("closed", "full")
    require(not lost, "status 0, though nothing could be printed")
    _CHECKS[line.command](ended, line, given, inputs)


def _check_translate(ended: Ended, line: Line, given: Given, inputs: Inputs) -> None:
    lines = _texts(line.others) if line.others else _read(ended, given.get("--input") or "-")
    rows = _rows(ended, line, given, len(lines))
    if rows is None or given.get("--format", "text") != "text":  # a document's lines may join
        return
    n_best = int(given.get("--n-best") or 1)
    if "--json" not in given and (n_best > 1 or "--alternatives" in given):
        _check_ranked(rows, lines, int(given.get("--alternatives") or n_best), given)
        return
    require(len(rows) == len(lines), f"{len(rows)} lines of {len(lines)}")
    if "--json" in given:
        loaded = [json.loads(row) for row in rows]
        require([row["source"] for row in loaded] == lines, "another source in the JSON")
        if "--score" in given:
            return
        rows = [row["translations"][0]["text"] for row in loaded if row["translations"]]
    if not given.keys() & {"--score", "--sample", "--alternatives"}:
        _check_texts(rows, lines, given, inputs)


def _check_texts(rows: list[str], lines: list[str], given: Given, inputs: Inputs) -> None:
    # By default, a line has one translation.
    model = given.get("--model", "quickstart")
    default = not given.keys() & SEARCHING and int(given.get("--n-best") or 1) <= BEAM
    default &= given.get("--precision", "fp32") == "fp32"
    default &= given.get("--engine") not in ("ctranslate2", "auto")
    if default and model in inputs.references:
        for row, text in zip(rows, lines, strict=True):
            wanted = inputs.references[model].get(text, row)
            require(row == wanted, f"{text!r} became {row!r} instead of {wanted!r}")


def _check_ranked(rows: list[str], lines: list[str], n: int, given: Given) -> None:
    found = defaultdict(list)
    for row in rows:
        line, rest = row.split(" ||| ", 1)
        text, score = rest.rsplit(" ||| ", 1)
        found[int(line)].append((text, float(score)))
    if "--alternatives" not in given:
        require(list(found) == list(range(len(lines))), "not every line has its rows")
    for number, ranked in found.items():
        require(len(ranked) <= n, "more translations than asked for")
        texts, scores = zip(*ranked, strict=True)
        if "--sample" not in given:
            require(len(set(texts)) == len(texts), f"twice the same text: {texts}")
        # What was cut off for its length stands last, whatever its score.
        if not given.keys() & {"--sample", "--alternatives", "--model"} and lines[number] in GOOD:
            require(list(scores) == sorted(scores, reverse=True), f"not in order: {scores}")


def _check_evaluate(ended: Ended, line: Line, given: Given, inputs: Inputs) -> None:
    lines = _read(ended, given.get("--input") or given.get("--hypotheses") or "")
    if (target := given.get("--output")) and not target.startswith("/"):
        rows = _rows(ended, line, given, len(lines))
        _check_texts(rows or [], lines, given, inputs)
    if ended.case.stdout != "kept":
        return
    if "--json" in given:
        report = json.loads(ended.stdout)
        require(report["lines"] == len(lines), f"{report['lines']} lines of {len(lines)}")
        values = [score["value"] for score in report["scores"]]
    else:
        values = [float(row.split()[1]) for row in ended.stdout.decode().splitlines()[:2]]
    require(len(values) == 2 and all(-0.001 < v < 100.001 for v in values), f"scores {values}")


def _check_generate(ended: Ended, line: Line, given: Given, inputs: Inputs) -> None:
    if ended.case.stdout != "kept":
        return
    printed, prompt = ended.stdout, os.fsencode("".join(line.others[:1]))
    if "--score" in given:
        require(b" bits per character" in printed, f"no score: {printed[:100]!r}")
    elif (n := int(given.get("--n") or 1)) > 1:
        require(len(re.findall(rb"(?m)^--- \d+ ---$", printed)) >= n, f"not {n} texts")
    else:
        require(printed.startswith(prompt), f"begins with {printed[:50]!r}")


def _check_train(ended: Ended, line: Line, given: Given, inputs: Inputs) -> None:
    if given.keys() & {"--dry-run", "--settings"}:
        require(bool(ended.stdout) or ended.case.stdout != "kept", "nothing printed")
        return
    runs = [text.partition("=")[2] for text in line.others if text.startswith("run_dir=")]
    model = _place(ended, runs[-1] if runs else "runs/tiny") / "model.safetensors"
    require(model.is_file() or bool(runs), "no model was saved")
    if not line.others:
        same = model.read_bytes() == (inputs.folder / "tiny" / model.name).read_bytes()
        require(same, "another model than from the same settings before")


def _check_export(ended: Ended, line: Line, given: Given, inputs: Inputs) -> None:
    folder = _place(ended, str(given["--output"]))
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    model = given.get("--model", "quickstart")
    if model in inputs.references:
        expected = inputs.export(str(model), str(given["--format"]))
        require(found.keys() == expected.keys(), f"other files: {sorted(found)}")
        as_usual = given.get("--quantization", "float32") == "float32"
        require(found == expected or not as_usual, "other content than before")


_CHECKS = {
    "translate": _check_translate,
    "evaluate": _check_evaluate,
    "generate": _check_generate,
    "train": _check_train,
    "export": _check_export,
}


def _place(ended: Ended, name: str) -> Path:
    # Where the command finds what is named so; ~ is its home.
    if name == "~" or name.startswith("~/"):
        return ended.folder / "home" / name[2:]
    return workplace(ended.folder) / name


def _read(ended: Ended, name: str) -> list[str]:
    if name == "-":
        require(ended.case.stdin is not None, "status 0, though standard input is closed")
        return lines_in(ended.case.stdin or b"")
    raw = _place(ended, name).read_bytes()
    return lines_in(gzip.decompress(raw) if name.endswith(".gz") else raw)


def _texts(texts: list[str]) -> list[str]:
    pieces = [piece for text in texts for piece in os.fsencode(text).split(b"\n")]
    return lines_in(b"".join(piece + b"\n" for piece in pieces))


def _rows(ended: Ended, line: Line, given: Given, n_lines: int) -> list[str] | None:
    target = given.get("--output")
    if target is None and ended.case.stdout != "kept":
        # Of an empty line there are no alternatives.
        lost = n_lines and ended.case.stdout != "gone" and "--alternatives" not in given
        require(not lost, "status 0, though nothing could be printed")
        return None
    if target is not None and target.startswith("/"):  # a device
        return None
    content = ended.stdout
    if target is not None:
        require(line.command == "evaluate" or not content, "printed, in spite of --output")
        content = _place(ended, target).read_bytes()
    require(content.endswith(b"\n") or not content, "the last line is cut off")
    return content.decode().split("\n")[:-1]
