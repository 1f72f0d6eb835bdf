"""Command lines: good ones, and what becomes of them under clumsy hands."""

import gzip
import json
import os
import random
import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformer import checkpoint, cli
from transformer.export import cli as export

from .inputs import ABSURD, FILES, GOOD, LINES, QUICKSTART, TARGETS, Inputs, lines_in
from .sandbox import Case, Ended, WrongError, require, workplace

MODELS = ["quickstart", "quickstart", "tiny", "gpt", "quickstart.ctranslate2", "folder", "in.txt"]
MODELS += ["quickstart.huggingface", "missing", "tiny/checkpoints/step-00000004", "empty.txt"]
NUMBERS = ["1", "2", "3", "5"]

SEARCH: dict[str, list[str] | None] = {
    "--beam-size": [*NUMBERS, "256", "257", "100000"],
    "--length-penalty": ["paper", "power", "none", "other"],
    "--alpha": ["0", "0.6", "1", "10", "10.1"],
    "--patience": ["0.1", "1", "2.5", "1000", "0"],
    "--coverage-penalty": ["0", "0.2", "10"],
    "--no-repeat-ngram-size": ["0", "1", "3", "1000", "1001"],
}
MODEL = {
    "--model": MODELS,
    "--engine": ["torch", "ctranslate2", "tensorrt"],
    "--precision": ["fp32", "bf16", "int8", "fp8", "INT8"],
    "--device": ["cpu", "cpu", "auto", "cuda", "cuda:1", "mps", "meta", "cpu:0", "cpu:7", "tpu"],
    "--threads": ["1", "2", "16", "17", "512", "513", "3000", "40000"],
}
MANY: dict[str, list[str] | None] = {"--shortlist": None, "--workers": ["1", "2", "64", "65"]}
SAMPLING = {
    "--temperature": ["0", "0.7", "1", "100", "101"],
    "--top-k": ["1", "5", "1000000", "0"],
    "--top-p": ["0.5", "1", "0", "1.1"],
    "--seed": ["0", "7", str(2**128 - 1), str(2**128)],
}
WRITING: dict[str, list[str] | None] = {"--output": TARGETS, "--overwrite": None}

TRANSLATE: dict[str, list[str] | None] = {
    **{"--input": FILES, **WRITING, "--resume-output": None, "--json": None},
    **{**MODEL, **SEARCH, **MANY, **SAMPLING, "--sample": None, "--score": [*FILES, "A dog."]},
    **{"--alternatives": [*NUMBERS, "100", "101"], "--n-best": [*NUMBERS, "256", "257", "1001"]},
    "--prefix": ["The", "The pizza came", "x" * 300, "日本", "@1"],
}
EVALUATE: dict[str, list[str] | None] = {
    **{"--input": FILES, "--hypotheses": FILES, "--reference": FILES, **WRITING, "--json": None},
    **{**MODEL, **SEARCH, **MANY, "--bootstrap": ["0", "1", "2", "10", "100001"]},
}
GENERATE: dict[str, list[str] | None] = {
    **{"--model": [*["gpt"] * 9, *MODELS], "--score": None, "--precision": MODEL["--precision"]},
    **{"--device": MODEL["--device"], "--threads": MODEL["--threads"], **SAMPLING},
    **{"--n": [*NUMBERS, "1001"], "--max-tokens": [*NUMBERS, "40", "10000001"]},
}
TRAIN: dict[str, list[str] | None] = {
    "--config": ["tiny.yaml", "in.txt", "missing.yaml", "folder", "/dev/null", "random.bin"],
    **dict.fromkeys(("--resume", "--dry-run", "--settings")),
}
EXPORT: dict[str, list[str] | None] = {
    "--model": MODELS,
    "--format": ["ctranslate2", "huggingface", "onnx"],
    "--quantization": ["float32", "float16", "bfloat16", "int16", "int8", "int8_float16", "int4"],
    **{"--output": [*TARGETS, "existing folder"], "--overwrite": None},
}
OVERRIDES: dict[str, list[str]] = {
    "training.max_steps": ["1", "3"],
    "training.batch_tokens": ["100", "120", "1000"],
    "training.accumulate": ["2"],
    "training.start_from": ["tiny", "other", "gpt", "quickstart", "missing", "shipped"],
    "training.decay": ["linear", "cosine"],
    "training.learning_rate_scale": ["1e6", "0.1"],
    "training.label_smoothing": ["0", "0.99", "1"],
    "training.consistency": ["0.5", "1000"],
    "training.precision": ["bf16", "fp32", "fp16"],
    "training.device": ["cpu", "meta", "cuda:9"],
    "training.average_checkpoints": ["0", "3", "9"],
    "training.clip_norm": ["1e-9", "1"],
    "task": ["language_modeling", "translation"],
    "tokenizer.kind": ["bpe", "characters", "byte_bpe", "unigram"],
    "tokenizer.vocab_size": ["300", "299", "100000"],
    "tokenizer.path": ["tiny/sentencepiece.model", "in.txt", "folder"],
    "tokenizer.sampling_alpha": ["0.2", "100"],
    "model.dropout": ["0", "0.99"],
    "model.n_heads": ["3", "16"],
    "model.d_model": ["17", "18"],
    "model.context": ["1", "99", "1000"],
    "data.train": [*FILES, "[in.txt, {path: in.txt, weight: 3}]", "{path: in.txt, src: 2, tgt: 1}"],
    "data.val": [*FILES, "builtin", "hub:nobody/nothing"],
    "data.src_lang": ["en", "xx", "DE"],
    "run_dir": ["new run", "🎉", "folder", "in.txt", "in.txt/x", "/dev/null", "tiny", "a/b/c"],
    "seed": ["0", "2147483647", "2147483648"],
    **{name: ["1"] for name in ("lr", "training.lr", "epochs", "hidden_size", "data.train.0.path")},
}
"""Of training; all that is allowed ends soon."""


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


