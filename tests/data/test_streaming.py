"""Streams lose nothing, see nothing twice, and go on exactly, whoever reads them."""

import gzip
import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer.config import CleaningConfig, DataConfig
from transformer.data.batching import Batch
from transformer.data.lanes import Lane, _Lanes, deal, deal_again, lane_batches
from transformer.data.plain_text import CorpusError
from transformer.data.shards import find_shards, key_of, sample
from transformer.data.streaming import PairStream
from transformer.data.tokenizer import Tokenizer

WORDS = ["Hund", "Katze", "Ball", "Haus", "Brot", "Wasser", "Garten", "Schnee", "Stadt", "Zug"]
SIZES = (7, 1, 23, 0, 12)


def pair(shard: int, i: int) -> tuple[str, str]:
    """No two are alike, and they differ in length."""
    name = f"{WORDS[shard]} {i}"
    return " ".join([name, *WORDS[: i % 5]]), " ".join([name, *WORDS[: (i * 3) % 7]])


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of 7, 1, 23, 0 and 12 pairs."""
    folder = tmp_path_factory.mktemp("shards")
    for shard, size in enumerate(SIZES):
        lines = ["\t".join(pair(shard, i)) + "\n" for i in range(size)]
        (folder / f"part-{shard}.tsv").write_text("".join(lines))
    return folder


ALL = Counter(pair(shard, i) for shard, size in enumerate(SIZES) for i in range(size))


def stream(data: DataConfig, tokenizer: Tokenizer, epoch: int = 0) -> PairStream:
    return PairStream(data=data, tokenizer=tokenizer, batch_tokens=64, seed=3, epoch=epoch)


def settings_of(path: Any, **given: Any) -> DataConfig:
    return DataConfig(train=path, streaming=True, **given)


def texts(batch: Batch, tokenizer: Tokenizer) -> list[tuple[str, str]]:
    sides = [
        [tokenizer.decode(ids) for ids in side.tolist()] for side in (batch.src, batch.tgt_out)
    ]
    return list(zip(*sides, strict=True))


def through_json(lane: Lane) -> Lane:
    return Lane.of_json(json.loads(json.dumps(asdict(lane))))


def run(
    found: PairStream, lane: Lane, tokenizer: Tokenizer, stop: int = 10**9
) -> tuple[list[list[tuple[str, str]]], Lane]:
    """The first batches of a lane, and where it then stands."""
    batches: list[list[tuple[str, str]]] = []
    if stop == 0:
        return batches, lane
    for batch, after in found.batches(lane):
        lane = after
        if batch is not None:
            batches.append(texts(batch, tokenizer))
        if len(batches) == stop:
            break
    return batches, through_json(lane)


def seen(batches: list[list[tuple[str, str]]]) -> Counter[tuple[str, str]]:
    return Counter(pair for batch in batches for pair in batch)


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    stops=st.lists(st.integers(0, 6), min_size=8, max_size=8),
    buffer=st.integers(1, 30),
    epoch=st.integers(0, 5),
)
def test_each_pair_comes_once(
    shards: Path, tokenizer: Tokenizer, sizes: list[int], stops: list[int], buffer: int, epoch: int
) -> None:
    """Whatever the number of lanes is, however often it changes, wherever they are stopped."""
    data = settings_of(str(shards / "part-*.tsv"), shuffle_buffer=buffer)
    found = stream(data, tokenizer, epoch)
    lanes = deal(len(SIZES), min(sizes[0], len(SIZES)), seed=3, epoch=epoch)
    got: Counter[tuple[str, str]] = Counter()
    for n in sizes[1:]:
        ends = [
            run(found, lane, tokenizer, stop)
            for lane, stop in zip(lanes, stops[: len(lanes)], strict=True)
        ]
        for batches, _ in ends:
            got += seen(batches)
        lanes = [through_json(lane) for lane in deal_again([lane for _, lane in ends], n)]
    for lane in lanes:
        got += seen(run(found, lane, tokenizer)[0])
    assert got == ALL


@pytest.mark.parametrize("stop", [0, 1, 4, 9])
def test_a_lane_goes_on_exactly(shards: Path, tokenizer: Tokenizer, stop: int) -> None:
    data = settings_of(str(shards / "part-*.tsv"), shuffle_buffer=9)
    found = stream(data, tokenizer)
    [lane] = deal(len(SIZES), 1, seed=3, epoch=0)
    whole, last = run(found, lane, tokenizer)
    begun, place = run(found, lane, tokenizer, stop)
    rest, end = run(stream(data, tokenizer), place, tokenizer)
    assert begun + rest == whole
    assert end == last and last.counts == {"read": sum(SIZES)}


def test_epochs_come_in_different_orders(shards: Path, tokenizer: Tokenizer) -> None:
    data = settings_of(str(shards / "part-*.tsv"), shuffle_buffer=9)
    orders = []
    for epoch in range(2):
        [lane] = deal(len(SIZES), 1, seed=3, epoch=epoch)
        batches, _ = run(stream(data, tokenizer, epoch), lane, tokenizer)
        assert seen(batches) == ALL
        orders.append(batches)
    assert orders[0] != orders[1]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_processes_make_the_same_batches(shards: Path, tokenizer: Tokenizer, workers: int) -> None:
    """And where they stand, after any of them, is enough to go on with."""
    data = settings_of(str(shards / "part-*.tsv"), shuffle_buffer=5)
    found = stream(data, tokenizer)
    lanes = deal(len(SIZES), workers, seed=3, epoch=0)
    whole = [
        (texts(batch, tokenizer), [through_json(lane) for lane in after])
        for batch, after in lane_batches(found, lanes, workers=workers)
        if batch is not None
    ]
    assert seen([batch for batch, _ in whole]) == ALL
    for stop in (2, len(whole) // 2, len(whole) - 1):
        rest = lane_batches(found, whole[stop][1], workers=workers)
        left = [texts(batch, tokenizer) for batch, _ in rest if batch is not None]
        assert left == [b for b, _ in whole[stop + 1 :]]


def test_a_stream_can_be_sent(shards: Path, tokenizer: Tokenizer) -> None:
    found = stream(settings_of(str(shards / "part-*.tsv")), tokenizer)
    assert len(found.shards) == len(SIZES)
    sent = pickle.loads(pickle.dumps(found))
    [lane] = deal(len(SIZES), 1, seed=3, epoch=0)
    assert run(sent, lane, tokenizer) == run(found, lane, tokenizer)


def test_weights_repeat_and_leave_out_pairs(tmp_path: Path, tokenizer: Tokenizer) -> None:
    for name in ("once", "twice", "seldom"):
        lines = [f"Hund {name} {i}\tdog {name} {i}\n" for i in range(400)]
        (tmp_path / f"{name}.tsv").write_text("".join(lines))
    weights = {"once": 1.0, "twice": 2.0, "seldom": 0.25}
    train = [{"path": str(tmp_path / f"{n}.tsv"), "weight": w} for n, w in weights.items()]
    data = settings_of(train, shuffle_buffer=100)
    seldom = []
    for epoch in range(2):
        [lane] = deal(3, 1, seed=3, epoch=epoch)
        batches, _ = run(stream(data, tokenizer, epoch), lane, tokenizer)
        counts = seen(batches)
        assert all(n == 1 for (src, _), n in counts.items() if "once" in src)
        assert all(n == 2 for (src, _), n in counts.items() if "twice" in src)
        seldom.append({src for src, _ in counts if "seldom" in src})
        assert 60 <= len(seldom[-1]) <= 140
        assert len(counts) == 800 + len(seldom[-1])
    assert seldom[0] != seldom[1]


def test_what_is_left_out_is_counted(tmp_path: Path, tokenizer: Tokenizer) -> None:
    rows = ["Hund\tdog", "Hund\tdog", "\tdog", "собака\tпёс", "Hund " * 400 + "\t" + "dog " * 400]
    (tmp_path / "a.tsv").write_text("".join(f"{row}\n" for row in rows))
    [lane] = deal(1, 1, seed=3, epoch=0)
    data = settings_of(str(tmp_path / "a.tsv"), cleaning=CleaningConfig(max_tokens=60))
    batches, end = run(stream(data, tokenizer), lane, tokenizer)
    assert seen(batches) == {("Hund", "dog"): 1}
    left_out = {"duplicate": 1, "empty": 1, "wrong script": 1, "too long": 1}
    assert end.counts == {"read": 5, **left_out}


def write_hub(folder: Path) -> Path:
    """A hub dataset of three shards, laid out as the hub does it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "data").mkdir(parents=True)
    for shard in range(3):
        pairs = [pair(shard, i) for i in range(11)]
        rows = [{"de": de, "en": en} for de, en in pairs]
        table = pa.table({"translation": rows})
        path = folder / "data" / f"train-{shard:05}-of-00003.parquet"
        pq.write_table(table, path, row_group_size=4)
    return folder


