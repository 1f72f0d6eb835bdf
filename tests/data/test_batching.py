from collections import Counter
from collections.abc import Sequence
from itertools import islice, pairwise

import datasets
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer.data import batching
from transformer.data.batching import (
    Batch,
    epoch_batches,
    epoch_order,
    make_batch,
    ordered_batches,
    pad_ids,
    token_budget_batches,
)
from transformer.data.corpus import Corpus
from transformer.data.tokenizer import Tokenizer

Sizes = list[tuple[int, int]]
BUDGET = 24
sizes = st.lists(st.tuples(st.integers(0, 23), st.integers(0, 23)), min_size=1, max_size=60)
"""Pieces of source and target, without special tokens: 23 and EOS just fit the budget."""


def corpus(sizes: Sizes, weights: Sequence[float] | None = None) -> Corpus:
    """Pair i consists of the id 10 + i, on either side as often as its size says."""
    columns = {
        "src": ["-"] * len(sizes),
        "tgt": ["-"] * len(sizes),
        "weight": list(weights or [1.0] * len(sizes)),
        "src_ids": [[10 + i] * src for i, (src, _) in enumerate(sizes)],
        "tgt_ids": [[10 + i] * tgt for i, (_, tgt) in enumerate(sizes)],
    }
    ids = datasets.List(datasets.Value("int32"))
    text = datasets.Value("string")
    features = datasets.Features(
        src=text, tgt=text, weight=datasets.Value("float32"), src_ids=ids, tgt_ids=ids
    )
    return Corpus(datasets.Dataset.from_dict(columns, features), n_read=len(sizes), dropped={})


def text_corpus(lines: list[str], tokenizer: Tokenizer) -> Corpus:
    """Every line paired with the next."""
    pairs = {"src": lines[::2], "tgt": lines[1::2]}
    ids = {f"{side}_ids": tokenizer.encode_batch(text) for side, text in pairs.items()}
    weight = [1.0] * len(pairs["src"])
    dataset = datasets.Dataset.from_dict({**pairs, **ids, "weight": weight})
    return Corpus(dataset, n_read=len(dataset), dropped={})


def epoch(
    of: Corpus,
    tokenizer: Tokenizer,
    *,
    seed: int = 1,
    epoch: int = 0,
    skip: int = 0,
    every: int = 1,
    batch_tokens: int = BUDGET,
    max_tokens: int = BUDGET,
) -> list[Batch]:
    return list(
        epoch_batches(
            of,
            tokenizer,
            batch_tokens=batch_tokens,
            max_tokens=max_tokens,
            seed=seed,
            epoch=epoch,
            skip=skip,
            every=every,
        )
    )


def contents(batches: list[Batch]) -> list[tuple[list[list[int]], list[list[int]]]]:
    return [(batch.src.tolist(), batch.tgt_out.tolist()) for batch in batches]


def pairs_of(batches: list[Batch], eos_id: int) -> Counter[tuple[tuple[int, ...], ...]]:
    """Which pairs the batches hold, without special tokens."""

    def words(row: list[int]) -> tuple[int, ...]:
        return tuple(row[: row.index(eos_id)])

    return Counter(
        (words(src), words(tgt))
        for batch in batches
        for src, tgt in zip(batch.src.tolist(), batch.tgt_out.tolist(), strict=True)
    )


def expected_pairs(sizes: Sizes) -> Counter[tuple[tuple[int, ...], ...]]:
    return Counter(((10 + i,) * src, (10 + i,) * tgt) for i, (src, tgt) in enumerate(sizes))


def cost(batch: Batch) -> int:
    return max(batch.src.numel(), batch.tgt_out.numel())


