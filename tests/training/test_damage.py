"""A run directory that something has damaged: it loads with the very same weights, or says why not.

`DAMAGES=1000 pytest tests/training/test_damage.py` makes more of them.
"""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from transformer import load_config
from transformer.config import Config
from transformer.errors import UserError
from transformer.runs.checkpoints import last_weights
from transformer.runs.directory import RunDirectory
from transformer.runs.loading import load_run
from transformer.runs.weights import named_weights, read_weights
from transformer.training.loop import train
from transformer.training.resuming import check_continuity, check_tokenizer, claim
from transformer.training.starting import prepare

Damage = Callable[[Path, Path, random.Random], None]


def swap(file: Path, other: Path, dice: random.Random) -> None:
    one, two = file.read_bytes(), other.read_bytes()
    file.write_bytes(two)
    other.write_bytes(one)


def retype_metadata(file: Path, other: Path, dice: random.Random) -> None:
    """Changes a value that weights say of themselves, or all of them."""
    from fuzzing.runs import VALUES, retype

    if file.suffix != ".safetensors":
        return retype(file, other, dice)
    content, value = file.read_bytes(), dice.choice(VALUES)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    about = json.loads(header.setdefault("__metadata__", {}).get("about", "{}"))
    changed = about | {dice.choice([*about, "x"]): value}
    header["__metadata__"] = {"about": json.dumps(dice.choice([changed, value]))}
    head = json.dumps(header).encode()
    file.write_bytes(len(head).to_bytes(8, "little") + head + content[8 + size :])
    return None


@pytest.fixture(scope="module")
def damages() -> Iterator[list[Damage]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / "scripts")
        from fuzzing.runs import DAMAGES

        yield [*DAMAGES, swap, retype_metadata]


@pytest.fixture(scope="session")
def runs(
    tiny: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[RunDirectory, RunDirectory]:
    """Two runs of the same sizes with other tokenizers and weights."""
    folder = tmp_path_factory.mktemp("damaged")
    short = ("training.max_steps=4", "training.val_bleu_sentences=0")
    found = []
    for name, more in (("one", ()), ("other", ("tokenizer.kind=bpe", "seed=2"))):
        config = load_config(None, [f"run_dir={folder / name}", *tiny, *short, *more])
        train(config)
        found.append(RunDirectory(config.run_dir))
    return found[0], found[1]


def load(run: RunDirectory) -> dict[str, Tensor]:
    """The weights that a user gets."""
    return dict(named_weights(load_run(run, "translation").model))


def resume(run: RunDirectory, config: Config) -> dict[str, Tensor]:
    """The weights that training goes on with."""
    config = config.model_copy(update={"run_dir": str(run.path)})
    checkpoint, _ = claim(run, config, resume=True)
    data = prepare(config, run.tokenizer if run.tokenizer.is_file() else None)
    check_tokenizer(run, data.tokenizer)
    if checkpoint is None:
        return {}  # from the beginning
    check_continuity(run, checkpoint.state, data.texts, torch.device("cpu"), "fp32")
    return checkpoint.weights


def same(found: dict[str, Tensor], expected: list[dict[str, Tensor]]) -> bool:
    return not found or any(
        found.keys() == weights.keys() and all(torch.equal(found[n], weights[n]) for n in weights)
        for weights in expected
    )


@pytest.mark.slow
def test_damaged_runs(
    runs: tuple[RunDirectory, RunDirectory], damages: list[Damage], tmp_path: Path
) -> None:
    one, other = runs
    config = one.load_config()
    saved = last_weights(one, 9)
    # Swapped with another of its own files, model.safetensors holds the weights of that one.
    expected = {"load": [load(one), read_weights(one.best), *saved], "resume": saved}
    n_loaded = n_refused = 0
    for number in range(int(os.environ.get("DAMAGES", "40"))):
        numbers = random.Random(number)
        path = tmp_path / "run"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(one.path, path)
        run = RunDirectory(path)
        spare = tmp_path / "spare"  # of the other run, so that files can be swapped
        shutil.rmtree(spare, ignore_errors=True)
        shutil.copytree(other.path, spare)
        told: list[str] = []
        for _ in range(numbers.choice([1, 1, 2])):
            files = sorted(f for f in path.rglob("*") if f.is_file() and f.stat().st_size)
            file, damage = numbers.choice(files), numbers.choice(damages)
            others = [] if told else [spare / file.relative_to(path)] * (len(files) // 2)
            others = [*(other for other in others if other.is_file()), *files]
            damage(file, numbers.choice(others), numbers)
            told.append(f"{damage.__name__} {file.relative_to(path)}")
        before = {f: f.read_bytes() for f in path.rglob("*") if f.is_file()}
        for use, do in (("load", load), ("resume", lambda run: resume(run, config))):
            try:
                found = do(run)
                n_loaded += 1
            except UserError:
                n_refused += 1
            else:
                assert same(found, expected[use]), f"{number}: {use} after {told}"
        assert before == {f: f.read_bytes() for f in path.rglob("*") if f.is_file()}
    assert n_loaded and n_refused