def write_json(folder: Path) -> Path:
    folder.mkdir()
    for shard in range(3):
        with gzip.open(folder / f"{shard}.jsonl.gz", "wt") as file:
            for de, en in (pair(shard, i) for i in range(11)):
                file.write(json.dumps({"en": en, "de": de}) + "\n")
    return folder


def write_aligned(folder: Path) -> Path:
    folder.mkdir()
    for shard in range(3):
        pairs = [pair(shard, i) for i in range(11)]
        for side, language in enumerate(("de", "en")):
            lines = "".join(f"{both[side]}\n" for both in pairs)
            (folder / f"part{shard}.{language}").write_text(lines)
    return folder


@pytest.mark.parametrize("kind", ["hub", "parquet", "json", "aligned"])
@pytest.mark.parametrize("stop", [0, 3, 8])
def test_every_format_is_read_in_shards(
    kind: str, stop: int, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    source = {
        "hub": lambda: f"hub:{write_hub(tmp_path / 'a')}",
        "parquet": lambda: str(write_hub(tmp_path / "a") / "data" / "*.parquet"),
        "json": lambda: str(write_json(tmp_path / "a") / "*.jsonl.gz"),
        "aligned": lambda: str(write_aligned(tmp_path / "a") / "part*"),
    }[kind]()
    data = settings_of(source, shuffle_buffer=7)
    found = stream(data, tokenizer)
    assert len(found.shards) == 3
    expected = Counter(pair(shard, i) for shard in range(3) for i in range(11))
    [lane] = deal(3, 1, seed=3, epoch=0)
    whole, _ = run(found, lane, tokenizer)
    assert seen(whole) == expected
    begun, place = run(found, lane, tokenizer, stop)
    rest, _ = run(stream(data, tokenizer), place, tokenizer)
    assert begun + rest == whole
    looked_at = sample(found.shards, 6)
    assert [pairs for _, pairs in looked_at] == [[pair(s, 0), pair(s, 1)] for s in range(3)]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"data.train: no file fits .*none-\*"):
        find_shards(settings_of(str(tmp_path / "none-*.tsv")))
    (tmp_path / "a.tsv").write_text("")
    with pytest.raises(CorpusError, match="no text in"):
        sample(find_shards(settings_of(str(tmp_path / "*.tsv"))), 10)


