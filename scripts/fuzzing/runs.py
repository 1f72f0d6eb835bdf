"""Run directories that something has damaged, and what people then do with them."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformer import UserError, cli, load_config
from transformer.cli import export

from .inputs import GOOD, Inputs
from .sandbox import Case, Ended, require, workplace

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1e400, 10**40, "", "5", "\0", "\ud800", [], [[]], {}, {"": None}),
)
"""Of other types than what they take the place of, or out of all bounds."""

Damage = Callable[[Path, Path, random.Random], None]


def truncate(file: Path, other: Path, dice: random.Random) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: dice.randrange(len(content))])


def flip(file: Path, other: Path, dice: random.Random) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(dice.choice([1, 1, 100])):
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    file.write_bytes(content)


def swap(file: Path, other: Path, dice: random.Random) -> None:
    file.write_bytes(other.read_bytes() if other.is_file() else b"")


def remove(file: Path, other: Path, dice: random.Random) -> None:
    file.unlink()


def make_folder(file: Path, other: Path, dice: random.Random) -> None:
    file.unlink()
    file.mkdir()


def empty(file: Path, other: Path, dice: random.Random) -> None:
    file.write_bytes(b"")


def overwrite(file: Path, other: Path, dice: random.Random) -> None:
    content = file.read_bytes()
    at = dice.randrange(len(content))
    file.write_bytes(content[:at] + dice.randbytes(dice.randint(1, 4096)) + content[at:])


def retype(file: Path, other: Path, dice: random.Random) -> None:
    """Changes the type of a value, or of all there is; of weights, in their header."""
    content, value = file.read_bytes(), dice.choice(VALUES)
    if file.suffix == ".safetensors":
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        entry = header[dice.choice(list(header))]
        entry[dice.choice(list(entry))] = value
        head = json.dumps(header).encode()
        file.write_bytes(len(head).to_bytes(8, "little") + head + content[8 + size :])
        return
    tree = json.loads(content) if file.suffix == ".json" else None
    if isinstance(tree, dict) and dice.random() < 0.7:
        value = tree | {dice.choice(list(tree)): value}
    file.write_text(json.dumps(value), encoding="utf-8")


DAMAGES: list[Damage] = [truncate, flip, remove, make_folder, empty, overwrite, retype]


def damage(run: Path, other: Path, dice: random.Random, *, deep: bool) -> str:
    """Damages a run, if `deep` in its checkpoints, too, and says how."""
    told = []
    for n in range(dice.choice([1, 1, 1, 2])):
        found = sorted(run.rglob("*") if deep else run.glob("*"))
        files = [file for file in found if file.is_file() and file.stat().st_size]
        file = dice.choice(files)
        # Exchanging two files that belong together makes a whole run: the other one.
        do = dice.choice([*DAMAGES, swap, swap] if n == 0 else DAMAGES)
        do(file, other / file.relative_to(run), dice)
        told.append(f"{do.__name__} {file.relative_to(run)}")
    return ", ".join(told)


def make(inputs: Inputs, dice: random.Random, folder: Path) -> Case:
    """A damaged copy of a run, and one use of it."""
    name = dice.choice(["quickstart", "tiny", "tiny", "tiny"])
    uses = list(_USES)[: 2 if name == "quickstart" else None]
    use = dice.choice(uses)
    run = folder / "run"
    shutil.copytree(inputs.folder / name, run)
    other = inputs.folder / ("tiny" if name == "quickstart" else "other")
    damages = damage(run, other, dice, deep=use == "resume")
    settings = _settings(run)
    same_settings = settings == _settings(inputs.folder / name)
    (folder / "tiny.yaml").write_text(inputs.yaml(), encoding="utf-8")
    case = _USES[use](inputs, name, folder)
    case.shown = f"{use} {name} after: {damages}"
    if not same_settings:  # whoever changes them may get another result
        case.check = lambda ended: None
    return case


def _settings(run: Path) -> object:
    try:
        return load_config(run / "config.yaml").model_dump(exclude={"run_dir"})
    except UserError:
        return None


def _translate(inputs: Inputs, name: str, folder: Path) -> Case:
    def check(ended: Ended) -> None:
        wanted = "".join(f"{inputs.references[name][text]}\n" for text in GOOD)
        require(ended.stdout.decode() == wanted, "another translation than before the damage")

    return Case("", lambda: cli.translate_main(["--model", "run", *GOOD]), check)


def _export(inputs: Inputs, name: str, folder: Path) -> Case:
    format = "ctranslate2" if name == "quickstart" else "huggingface"
    command = ["--model", "run", "--format", format, "--output", "new"]

    def check(ended: Ended) -> None:
        new = workplace(ended.folder) / "new"
        found = {path.name: path.read_bytes() for path in new.iterdir()}
        require(found == inputs.export(name, format), "another export than before the damage")

    return Case("", lambda: export.main(command), check)


def _same_model(expected: Path, found: str) -> Callable[[Ended], None]:
    def check(ended: Ended) -> None:
        model = workplace(ended.folder) / found / "model.safetensors"
        require(model.is_file(), "no model")
        same = model.read_bytes() == (expected / model.name).read_bytes()
        require(same, "another model than before the damage")

    return check


def _resume(inputs: Inputs, name: str, folder: Path) -> Case:
    command = ["--config", "run/config.yaml", "--resume", "training.max_steps=8"]
    check = _same_model(inputs.folder / "tiny gone on", "run")
    return Case("", lambda: cli.train_main(command), check, may_change={folder / "run"})


def _start_from(inputs: Inputs, name: str, folder: Path) -> Case:
    command = ["--config", "tiny.yaml", "training.start_from=run", "training.max_steps=2"]
    check = _same_model(inputs.folder / "tiny started from", "runs/tiny")
    return Case("", lambda: cli.train_main(command), check)


_USES = {"translate": _translate, "export": _export, "resume": _resume, "start from": _start_from}
