"""Configuration files and overrides as nobody should write them."""

import random
import re
import shlex
import sys
from pathlib import Path

from transformer.config import ConfigError, load_config, setting_paths

from .inputs import ABSURD
from .sandbox import Case, require

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))

YAML = """
    null|.nan|-.inf|1:30|[[[[1]]]]|{a: {b: 1}}|''|"\\0"|"\\ud800"|"\\UFFFFFFFF"|!!int ''|!!bool foo
    |!!binary x|!!timestamp foo|!!set {a}|!!python/name:os.system|&x [*x]|&x {a: *x}|*x|&a b|<<
    |{<<: [1]}|=|2026-02-30|- a|'|[|{|}|%|@|`|? [a]|!|!!|---|...|>|\\|#|builtin|hub:|hub::|hub:a:b:c
    |{path: a, hub: b}|[builtin, {path: 5}]|&a [&b [*b, *b], *a]|{path: a, weight: 1e-7}|\t|\r|\0
""".replace("\n    ", "").split("|")
BOMB = "{" + ", ".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)) + "}"
YAML += ["[" * 3000, "{a: " * 300, "a, " * 9000, "&a " * 50, f"{{a0: &a0 x, {BOMB[1:]}", "1\n" * 99]
MEANT = ["0", "1", "2", "50", "1000", "0.5", "true", "false", "null", "auto", "de", "some name"]
ODD = [*YAML, *(value for value in ABSURD if "\udcff" not in value)]


def mutated(text: str, dice: random.Random) -> bytes:
    """Lines lost, doubled, moved and spoiled; sometimes bytes, or the encoding."""
    lines = text.split("\n")
    for _ in range(dice.randint(1, 4)):
        i = dice.randrange(len(lines))
        match dice.randrange(7):
            case 0:
                del lines[i : i + dice.randint(1, 3)]
            case 1:
                lines.insert(dice.randrange(len(lines)), lines[i])
            case 2 | 3:
                lines[i] = re.sub(r"(?<=: ).*|^$", lambda _: dice.choice(ODD), lines[i])
            case 4:
                lines[i] = re.sub(r"\w+(?=:)", lambda _: dice.choice(ODD), lines[i])
            case 5:
                lines[i] = " " * dice.randint(0, 3) + lines[i].lstrip()
            case 6:
                at = dice.randint(0, len(lines[i]))
                lines[i] = lines[i][:at] + dice.choice(ODD) + lines[i][at + 1 :]
        lines = lines or [""]
    raw = bytearray("\n".join(lines).encode(errors="replace"))
    match dice.randrange(20):
        case 0:
            raw = bytearray(bytes(raw).decode().encode("utf-16"))
        case 1:
            raw = raw[: dice.randint(0, len(raw))]
        case 2:
            raw[:0] = b"\xef\xbb\xbf"
        case 3:
            for _ in range(dice.randint(1, 5) if raw else 0):
                raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    return bytes(raw)


def generated(dice: random.Random) -> str:
    """Any settings with any values."""
    lines = []
    for path in dice.sample(list(setting_paths()), dice.randint(0, 6)):
        *sections, name = path.split(".")
        lines.append("".join(f"{section}: {{" for section in sections) + f"{name}: ")
        lines[-1] += dice.choice(ODD if dice.random() < 0.2 else MEANT) + "}" * len(sections)
    return "\n".join(lines)


def override(dice: random.Random) -> str:
    """`section.key=value`, and what is not quite that."""
    if dice.random() < 0.5:
        return f"{dice.choice(list(setting_paths()))}={dice.choice(MEANT)}"
    keys = [*setting_paths(), "training", "data.train.0.path", "model.lr", *ODD[:20]]
    return dice.choice(keys) + dice.choice(["=", "=", "=", ".x=", " "]) + dice.choice(ODD)


def make(dice: random.Random, folder: Path) -> Case:
    """A file and overrides; what they give is explained, or means the same when written."""
    text = dice.choice(CONFIGS).read_text(encoding="utf-8")
    text = generated(dice) if dice.random() < 0.3 else text
    path = folder / "run.yaml"
    path.write_bytes(mutated(text, dice) if dice.random() < 0.6 else text.encode(errors="replace"))
    overrides = [override(dice) for _ in range(dice.choice([0, 0, 0, 1, 2]))]

    def act() -> int:
        try:
            config = load_config(path, overrides)
        except ConfigError as error:
            require(len(str(error)) > 10, f"it only says {str(error)!r}")
            print(f"error: {error}", file=sys.stderr)
            return 1
        written = folder.parent / "written.yaml"
        written.write_text(config.to_yaml(), encoding="utf-8")
        require(load_config(written) == config, "written and read again, it is another")
        return 0

    return Case(shlex.join(["load_config", "run.yaml", *overrides]), act)