@pytest.mark.parametrize("workers", [0, 2])
def test_what_cannot_be_read_is_told(workers: int, tmp_path: Path, tokenizer: Tokenizer) -> None:
    for name in "ab":
        (tmp_path / f"{name}.tsv").write_text("Hund\tdog\n" * 40 + "Hund\n")
    data = settings_of(str(tmp_path / "*.tsv"))
    sample(find_shards(data), 10)  # which does not read as far
    lanes = deal(2, max(1, workers), seed=1, epoch=0)
    with pytest.raises(CorpusError, match=r"tsv:41: a line must be source, tab"):
        list(lane_batches(stream(data, tokenizer), lanes, workers=workers))


@pytest.mark.parametrize("first", [True, False])
def test_a_damaged_file_of_the_hub_is_named(
    first: bool, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    rows = {"de": ["Hund"] * 30, "en": ["dog"] * 30}
    for name in ("a", "b"):
        Dataset.from_dict(rows).to_parquet(tmp_path / f"train-{name}.parquet")
    data = DataConfig(train=f"hub:{tmp_path}", streaming=True)
    shards = find_shards(data)
    (tmp_path / "train-b.parquet").write_bytes(b"no longer")
    if first:
        with pytest.raises(CorpusError, match=r"cannot read hub dataset .*shard 2 of 2"):
            sample(shards, 10)
    else:
        found = stream(data, tokenizer)
        with pytest.raises(CorpusError, match=r"cannot read hub dataset .*shard 2 of 2"):
            list(lane_batches(found, deal(2, 1, seed=1, epoch=0), workers=0))


def test_shards_that_change_are_noticed(tmp_path: Path, tokenizer: Tokenizer) -> None:
    for name in "ab":
        (tmp_path / f"{name}.tsv").write_text("Hund\tdog\n")
    data = settings_of(str(tmp_path / "*.tsv"))
    found = replace(stream(data, tokenizer), key=key_of(find_shards(data)))
    assert len(found.shards) == 2
    (tmp_path / "aa.tsv").write_text("Hund\tdog\n")
    with pytest.raises(CorpusError, match="have changed since this run began; there are 3 now"):
        replace(found).shards  # noqa: B018


def test_a_file_of_the_hub_that_is_another_is_noticed(tmp_path: Path) -> None:
    path, data = tmp_path / "train.parquet", DataConfig(train=f"hub:{tmp_path}", streaming=True)
    Dataset.from_dict({"de": ["Hund"], "en": ["dog"]}).to_parquet(path)
    before = key_of(find_shards(data))
    assert key_of(find_shards(data)) == before
    Dataset.from_dict({"de": ["Katze"], "en": ["cat"]}).to_parquet(path)
    os.utime(path, (1, 1))
    assert key_of(find_shards(data)) != before


def test_a_shard_is_the_same_on_another_machine(tmp_path: Path) -> None:
    for place in "ab":
        (tmp_path / place).mkdir()
        (tmp_path / place / "x.tsv").write_text("Hund\tdog\n")
    os.utime(tmp_path / "b" / "x.tsv", (1, 1))
    [a], [b] = (find_shards(settings_of(f"{tmp_path}/{place}/x.tsv")) for place in "ab")
    assert a.key != b.key and a.anywhere == b.anywhere
    (tmp_path / "b" / "x.tsv").write_text("Hund\tdog!\n")
    [b] = find_shards(settings_of(f"{tmp_path}/b/x.tsv"))
    assert a.anywhere != b.anywhere


def test_a_batch_brings_only_what_has_changed(shards: Path, tokenizer: Tokenizer) -> None:
    data = settings_of(f"{shards}/part-*.tsv", shuffle_buffer=20)
    found = replace(stream(data, tokenizer), batch_tokens=40)
    brought = [what for _, _, what in _Lanes(found, deal(5, 1, seed=1, epoch=0))]
    assert sum(isinstance(what, int) for what in brought) > len(brought) / 2


def test_there_must_be_a_shard_for_every_lane() -> None:
    with pytest.raises(CorpusError, match="has 3 shards, and 4 processes read it"):
        deal(3, 4, seed=1, epoch=0)


def test_a_name_with_the_signs_of_a_pattern_is_found(tmp_path: Path) -> None:
    (tmp_path / "part[1].tsv").write_text("Hund\tdog\n")
    (tmp_path / "part1.tsv").write_text("Katze\tcat\n")
    shards = find_shards(settings_of(f"{tmp_path}/part[1].tsv"))
    assert [shard.name for shard in shards] == [f"{tmp_path}/part[1].tsv"]


DEAF = """
import os, signal, sys
from collections.abc import Iterator
from transformer.data.lanes import deal, lane_batches

told = []
signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))

class Numbers:
    def __setstate__(self, state):  # in a process that is not yet ready to make batches
        os.killpg(os.getpgid(0), signal.SIGTERM)

    def __getstate__(self):
        return {"any": 1}

    def batches(self, lane):
        assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()), "deaf for ever"
        yield None, lane

if __name__ == "__main__":
    made = lane_batches(Numbers(), deal(2, 2, seed=1, epoch=0), workers=2)
    print(len(list(made)), len(told) > 0)
"""


@pytest.mark.slow
def test_a_signal_to_the_group_does_not_kill_those_who_are_about_to_read(tmp_path: Path) -> None:
    """torchrun sends one; the run then saves, for which its readers must go on."""
    (tmp_path / "deaf.py").write_text(DEAF)
    done = subprocess.run(
        [sys.executable, tmp_path / "deaf.py"],
        capture_output=True,
        text=True,
        timeout=120,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 True\n"