Maker = Callable[[random.Random], Line]


def _pick(dice: random.Random, table: dict[str, list[str] | None], *names: str) -> list[Any]:
    return [(name, dice.choice(values) if (values := table[name]) else None) for name in names]


def _translate(dice: random.Random) -> Line:
    line = Line("translate")
    ways: list[list[str]] = [[], ["--n-best"], ["--sample"], ["--alternatives"], ["--json"]]
    ways += [["--sample", "--n-best", "--seed"], ["--alternatives", "--prefix"], ["--prefix"]]
    ways += [["--n-best", "--json"], list(dice.sample(list(SEARCH), 2)), ["--precision"], []]
    line.options += _pick(dice, TRANSLATE, *dice.choice(ways))
    if dice.random() < 0.1:
        line.options += [("--score", dice.choice(["A dog.", "in.txt", "🎉"]))]
    if dice.random() < 0.5:
        line.options += [("--input", dice.choice(["in.txt", "in.txt.gz", "-", "link.txt"]))]
    else:
        n = dice.choice([0, 1, 1, 1, 2, 3])
        line.others = [os.fsdecode(text).replace("\0", "") for text in dice.choices(LINES, k=n)]
    if dice.random() < 0.4:
        line.options += _pick(dice, TRANSLATE, "--output")
    if dice.random() < 0.15:
        line.options += _pick(dice, TRANSLATE, "--overwrite")
    if dice.random() < 0.5:
        line.options += _pick(dice, TRANSLATE, "--model")
    return line


def _evaluate(dice: random.Random) -> Line:
    what = dice.choice(["--input", "--input", "--hypotheses"])
    options: Options = [(what, "in.txt"), ("--reference", dice.choice(["in.txt", "in.txt.gz"]))]
    if what == "--input" and dice.random() < 0.5:
        options += _pick(dice, EVALUATE, "--output")
    bootstrap = ("--bootstrap", dice.choice(["0", "2", "10"]))
    return Line("evaluate", [*options, bootstrap, *[("--json", None)] * dice.randint(0, 1)])


def _generate(dice: random.Random) -> Line:
    options: Options = [("--model", "gpt"), ("--max-tokens", dice.choice(["1", "20", "60"]))]
    if dice.random() < 0.2:
        options = [("--model", "gpt"), ("--score", None)]
    elif dice.random() < 0.5:
        options += _pick(dice, GENERATE, dice.choice(["--n", *SAMPLING]))
    return Line("generate", options, dice.choices([*GOOD, "", "e", *ABSURD], k=dice.randint(0, 1)))


def _train(dice: random.Random) -> Line:
    line = Line("train", [("--config", "tiny.yaml")])
    names = dice.choices(list(OVERRIDES), k=dice.choice([0, 1, 1, 1, 2]))
    line.others = [f"{name}={dice.choice(OVERRIDES[name])}" for name in names]
    if dice.random() < 0.5:
        line.options += [("--dry-run", None)]
    return line


def _export(dice: random.Random) -> Line:
    model = ("--model", dice.choice(["quickstart", "tiny"]))
    return Line("export", [model, *_pick(dice, EXPORT, "--format", "--output", "--quantization")])


KINDS: list[tuple[int, Maker, dict[str, list[str] | None], Callable[[Sequence[str]], int]]] = [
    (5, _translate, TRANSLATE, lambda argv: cli.translate_main(argv)),
    (2, _evaluate, EVALUATE, lambda argv: cli.evaluate_main(argv)),
    (1, _generate, GENERATE, lambda argv: cli.generate_main(argv)),
    (2, _train, TRAIN, lambda argv: cli.train_main(argv)),
    (1, _export, EXPORT, lambda argv: export.main(argv)),
]


def _spoil(dice: random.Random, line: Line, table: dict[str, list[str] | None]) -> None:
    match dice.randrange(7):
        case 0 if line.options:  # another value
            place = dice.randrange(len(line.options))
            name, value = line.options[place]
            if value is not None:
                line.options[place] = (name, dice.choice(ABSURD))
        case 1 if line.options:
            del line.options[dice.randrange(len(line.options))]
        case 2 | 3:
            line.options += _pick(dice, table, dice.choice(list(table)))
        case 4:
            name = dice.choice([name for name, values in table.items() if values])
            line.options.append((name, dice.choice(ABSURD)))
        case 5 if line.command == "train":
            value = dice.choice([*ABSURD, "!!int ''", "&x {a: *x}", "[" * 3000, "{a: " * 300])
            line.others.append(f"{dice.choice([*OVERRIDES, '', 'x', '.'])}={value}")
        case 5:
            line.others.append(dice.choice(ABSURD))
        case _:
            line.options.append((dice.choice(["--unknown", "--help", "-h"]), None))