@given(sizes, st.integers(0, 2**31 - 1), st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_every_pair_once_within_the_budget(
    tokenizer: Tokenizer, sizes: Sizes, seed: int, number: int
) -> None:
    batches = epoch(corpus(sizes), tokenizer, seed=seed, epoch=number)
    assert all(cost(batch) <= BUDGET for batch in batches)
    assert pairs_of(batches, tokenizer.eos_id) == expected_pairs(sizes)
    assert sum(batch.n_tokens for batch in batches) == sum(tgt + 1 for _, tgt in sizes)


@given(sizes)
@settings(max_examples=50, deadline=None)
def test_budget_cuts_nothing_that_would_fit(sizes: Sizes) -> None:
    src, tgt = np.array(sizes).T + 1
    batches = token_budget_batches(src, tgt, BUDGET)
    longest = np.maximum(src, tgt)
    assert sorted(np.concatenate(batches)) == list(range(len(sizes)))
    for batch, following in pairwise(batches):
        with_one_more = [*batch, following[0]]
        assert len(with_one_more) * longest[with_one_more].max() > BUDGET


def test_pair_longer_than_the_budget_is_an_error() -> None:
    with pytest.raises(
        ValueError, match=r"batch_tokens \(24\) must hold the longest sentence; found one of 25"
    ):
        token_budget_batches(np.array([3, 4]), np.array([25, 2]), 24)


def test_rows_are_framed_for_the_model(tokenizer: Tokenizer) -> None:
    batch = make_batch([[11, 12], [13]], [[21], [22, 23, 24]], tokenizer)
    pad, bos, eos = tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id
    assert batch.src.tolist() == [[11, 12, eos], [13, eos, pad]]
    assert batch.tgt_in.tolist() == [[bos, 21, pad, pad], [bos, 22, 23, 24]]
    assert batch.tgt_out.tolist() == [[21, eos, pad, pad], [22, 23, 24, eos]]
    assert batch.n_tokens == 6
    assert batch.src.dtype == batch.tgt_in.dtype == batch.tgt_out.dtype == torch.int64


@given(sizes)
@settings(max_examples=25, deadline=None)
def test_target_out_is_target_in_shifted(tokenizer: Tokenizer, sizes: Sizes) -> None:
    pad, bos, eos = tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id
    for batch in epoch(corpus(sizes), tokenizer):
        assert (batch.tgt_in[:, 0] == bos).all()
        for side in (batch.src, batch.tgt_out):
            assert ((side == eos).sum(dim=1) == 1).all()
            lengths = (side != pad).sum(dim=1)
            assert (side.gather(1, lengths[:, None] - 1) == eos).all()
            assert lengths.max() == side.size(1)  # no column of padding alone
        shifted = batch.tgt_out[:, :-1].masked_fill(batch.tgt_out[:, :-1] == eos, pad)
        assert torch.equal(batch.tgt_in[:, 1:], shifted)
        assert batch.n_tokens == int((batch.tgt_out != pad).sum())


def test_pad_ids_keeps_empty_rows() -> None:
    assert pad_ids([[5], [], [6, 7]], 0).tolist() == [[5, 0], [0, 0], [6, 7]]


def test_batch_moves_between_devices(tokenizer: Tokenizer) -> None:
    batch = make_batch([[11]], [[21]], tokenizer).to(torch.device("meta"))
    assert {batch.src.device.type, batch.tgt_in.device.type, batch.tgt_out.device.type} == {"meta"}
    assert batch.n_tokens == 2


MANY: Sizes = [(1 + i % 17, 1 + i * 7 % 13) for i in range(120)]


def test_epoch_is_a_function_of_data_seed_and_number(tokenizer: Tokenizer) -> None:
    first = contents(epoch(corpus(MANY), tokenizer, seed=3, epoch=2))
    torch.manual_seed(99)
    np.random.seed(99)  # global state must not matter
    assert contents(epoch(corpus(MANY), tokenizer, seed=3, epoch=2)) == first
    assert contents(epoch(corpus(MANY), tokenizer, seed=3, epoch=3)) != first
    assert contents(epoch(corpus(MANY), tokenizer, seed=4, epoch=2)) != first


def test_batches_do_not_come_by_length(tokenizer: Tokenizer) -> None:
    widths = [batch.src.size(1) for batch in epoch(corpus(MANY), tokenizer)]
    assert widths != sorted(widths) and widths != sorted(widths, reverse=True)


def test_pairs_of_equal_length_change_company_between_epochs(tokenizer: Tokenizer) -> None:
    equal = corpus([(3, 3)] * 60)
    companies = [
        {frozenset(batch.src[:, 0].tolist()) for batch in epoch(equal, tokenizer, epoch=number)}
        for number in range(2)
    ]
    assert companies[0] != companies[1]


@pytest.mark.parametrize("pool", [7, 50, 1000])
@pytest.mark.parametrize("skip", [0, 1, 13, 40, 10_000])
def test_skip_is_islice(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, pool: int, skip: int
) -> None:
    monkeypatch.setattr(batching, "POOL", pool)
    whole = epoch(corpus(MANY), tokenizer)
    rest = epoch(corpus(MANY), tokenizer, skip=skip)
    assert contents(rest) == contents(list(islice(whole, skip, None)))


@pytest.mark.parametrize("pool", [7, 50, 1000])
@pytest.mark.parametrize("skip", [0, 13, 40])
@pytest.mark.parametrize("every", [2, 3, 8])
def test_processes_deal_out_the_batches(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, pool: int, skip: int, every: int
) -> None:
    monkeypatch.setattr(batching, "POOL", pool)
    whole = contents(epoch(corpus(MANY), tokenizer))
    for rank in range(every):
        mine = contents(epoch(corpus(MANY), tokenizer, skip=skip + rank, every=every))
        assert mine == whole[skip + rank :: every]


@pytest.mark.parametrize("pool", [1, 7, 50])
def test_pools_lose_nothing(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, pool: int
) -> None:
    monkeypatch.setattr(batching, "POOL", pool)
    for batches in (
        epoch(corpus(MANY), tokenizer),
        list(ordered_batches(corpus(MANY), tokenizer, batch_tokens=BUDGET)),
    ):
        assert pairs_of(batches, tokenizer.eos_id) == expected_pairs(MANY)
        assert all(cost(batch) <= BUDGET for batch in batches)


def test_weights_repeat_and_leave_out_pairs() -> None:
    weights = np.array([1.0] * 400 + [2.0] * 400 + [0.25] * 400, dtype=np.float32)
    seen = [Counter(epoch_order(weights, seed=1, epoch=number).tolist()) for number in range(2)]
    for counts in seen:
        assert all(counts[i] == 1 for i in range(400))
        assert all(counts[i] == 2 for i in range(400, 800))
        assert all(counts[i] <= 1 for i in range(800, 1200))
        assert 60 <= sum(counts[i] for i in range(800, 1200)) <= 140  # 100, ± 4.6 deviations
    assert [seen[0][i] for i in range(800, 1200)] != [seen[1][i] for i in range(800, 1200)]


def test_every_pair_of_low_weight_has_its_turn() -> None:
    weights = np.full(50, 0.25, dtype=np.float32)
    turns = np.concatenate([epoch_order(weights, seed=1, epoch=number) for number in range(60)])
    assert set(turns.tolist()) == set(range(50))
    assert len(turns) == pytest.approx(60 * 50 / 4, rel=0.15)


def test_no_epoch_is_empty() -> None:
    weights = np.array([0.3, 0.7], dtype=np.float32)
    orders = [epoch_order(weights, seed=1, epoch=number) for number in range(100)]
    assert {len(order) for order in orders} == {1, 2}
    alone = [int(order[0]) for order in orders if len(order) == 1]
    assert alone.count(1) > alone.count(0) > 0


def test_weights_reach_the_batches(tokenizer: Tokenizer) -> None:
    weighted = corpus([(2, 2), (3, 3)], weights=[3.0, 1.0])
    counts = pairs_of(epoch(weighted, tokenizer), tokenizer.eos_id)
    assert counts == {((10, 10), (10, 10)): 3, ((11,) * 3, (11,) * 3): 1}


def test_sorting_by_length_saves_padding(tokenizer: Tokenizer) -> None:
    # Lengths like those of captions and news: a long tail, both sides alike.
    generator = np.random.default_rng(0)
    src = np.clip(generator.lognormal(2.7, 0.5, 2000).astype(int), 1, 99)
    tgt = np.clip((src * generator.normal(1.0, 0.15, 2000)).astype(int), 1, 99)
    lengths: Sizes = list(zip(src.tolist(), tgt.tolist(), strict=True))
    bucketed = epoch(corpus(lengths), tokenizer, batch_tokens=2000, max_tokens=100)
    order = generator.permutation(2000)
    unsorted = [
        make_batch([[9] * int(src[i]) for i in part], [[9] * int(tgt[i]) for i in part], tokenizer)
        for part in np.split(order, 20)
    ]
    assert padding_share(bucketed, tokenizer) < 0.2
    assert padding_share(unsorted, tokenizer) > 0.4


def padding_share(batches: list[Batch], tokenizer: Tokenizer) -> float:
    counts = [batch.count_positions(tokenizer.pad_id) for batch in batches]
    return sum(padding for _, padding in counts) / sum(positions for positions, _ in counts)


def test_positions_of_both_sides_are_counted(tokenizer: Tokenizer) -> None:
    batch = make_batch([[11, 12], [13]], [[21], [22, 23, 24]], tokenizer)
    assert batch.count_positions(tokenizer.pad_id) == (14, 3)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_validation_sees_every_pair(tokenizer: Tokenizer, sizes: Sizes) -> None:
    """Those longer than the budget and those with an empty side as well."""
    batches = list(ordered_batches(corpus(sizes), tokenizer, batch_tokens=BUDGET))
    assert pairs_of(batches, tokenizer.eos_id) == expected_pairs(sizes)
    longest = max(max(pair) for pair in sizes) + 1
    assert all(cost(batch) <= max(BUDGET, longest) for batch in batches)


def test_sampled_segmentations(tokenizer: Tokenizer, lines: list[str]) -> None:
    wild = Tokenizer(tokenizer.model, sampling_alpha=0.1)
    plain = text_corpus(lines * 3, tokenizer)
    # Room for the longest of the best segmentations, not for all of the sampled ones.
    longest = 1 + max(map(len, [*plain.pairs["src_ids"], *plain.pairs["tgt_ids"]]))

    def sampled(seed: int, number: int) -> list[Batch]:
        return epoch(
            plain, wild, seed=seed, epoch=number, batch_tokens=4 * longest, max_tokens=longest
        )

    first = sampled(1, 0)
    assert contents(sampled(1, 0)) == contents(first)
    seen = [pairs_of(sampled(*which), wild.eos_id) for which in ((1, 0), (1, 1), (2, 0))]
    assert seen[0] != seen[1] and seen[0] != seen[2]
    assert all(cost(batch) <= 4 * longest for batch in first)
    assert all(max(batch.src.size(1), batch.tgt_out.size(1)) <= longest for batch in first)

    def text(pairs: Counter[tuple[tuple[int, ...], ...]]) -> Counter[tuple[str, ...]]:
        return Counter(tuple(map(wild.decode, pair)) for pair in pairs.elements())

    expected = Counter(zip(plain.pairs["src"], plain.pairs["tgt"], strict=True))
    assert all(text(pairs) == expected for pairs in seen)


def test_sampling_differs_between_pools_and_sides(
    tokenizer: Tokenizer, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same text in another pool, or on the other side, is cut anew."""
    wild = Tokenizer(tokenizer.model, sampling_alpha=0.1)
    monkeypatch.setattr(batching, "POOL", 1)
    same = text_corpus([lines[0]] * 8, tokenizer)
    pairs = pairs_of(epoch(same, wild, batch_tokens=999, max_tokens=999), wild.eos_id)
    assert len(pairs) > 1
    assert any(src != tgt for src, tgt in pairs)
