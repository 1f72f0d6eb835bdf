"""Calls of the API with values that it should take, and with all kinds that it should not."""

import linecache
import math
import random
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import transformer
from transformer import (
    Config,
    Generator,
    ModelConfig,
    Sampling,
    Translator,
    UserError,
    load_config,
    train,
)
from transformer.inference.evaluation import evaluate

from .inputs import ABSURD, LINES, QUICKSTART, Inputs
from .sandbox import Case, WrongError, require

PACKAGE = Path(transformer.__file__).parent
TEXTS = [line.decode(errors="surrogateescape") for line in LINES]
PREFIXES = ["", "The", "🎉"]
FEW = [1, 2, 3]
SEARCH: dict[str, list[Any]] = {
    "beam_size": [3, 6],
    "length_penalty": ["paper", "power", "none"],
    "alpha": [0, 0.5, 10],
    "patience": [None, 1, 0.5],
    "no_repeat_ngram_size": [0, 2],
    "max_extra_tokens": [0, 3],
    "batch_tokens": [1, 50],
    "split": ["long", "always", "never"],
    "placeholders": [True, False],
    "restore_umlauts": [True],
    "american_spelling": [True],
    "lower_shouting": [True],
    "keep_layout": [True],
    "keep_target_language": [True],
}

Arguments = dict[str, list[Any]]


def _translator(method: str) -> Callable[..., Any]:
    return lambda **named: getattr(Translator.load(QUICKSTART), method)(**named)


def _streamed(**named: Any) -> Any:
    return list(Translator.load(QUICKSTART).translate_stream(**named))


def _sampled(**named: Any) -> Any:
    return Translator.load(QUICKSTART).sample("Ein Hund.", 2, sampling=Sampling(**named))


def _calls(inputs: Inputs, dice: random.Random) -> dict[str, tuple[Callable[..., Any], Arguments]]:
    # For each what is called, and good values of its arguments.
    several = [dice.choices(TEXTS, k=n) for n in (0, 1, 2, 4)]
    pair = dice.choices(TEXTS, k=4)
    gpt = inputs.folder / "gpt"
    runs = [inputs.folder / "quickstart", str(inputs.folder / "tiny"), gpt, "folder", "in.txt"]
    searching = {"n_best": FEW, "workers": [1, 1, 1, 2], **SEARCH}
    loading = {"device": ["cpu", "auto", "meta", "cuda:9"], "precision": ["bf16", "int8", "fp8"]}
    drawing: Arguments = {
        "temperature": [0, 0.5, 100],
        "top_k": [None, 1],
        "top_p": [0.5],
        "seed": [0, 2**99],
    }
    config = load_config(None, [*inputs.settings(), "run_dir=run"])
    sizes: Arguments = {"d_model": [16, 17], "n_heads": [2, 3], "dropout": [0.0], "tie": ["none"]}
    return {
        "translate": (_translator("translate"), {"text": TEXTS, "prefix": PREFIXES, **SEARCH}),
        "translate_batch": (
            _translator("translate_batch"),
            {"lines": several, "prefixes": [None, PREFIXES], **searching},
        ),
        "translate_stream": (
            _streamed,
            {"lines": several, "prefix": PREFIXES, "window": FEW, "first_window": FEW, **searching},
        ),
        "alternatives": (
            _translator("alternatives"),
            {"text": TEXTS, "prefix": PREFIXES, "n": FEW, **SEARCH},
        ),
        "score": (_translator("score"), {"text": TEXTS, "translation": TEXTS}),
        "sample": (_translator("sample"), {"text": TEXTS, "n": FEW, "prefix": PREFIXES}),
        "sampling": (_sampled, drawing),
        "load": (Translator.load, {"path": runs, **loading, "shortlist": [False, True]}),
        "load_ctranslate2": (
            Translator.load_ctranslate2,
            {"path": [inputs.folder / "quickstart.ctranslate2", *runs], "threads": [None, 1, 2]},
        ),
        "generate": (
            lambda **named: Generator.load(gpt).generate(**named),
            {"prompt": ["", "Ein "], "n": FEW, "max_tokens": [1, 20]},
        ),
        "Generator.load": (Generator.load, {"path": [gpt, *runs], **loading}),
        "evaluate": (
            lambda hypotheses=pair, references=pair, **named: evaluate(
                hypotheses, references, **named
            ),
            {"hypotheses": [pair], "references": [pair], "bootstrap": [0, 2], "seed": [1]},
        ),
        "load_config": (
            lambda path=None, **named: load_config(path, **named),
            {"path": [None, "tiny.yaml", "folder"], "overrides": [[], ["seed=5"], ["lr=1"]]},
        ),
        "ModelConfig": (ModelConfig, sizes),
        "Config": (Config, {"seed": [1], "run_dir": ["run"], "model": [ModelConfig()]}),
        "train": (train, {"config": [config], "resume": [False, True]}),
    }