def make(inputs: Inputs, dice: random.Random, folder: Path) -> Case:
    """A case of one command, in the folder it runs in."""
    text = b"".join(part + b"\n" for part in dice.choices(LINES, k=dice.choice([1, 2, 3, 6])))
    inputs.write_files(folder, text[: -dice.randint(1, 2)] if dice.random() < 0.2 else text)
    _, maker, table, main = dice.choices(KINDS, [kind[0] for kind in KINDS])[0]
    line = maker(dice)
    for _ in range(dice.choice([0, 0, 0, 0, 1, 1, 2, 3])):
        _spoil(dice, line, table)
    argv = line.argv()

    def act() -> int:
        checkpoint.SHIPPED = QUICKSTART  # small and quick, and what the references are of
        return main(argv)

    case = Case(shlex.join([f"transformer-{line.command}", *argv]), act)
    case.stdin = dice.choice([text, text, text, b"", None, bytes(range(256))])
    case.stdout = dice.choices(["kept", "closed", "full", "gone"], [12, 1, 1, 1])[0]
    case.shown += {None: " <&-", text: "", b"": " </dev/null"}.get(case.stdin, " <random.bin")
    case.shown += {"closed": " >&-", "full": " >/dev/full", "gone": " | true"}.get(case.stdout, "")
    given, target = line.given(), folder / (line.given().get("--output") or "")
    if "--overwrite" in given:
        case.may_change = {target, target.resolve(), target.with_name(f"{target.name}.partial")}
    if "--resume" in given:
        case.may_change = {folder / "tiny"}
    case.check = lambda ended: check(ended, line, inputs)
    return case


# What must come out -------------------------------------------------------------------------------


def check(ended: Ended, line: Line, inputs: Inputs) -> None:
    """What a command that says it has succeeded must have done.

    Raises:
        WrongError: it has not.
    """
    given = line.given()
    if given.keys() & {"--help", "-h"} or "--" in line.others:
        return
    if ended.case.stdout in ("closed", "full") and _prints(line):
        raise WrongError("status 0, though nothing could be printed")
    _CHECKS[line.command](ended, line, given, inputs)


def _prints(line: Line) -> bool:
    if line.command == "translate":
        return False  # of nothing comes nothing: see _check_translate
    return line.command in ("evaluate", "generate") or "--dry-run" in line.given()


def _check_translate(ended: Ended, line: Line, given: Given, inputs: Inputs) -> None:
    lines = _texts(line.others) if line.others else _read(ended, given.get("--input") or "-")
    rows = _rows(ended, given, len(lines))
    if rows is None:
        return
    n_best = int(given.get("--n-best") or 1)
    if "--json" not in given and (n_best > 1 or "--alternatives" in given):
        _check_ranked(rows, lines, n_best if "--n-best" in given else 101, given)
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
    default = not given.keys() & {*SEARCH, "--prefix", "--shortlist"}
    default &= given.get("--precision", "fp32") == "fp32" and given.get("--engine") != "ctranslate2"
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
        rows = _rows(ended, given, len(lines))
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
    model = workplace(ended.folder) / (runs[-1] if runs else "runs/tiny") / "model.safetensors"
    require(model.is_file() or bool(runs), "no model was saved")
    if not line.others:
        same = model.read_bytes() == (inputs.folder / "tiny" / model.name).read_bytes()
        require(same, "another model than from the same settings before")


def _check_export(ended: Ended, line: Line, given: Given, inputs: Inputs) -> None:
    folder = workplace(ended.folder) / str(given["--output"])
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


def _read(ended: Ended, name: str) -> list[str]:
    if name == "-":
        require(ended.case.stdin is not None, "status 0, though standard input is closed")
        return lines_in(ended.case.stdin or b"")
    raw = (workplace(ended.folder) / name).read_bytes()
    return lines_in(gzip.decompress(raw) if name.endswith(".gz") else raw)


def _texts(texts: list[str]) -> list[str]:
    pieces = [piece for text in texts for piece in os.fsencode(text).split(b"\n")]
    return lines_in(b"".join(piece + b"\n" for piece in pieces))


def _rows(ended: Ended, given: Given, n_lines: int) -> list[str] | None:
    target = given.get("--output")
    if target is None and ended.case.stdout != "kept":
        lost = n_lines and ended.case.stdout != "gone"
        require(not lost, "status 0, though nothing could be printed")
        return None
    if target is not None and target.startswith("/"):  # a device
        return None
    content = ended.stdout
    if target is not None:
        require(not content, "printed, in spite of --output")
        content = (workplace(ended.folder) / target).read_bytes()
    require(content.endswith(b"\n") or not content, "the last line is cut off")
    return content.decode().split("\n")[:-1]
