"""Command lines: good ones, and what becomes of them under clumsy hands."""

import os
import random
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformer import cli
from transformer.cli import export
from transformer.runs import directory

from .inputs import ABSURD, FILES, GOOD, LINES, QUICKSTART, TARGETS, Inputs
from .outputs import Line, Options, check
from .sandbox import Case

MODELS = ["quickstart", "quickstart", "tiny", "gpt", "quickstart.ctranslate2", "folder", "in.txt"]
MODELS += ["quickstart.huggingface", "missing", "tiny/checkpoints/step-00000004", "empty.txt"]
NUMBERS = ["1", "2", "3", "5"]

SEARCH: dict[str, list[str] | None] = {
    "--beam-size": [*NUMBERS, "32", "257", "100000"],
    "--length-penalty": ["paper", "power", "none", "other"],
    "--alpha": ["0", "0.6", "1", "10", "10.1"],
    "--patience": ["0.1", "1", "2.5", "1000", "0"],
    "--relative-threshold": ["0.5", "2", "1000", "0"],
    "--max-per-parent": ["1", "3", "0"],
    "--no-repeat-ngram-size": ["0", "1", "3", "1000", "1001"],
}
MODEL = {
    "--model": MODELS,
    "--engine": ["torch", "ctranslate2", "auto", "tensorrt"],
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
    **{"--alternatives": [*NUMBERS, "20", "101"], "--n-best": [*NUMBERS, "32", "257", "1001"]},
    **{"--to": ["de", "EN", "fr", ""], "--min-confidence": ["0", "0.5", "1", "1.1", "nan"]},
    "--format": ["text", "html", "markdown", "srt", "tsv", "pdf"],
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
    **WRITING,
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


Maker = Callable[[random.Random], Line]


def _pick(dice: random.Random, table: dict[str, list[str] | None], *names: str) -> list[Any]:
    return [(name, dice.choice(values) if (values := table[name]) else None) for name in names]


def _translate(dice: random.Random) -> Line:
    line = Line("translate")
    ways: list[list[str]] = [[], ["--n-best"], ["--sample"], ["--alternatives"], ["--json"]]
    ways += [["--sample", "--n-best", "--seed"], ["--alternatives", "--prefix"], ["--prefix"]]
    ways += [["--to"], ["--min-confidence"], ["--format"], ["--format", "--json"]]
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
        directory.SHIPPED = QUICKSTART  # small and quick, and what the references are of
        return main(argv)

    case = Case(shlex.join([f"transformer-{line.command}", *argv]), act)
    case.stdin = dice.choice([text, text, text, b"", None, bytes(range(256))])
    case.stdout = dice.choices(["kept", "closed", "full", "gone"], [12, 1, 1, 1])[0]
    case.shown += {None: " <&-", text: "", b"": " </dev/null"}.get(case.stdin, " <random.bin")
    case.shown += {"closed": " >&-", "full": " >/dev/full", "gone": " | true"}.get(case.stdout, "")
    given = line.given()
    if "--overwrite" in given and given.get("--output") and line.command != "export":
        target = folder / str(given["--output"])
        case.may_change = {target, target.resolve(), target.with_name(f"{target.name}.partial")}
    if "--resume" in given:
        case.may_change = {folder / "tiny"}
    case.check = lambda ended: check(ended, line, inputs)
    return case