def _wrong(dice: random.Random) -> Any:
    # Of a type or size that hardly any argument takes.
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    return dice.choice(
        [
            *(None, True, -1, 0, 1.5, math.nan, -math.inf, 10**30, 10**5000, 2**31, 1j, b"bytes"),
            *(object(), object, print, Path("in.txt"), range(3), iter("ab"), {1, 2}, {"a": 1}),
            *([], [None], [[]], ["a", 5], ("a", b"b"), {}, [""], ["x"] * 3, nested),
            *ABSURD,
        ]
    )


def make(inputs: Inputs, dice: random.Random, folder: Path) -> Case:
    """A case of one call, in the folder it runs in."""
    inputs.write_files(folder, b"Ein Hund.\n")
    calls = _calls(inputs, dice)
    name = dice.choice(list(calls))
    function, arguments = calls[name]
    first, *others = arguments
    chosen = [first, *dice.sample(others, min(len(others), dice.choice([0, 1, 2, 3])))]
    named = {key: dice.choice(arguments[key]) for key in chosen}
    good = dict(named)
    spoiled = dice.choice([0.0, 0.2, 0.6])
    for key in named:
        if dice.random() < spoiled:
            many = isinstance(named[key], list) and dice.random() < 0.5
            named[key] = [*named[key], _wrong(dice)] if many else _wrong(dice)
    if dice.random() < spoiled / 4:
        named["unknown"] = 1

    def act() -> int:
        try:
            _check(name, named, function(**named), inputs, as_good=named == good)
        except WrongError:
            raise
        except (UserError, ValueError, TypeError) as error:
            if not _is_ours(error):
                raise
            print(f"error: {error}", file=sys.stderr)
            return 1
        return 0

    return Case(f"{name}({', '.join(f'{k}={_short(v)}' for k, v in named.items())})", act)


def _check(name: str, named: dict[str, Any], found: Any, inputs: Inputs, *, as_good: bool) -> None:
    if name == "translate":
        require(isinstance(found, str), f"a {type(found)}")
        if as_good and named.keys() == {"text"}:
            wanted = inputs.references["quickstart"].get(named["text"], found)
            require(found == wanted, f"{found!r} instead of {wanted!r}")
    if name in ("translate_batch", "translate_stream"):
        if as_good:
            require(len(found) == len(named["lines"]), f"{len(found)} translations")
        for best in found:
            texts = [translation.text for translation in best]
            require(0 < len(texts) <= named.get("n_best", 1), f"{len(texts)} translations")
            require(len(set(texts)) == len(texts), f"twice the same text: {texts}")


def _is_ours(error: BaseException) -> bool:
    # Raised on purpose by the package, or by Python for a call that is impossible.
    file, line = [(f.filename, f.lineno) for f in traceback.extract_tb(error.__traceback__)][-1]
    if isinstance(error, UserError) or Path(file) == Path(__file__):
        return True
    if str(error).endswith("an unexpected keyword argument 'unknown'"):
        return True
    raised = linecache.getline(file, line or 0).strip().startswith("raise")
    return raised and PACKAGE in Path(file).parents


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # lists in lists, and numbers of too many digits
        text = f"<an enormous {type(value).__name__}>"
    return text if len(text) <= 100 else f"{text[:80]}...{text[-15:]}"
