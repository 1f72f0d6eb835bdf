"""Which target pieces a source may need."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from transformer.config import Config, DecodingConfig
from transformer.data.builtin.corpus import sample_pairs
from transformer.data.tokenizer import Tokenizer
from transformer.inference.shortlist import NAME, Shortlist, build_shortlist
from transformer.inference.torch_engine import TorchEngine
from transformer.inference.translator import Translator
from transformer.runs.directory import RunDirectory
from transformer.runs.errors import CheckpointError

SCRIPT = Path(__file__).parents[2] / "scripts" / "build_shortlist.py"
SOURCES, SHIFT = range(270, 300), 40
"""Source pieces, and how far from each its translation is."""


def toy_corpus(n: int = 400) -> tuple[list[list[int]], list[list[int]]]:
    """Each piece has one translation, in another order, after a piece that all sentences have."""
    numbers = random.Random(1)
    src = [numbers.sample(SOURCES, numbers.randint(1, 8)) for _ in range(n)]
    tgt = [[355, *sorted((i + SHIFT for i in ids), reverse=True)] for ids in src]
    return src, tgt


def listed(shortlist: Shortlist, piece: int) -> list[int]:
    return shortlist.ids[shortlist.starts[piece] : shortlist.starts[piece + 1]].tolist()


def test_translations_are_found(tokenizer: Tokenizer) -> None:
    shortlist = build_shortlist(*toy_corpus(), tokenizer, n_each=2, n_always=1, iterations=10)
    for piece in SOURCES:
        assert listed(shortlist, piece)[0] == piece + SHIFT
        assert len(listed(shortlist, piece)) == 2
    for piece in set(range(tokenizer.vocab_size)) - set(SOURCES):
        assert listed(shortlist, piece) == []
    # What may always come: the most frequent piece, special ones, and bytes.
    always = set(shortlist.always.tolist())
    assert 355 in always and not {piece + SHIFT for piece in SOURCES} & always
    assert {tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id, tokenizer.unk_id} <= always
    assert len(always) == 1 + 4 + 256


def test_candidates_are_ascending_and_unique(tokenizer: Tokenizer) -> None:
    shortlist = build_shortlist(*toy_corpus(), tokenizer, n_each=3, n_always=5)
    batch, more = [[270, 275, tokenizer.eos_id], [275, 280]], [299, 281, 299]
    found = shortlist.candidates(batch, more).tolist()
    assert found == sorted(set(found))
    expected = {*shortlist.always.tolist(), *more}
    for piece in (270, 275, 280):
        expected |= set(listed(shortlist, piece))
    assert set(found) == expected
    assert shortlist.candidates([]).tolist() == sorted(shortlist.always.tolist())


def test_a_saved_shortlist_is_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    shortlist = build_shortlist(*toy_corpus(), tokenizer)
    shortlist.save(tmp_path / NAME)
    loaded = Shortlist.load(tmp_path / NAME, vocab_size=tokenizer.vocab_size)
    for name in ("always", "starts", "ids"):
        assert torch.equal(getattr(loaded, name), getattr(shortlist, name))


def test_what_is_no_shortlist_of_this_model(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path, n = tmp_path / NAME, tokenizer.vocab_size
    with pytest.raises(CheckpointError, match=r"does not exist; scripts/build_shortlist\.py makes"):
        Shortlist.load(path, vocab_size=n)
    build_shortlist(*toy_corpus(), tokenizer).save(path)
    with pytest.raises(CheckpointError, match=r"is for 360 pieces, the model has 8,000"):
        Shortlist.load(path, vocab_size=8000)
    whole = path.read_bytes()
    for n_bytes in (0, 5, len(whole) - 1):
        path.write_bytes(whole[:n_bytes])
        with pytest.raises(CheckpointError, match=f"{NAME} is damaged: "):
            Shortlist.load(path, vocab_size=n)
    save_file({"always": torch.arange(3)}, path)
    with pytest.raises(CheckpointError, match=f"{NAME} is damaged: 'starts'"):
        Shortlist.load(path, vocab_size=n)


# Searching with one ------------------------------------------------------------------------------


def sources_of(translator: Translator, lines: list[str]) -> list[list[int]]:
    tokenizer = translator.tokenizer
    return [[*ids, tokenizer.eos_id] for ids in tokenizer.encode_batch(lines)]


def with_always(translator: Translator, always: list[int]) -> TorchEngine:
    starts = torch.zeros(translator.tokenizer.vocab_size + 1, dtype=torch.int64)
    shortlist = Shortlist(torch.tensor(always).long(), starts, torch.tensor([]).long())
    return TorchEngine(translator.model, translator.tokenizer, shortlist)


def test_a_list_of_everything_changes_nothing(shipped: Translator, german: list[str]) -> None:
    sources = sources_of(shipped, german[:8])
    everything = with_always(shipped, list(range(shipped.tokenizer.vocab_size)))
    prefixes = [shipped.tokenizer.encode(text) for text in ["", "A", "The", "My"] * 2]
    for given in (None, prefixes):
        expected = shipped.engine.search(sources, DecodingConfig(), 2, given)
        found = everything.search(sources, DecodingConfig(), 2, given)
        assert [[h.ids for h in best] for best in found] == [
            [h.ids for h in best] for best in expected
        ]
        for ours, theirs in zip(found, expected, strict=True):
            assert [h.score for h in ours] == pytest.approx([h.score for h in theirs], abs=1e-4)


def test_what_is_not_listed_is_not_said(shipped: Translator, german: list[str]) -> None:
    sources = sources_of(shipped, german[:8])
    usual = {i for [h] in shipped.engine.search(sources, DecodingConfig()) for i in h.ids}
    some = sorted(usual)[::2]
    prefix = [max(usual - set(some))]
    found = with_always(shipped, some).search(sources, DecodingConfig(), 2)
    assert {i for best in found for h in best for i in h.ids} <= set(some)
    # What a translation is told to begin with is allowed, listed or not.
    found = with_always(shipped, some).search(sources, DecodingConfig(), 2, [prefix] * 8)
    assert all(h.ids[:1] == tuple(prefix) for best in found for h in best)
    assert {i for best in found for h in best for i in h.ids} <= {*some, *prefix}


@pytest.mark.parametrize("always", [[], [5]])
def test_a_list_shorter_than_the_beam(shipped: Translator, always: list[int]) -> None:
    sources = sources_of(shipped, ["Ein Hund.", "Eine Katze."])
    settings = DecodingConfig(beam_size=7, max_extra_tokens=1)
    for [best] in with_always(shipped, always).search(sources, settings):
        assert set(best.ids) <= set(always)


def test_the_usual_translations_remain(shipped: Translator, german: list[str]) -> None:
    tokenizer = shipped.tokenizer
    pairs = sample_pairs("train", 3000)
    src, tgt = (tokenizer.encode_batch([pair[side] for pair in pairs]) for side in (0, 1))
    shortlist = build_shortlist(src, tgt, tokenizer)
    sources = sources_of(shipped, german)
    n_listed = [len(shortlist.candidates([ids])) for ids in sources]
    assert max(n_listed) < 0.5 * tokenizer.vocab_size
    fast = TorchEngine(shipped.model, tokenizer, shortlist)
    expected = [best[0].ids for best in shipped.engine.search(sources, DecodingConfig())]
    found = [best[0].ids for best in fast.search(sources, DecodingConfig())]
    assert sum(a == b for a, b in zip(expected, found, strict=True)) >= 0.8 * len(sources)


# The command -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_script_makes_one_that_loads(shipped: Translator, tmp_path: Path) -> None:
    """From a run directory as training leaves it behind; its weights are not read."""
    pairs, run = tmp_path / "pairs.tsv", RunDirectory(tmp_path / "run")
    pairs.write_text("".join(f"{de}\t{en}\n" for de, en in sample_pairs("train", 300)))
    run.path.mkdir()
    config = Config.model_validate({"data": {"train": [{"path": str(pairs)}]}})
    run.config.write_text(config.to_yaml(), encoding="utf-8")
    run.tokenizer.write_bytes(shipped.tokenizer.model)
    arguments = ["--model", str(run.path), "--each", "3", "--always", "10"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert f"{run.path / NAME}: from 300 pairs, " in done.stdout
    n_pieces = shipped.tokenizer.vocab_size
    shortlist = Shortlist.load(run.path / NAME, vocab_size=n_pieces)
    assert max(len(listed(shortlist, piece)) for piece in range(n_pieces)) == 3
