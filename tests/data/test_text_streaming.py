"""Running text that is streamed: nothing comes twice, what never comes is counted."""

import gzip
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer.config import DataConfig
from transformer.data.characters import CharacterTokenizer
from transformer.data.lanes import Lane, deal, deal_again, lane_batches
from transformer.data.plain_text import CorpusError
from transformer.data.shards import find_text_shards, sample
from transformer.data.stream import encode_stream
from transformer.data.streaming import LEFT, TextStream, size_of_text
from transformer.data.texts import Chunk, find_texts

# Texts of which no two have a character in common.
LENGTHS = ((30, 3, 41), (7,), (), (90, 1, 1, 60), (25, 25))
CHARACTERS = iter(map(chr, range(0xAC00, 0xD000)))
SHARDS = [["".join(next(CHARACTERS) for _ in range(n)) for n in shard] for shard in LENGTHS]
ALL = [text for shard in SHARDS for text in shard]


@pytest.fixture(scope="module")
def tokenizer() -> CharacterTokenizer:
    return CharacterTokenizer.train(["".join(ALL) + "\n"])


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    for number, texts in enumerate(SHARDS):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        (folder / f"part-{number}.jsonl").write_text(lines)
    return folder


def settings_of(path: Any, **given: Any) -> DataConfig:
    return DataConfig(train=path, streaming=True, **given)


def stream(data: DataConfig, tokenizer: CharacterTokenizer, epoch: int = 0) -> TextStream:
    return TextStream(
        data=data, tokenizer=tokenizer, context=5, batch_blocks=2, seed=3, epoch=epoch
    )


def through_json(lane: Lane) -> Lane:
    return Lane.of_json(json.loads(json.dumps(asdict(lane))))


def run(found: TextStream, lane: Lane, stop: int = 10**9) -> tuple[list[list[str]], Lane]:
    """The blocks of the first batches of a lane, and where it then stands."""
    batches: list[list[str]] = []
    if stop == 0:
        return batches, lane
    for batch, after in found.batches(lane):
        lane = after
        if batch is not None:
            assert batch.ids.shape[1] == 6 and 1 <= len(batch.ids) <= 2
            batches.append([found.tokenizer.decode(ids) for ids in batch.ids.tolist()])
        if len(batches) == stop:
            break
    return batches, through_json(lane)


def predicted(batches: list[list[str]]) -> Counter[str]:
    counts = Counter(c for batch in batches for block in batch for c in block[1:])
    counts.pop("\n", None)  # what divides texts
    return counts


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    stops=st.lists(st.integers(0, 6), min_size=8, max_size=8),
    buffer=st.integers(1, 6),
    epoch=st.integers(0, 5),
)
def test_each_character_comes_once_or_is_counted(
    shards: Path,
    tokenizer: CharacterTokenizer,
    sizes: list[int],
    stops: list[int],
    buffer: int,
    epoch: int,
) -> None:
    """Whatever the number of lanes is, however often it changes, wherever they are stopped."""
    found = stream(settings_of(f"{shards}/*.jsonl", shuffle_buffer=buffer), tokenizer, epoch)
    lanes = deal(len(SHARDS), min(sizes[0], len(SHARDS)), seed=3, epoch=epoch)
    got: Counter[str] = Counter()
    n_blocks = 0
    for n in sizes[1:]:
        ends = [
            run(found, lane, stop) for lane, stop in zip(lanes, stops[: len(lanes)], strict=True)
        ]
        for batches, _ in ends:
            got += predicted(batches)
            n_blocks += sum(map(len, batches))
        lanes = [through_json(lane) for lane in deal_again([lane for _, lane in ends], n)]
    counts: Counter[str] = Counter()
    for lane in lanes:
        batches, end = run(found, lane)
        got += predicted(batches)
        n_blocks += sum(map(len, batches))
        counts.update(end.counts)
    assert set(got.values()) <= {1}
    assert counts["read"] == len(ALL)
    # The first token of a buffer is predicted by nothing; one without a block is left out whole.
    n_first = counts["tokens"] - counts[LEFT] - 5 * n_blocks
    assert 1 <= n_first <= len(ALL)


@pytest.mark.parametrize("stop", [0, 1, 4, 9])
def test_a_lane_goes_on_exactly(shards: Path, tokenizer: CharacterTokenizer, stop: int) -> None:
    data = settings_of(f"{shards}/*.jsonl", shuffle_buffer=3)
    [lane] = deal(len(SHARDS), 1, seed=3, epoch=0)
    whole, last = run(stream(data, tokenizer), lane)
    begun, place = run(stream(data, tokenizer), lane, stop)
    rest, end = run(stream(data, tokenizer), place)
    assert begun + rest == whole and len(whole) > 15
    assert end == last


def test_epochs_are_cut_at_other_places(shards: Path, tokenizer: CharacterTokenizer) -> None:
    data = settings_of(f"{shards}/*.jsonl")
    [lane] = deal(len(SHARDS), 1, seed=3, epoch=0)
    blocks = [
        {block for batch in run(stream(data, tokenizer, epoch), lane)[0] for block in batch}
        for epoch in range(8)
    ]
    # One token is in no block: the first or the last.
    assert len({frozenset(each) for each in blocks}) == 2


def test_processes_make_the_same_batches(shards: Path, tokenizer: CharacterTokenizer) -> None:
    found = stream(settings_of(f"{shards}/*.jsonl", shuffle_buffer=2), tokenizer)
    lanes = deal(len(SHARDS), 2, seed=3, epoch=0)
    made = [batch.ids for batch, _ in lane_batches(found, lanes, workers=2) if batch is not None]
    alone = [batch for lane in lanes for batch in run(found, lane)[0]]
    assert Counter(tuple(tokenizer.decode(row) for row in ids.tolist()) for ids in made) == Counter(
        map(tuple, alone)
    )


def write(folder: Path, kind: str) -> str:
    """Two shards of the texts, and the path of both."""
    folder.mkdir()
    for number, texts in enumerate((SHARDS[0], SHARDS[3])):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        if kind == "json":
            with gzip.open(folder / f"{number}.jsonl.gz", "wt") as file:
                file.write(lines)
        elif kind == "plain":
            (folder / f"{number}.txt").write_text("\n".join(texts))
        else:
            name = f"train-{number:05}-of-00002.parquet"
            Dataset.from_dict({"text": texts}).to_parquet(folder / name)
    pattern = {"json": "*.jsonl.gz", "plain": "*.txt", "parquet": "*.parquet"}
    return f"hub:{folder}" if kind == "hub" else f"{folder}/{pattern[kind]}"


@pytest.mark.parametrize("kind", ["hub", "parquet", "json", "plain"])
@pytest.mark.parametrize("stop", [0, 3, 8])
def test_every_format_is_read_in_shards(
    kind: str, stop: int, tmp_path: Path, tokenizer: CharacterTokenizer
) -> None:
    data = settings_of(write(tmp_path / "a", kind), shuffle_buffer=2)
    assert len(stream(data, tokenizer).shards) == 2
    [lane] = deal(2, 1, seed=3, epoch=0)
    whole, end = run(stream(data, tokenizer), lane)
    begun, place = run(stream(data, tokenizer), lane, stop)
    rest, _ = run(stream(data, tokenizer), place)
    assert begun + rest == whole
    texts = [*SHARDS[0], *SHARDS[3]]
    n_pools = 1 if kind == "plain" else 4  # two whole files, or at most two texts each
    assert end.counts["tokens"] == sum(map(len, texts)) + len(texts) - n_pools
    assert set(predicted(whole).values()) == {1}
    assert len(predicted(whole)) >= end.counts["tokens"] - end.counts[LEFT] - n_pools - len(texts)


def test_the_tokens_are_those_of_text_that_is_stored(
    shards: Path, tokenizer: CharacterTokenizer
) -> None:
    found = stream(settings_of(f"{shards}/part-3.jsonl"), tokenizer)
    [lane] = deal(1, 1, seed=3, epoch=0)
    [(batch, _)] = found.prepare((0,), [(Chunk(text, True), 1) for text in SHARDS[3]])[0][:1]
    path = str(shards / "part-3.jsonl")
    stored, _ = find_texts(DataConfig(train=path, val=path))
    assert batch.tolist() == encode_stream(stored, tokenizer).ids.tolist()
    blocks = [block for made in run(found, lane)[0] for block in made]
    assert all(block in "\n".join(SHARDS[3]) for block in blocks)


def test_long_texts_fill_a_buffer(tmp_path: Path, tokenizer: CharacterTokenizer) -> None:
    """By their length, or a few books would fill the memory."""
    text = (ALL[0] * 100)[:2500]
    lines = "".join(json.dumps({"text": text}) + "\n" for _ in range(6))
    (tmp_path / "a.jsonl").write_text(lines)
    assert size_of_text(Chunk(text, True)) == 3
    data = settings_of(str(tmp_path / "a.jsonl"), shuffle_buffer=5)
    [lane] = deal(1, 1, seed=3, epoch=0)
    ends = [after for _, after in stream(data, tokenizer).batches(lane)]
    assert {end.counts["read"] for end in ends} == {2, 4, 6}
    [(_, some)] = sample(find_text_shards(data), 7, size_of_text)
    assert len(some) == 3


def test_what_text_cannot_have_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "a.txt")
    with pytest.raises(CorpusError, match=r"data.train: .* found weight 2"):
        find_text_shards(settings_of({"path": path, "weight": 2}))
    with pytest.raises(CorpusError, match=r"data.train: no file fits .*\*\.txt"):
        find_text_shards(settings_of(f"{tmp_path}/*.txt"))
    Path(path).touch()
    with pytest.raises(CorpusError, match=r"data.train: no text in .*a\.txt"):
        sample(find_text_shards(settings_of(f"{tmp_path}/*.txt")), 10)
