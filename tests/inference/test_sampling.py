"""Sampling from hand-written tables of probabilities: no model takes part."""

import itertools
import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from transformer.errors import UserError
from transformer.inference.sampling import sample
from transformer.search.hypothesis import Hypothesis
from transformer.search.sampling import Sampling, draw

BOS, EOS, A, B = range(4)
Ids = tuple[int, ...]
Table = Callable[[Ids], Sequence[float]]
"""What has been said → the probability of each next token."""


@dataclass(frozen=True)
class Said:
    """What each text has said so far."""

    rows: list[tuple[Table, Ids]]

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> "Said":
        return Said([self.rows[i] for i in rows.tolist()])


def step(tokens: Tensor, state: Said) -> tuple[Tensor, Said]:
    assert len(tokens) == len(state.rows)
    rows = [
        (table, (*said, token))
        for (table, said), token in zip(state.rows, tokens.tolist(), strict=True)
    ]
    return torch.tensor([table(said[1:]) for table, said in rows]).log(), Said(rows)


def sampled(tables: Sequence[Table], limit: int = 8, **settings: Any) -> list[Hypothesis]:
    how = {name: settings.pop(name) for name in list(settings) if name in Sampling.__annotations__}
    return sample(
        step,
        Said([(table, ()) for table in tables]),
        [limit] * len(tables),
        bos_id=BOS,
        eos_id=EOS,
        sampling=Sampling(**how),
        **{"forbidden": [BOS], **settings},
    )


def random_table(seed: int) -> Table:
    def look_up(said: Ids) -> list[float]:
        generator = random.Random(f"{seed} {said}")
        weights = [generator.random() + 0.01 for _ in range(4)]
        return [weight / sum(weights) for weight in weights]

    return look_up


def log_prob_of(table: Table, ids: Ids) -> float:
    return sum(math.log(table(ids[:i])[token]) for i, token in enumerate(ids))


def drawn(p: list[float], n: int, **how: Any) -> list[float]:
    """How often each token is drawn, by numbers that lie evenly between 0 and 1."""
    numbers = (torch.arange(n) + 0.5) / n
    tokens = draw(torch.tensor([p]).log().expand(n, -1), numbers, Sampling(**how))
    return (torch.bincount(tokens, minlength=len(p)) / n).tolist()


seeds = st.integers(0, 10**6)


@given(seeds, st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_temperature_0_is_greedy(seed: int, limit: int) -> None:
    table = random_table(seed)
    [found] = sampled([table], limit, temperature=0.0, seed=seed)
    said: Ids = ()
    while len(said) < limit and EOS not in said:
        said = (*said, max((EOS, A, B), key=table(said).__getitem__))
    assert (*found.ids, EOS) == said if found.finished else found.ids == said


P = [0.1, 0.5, 0.25, 0.15]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, P),
        ({"temperature": 0.5}, [p**2 / 0.345 for p in P]),
        ({"temperature": 2.0}, [p**0.5 / sum(q**0.5 for q in P) for p in P]),
        ({"temperature": 1e-320}, [0, 1, 0, 0]),
        ({"top_k": 1}, [0, 1, 0, 0]),
        ({"top_k": 2}, [0, 2 / 3, 1 / 3, 0]),
        ({"top_k": 4}, P),
        ({"top_k": 100}, P),
        ({"top_p": 0.01}, [0, 1, 0, 0]),
        ({"top_p": 0.49}, [0, 1, 0, 0]),
        ({"top_p": 0.51}, [0, 2 / 3, 1 / 3, 0]),
        ({"top_p": 0.76}, [0, 5 / 9, 2.5 / 9, 1.5 / 9]),
        ({"top_p": 0.91}, P),
        ({"top_k": 2, "top_p": 0.6}, [0, 1, 0, 0]),  # of the two, 0.5 is two thirds
        ({"temperature": 0.5, "top_p": 0.7}, [0, 1, 0, 0]),  # then 0.5 has 0.25 / 0.345
    ],
)
def test_tokens_are_drawn_as_often_as_they_are_likely(
    how: dict[str, Any], expected: list[float]
) -> None:
    assert drawn(P, 10_000, **how) == pytest.approx(expected, abs=1e-3)


def test_what_is_impossible_is_never_drawn() -> None:
    assert drawn([0.0, 0.5, 0.0, 0.5], 1000) == pytest.approx([0, 0.5, 0, 0.5], abs=1e-3)
    log_probs = torch.tensor([[0.0, -torch.inf, -torch.inf]])
    for number in (0.0, 1 - 2**-24):
        assert draw(log_probs, torch.tensor([number]), Sampling()).tolist() == [0]


@given(
    st.lists(st.floats(0.01, 1.0), min_size=2, max_size=30),
    st.floats(0.05, 1.0),
    st.integers(1, 30),
)
@settings(max_examples=60, deadline=None)
def test_cuts_leave_exactly_what_they_say(weights: list[float], top_p: float, top_k: int) -> None:
    # Ties would make it a matter of taste.
    weights = [weight + 1e-3 * i for i, weight in enumerate(weights)]
    p = [weight / sum(weights) for weight in weights]
    order = sorted(range(len(p)), key=lambda i: -p[i])[:top_k]
    share = sum(p[i] for i in order)
    kept, reached = [], 0.0
    for i in order:
        if reached >= top_p * share - 1e-6:
            break
        kept.append(i)
        reached += p[i]
    frequencies = drawn(p, 20_000, top_k=top_k, top_p=top_p)
    total = sum(p[i] for i in kept)
    for i, frequency in enumerate(frequencies):
        if abs(reached - top_p * share) > 1e-4 or i in kept[:-1]:
            assert frequency == pytest.approx(p[i] / total if i in kept else 0.0, abs=2e-3)


def test_different_places_draw_independently() -> None:
    n = 4000
    table: Table = lambda said: P  # noqa: E731
    found = sampled([table] * n, 1, seed=5, forbidden=[])
    tokens = [EOS if h.finished else h.ids[0] for h in found]
    for token, p in enumerate(P):
        spread = math.sqrt(p * (1 - p) / n)
        assert tokens.count(token) / n == pytest.approx(p, abs=4 * spread)
    same = sum(a == b for a, b in itertools.pairwise(tokens)) / n
    expected = sum(p * p for p in P)
    assert same == pytest.approx(expected, abs=4 * math.sqrt(expected / n))


@given(st.lists(seeds, min_size=2, max_size=6), st.randoms(use_true_random=False), seeds)
@settings(max_examples=30, deadline=None)
def test_neighbours_and_their_order_change_nothing(
    tables: list[int], shuffler: random.Random, seed: int
) -> None:
    alone = [
        sampled([random_table(table)], seed=seed, places=[i])[0] for i, table in enumerate(tables)
    ]
    order = list(range(len(tables)))
    shuffler.shuffle(order)
    together = sampled([random_table(tables[i]) for i in order], seed=seed, places=order)
    assert together == [alone[i] for i in order]
    if order == sorted(order):
        assert together == sampled([random_table(table) for table in tables], seed=seed)


def test_the_seed_and_the_place_decide() -> None:
    tables = [random_table(1)] * 30
    first = sampled(tables, seed=1)
    assert sampled(tables, seed=1) == first
    assert sampled(tables, seed=2) != first
    assert len({h.ids for h in first}) > 3
    assert len(sampled(tables[:2], seed=10**30)) == 2


@given(seeds, st.floats(0.0, 3.0), st.integers(1, 3), st.floats(0.1, 1.0))
@settings(max_examples=40, deadline=None)
def test_log_probability_is_that_of_the_table(
    seed: int, temperature: float, top_k: int, top_p: float
) -> None:
    table = random_table(seed)
    [h] = sampled([table], temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
    said = (*h.ids, EOS) if h.finished else h.ids
    assert h.score == h.log_prob == pytest.approx(log_prob_of(table, said), rel=1e-5)


@given(seeds, st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_no_text_is_longer_than_its_limit(seed: int, limit: int) -> None:
    for h in sampled([random_table(seed)] * 5, limit, seed=seed):
        assert len(h.ids) + h.finished <= limit
        assert h.finished or len(h.ids) == limit
        assert not {BOS, EOS} & set(h.ids)


def test_each_text_begins_with_its_prefix() -> None:
    table, given = random_table(3), [(A, B, A), (), (B,), (B, B, B, B)]
    found = sampled([table] * 4, prefixes=given, seed=3)
    for prefix, h in zip(given, found, strict=True):
        assert h.ids[: len(prefix)] == prefix
        said = (*h.ids, EOS) if h.finished else h.ids
        assert h.log_prob == pytest.approx(log_prob_of(table, said), rel=1e-5)  # prefix included
    assert found[1] == sampled([table] * 2, seed=3)[1]


def test_nothing_to_sample() -> None:
    assert sampled([]) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("temperature", -0.1, "temperature must be finite, at least 0; found -0.1"),
        ("temperature", math.nan, "found nan"),
        ("temperature", math.inf, "found inf"),
        ("temperature", 10**400, "found a number of 1329 bits"),
        ("temperature", "1", "found '1'"),
        ("temperature", True, "found True"),
        ("top_k", 0, "top_k must be a whole number, at least 1; found 0"),
        ("top_k", 1.5, "found 1.5"),
        ("top_p", 0, "top_p must be above 0 and at most 1; found 0"),
        ("top_p", 1.5, "found 1.5"),
        ("top_p", 1j, "found 1j"),
        ("seed", None, "seed must be a whole number; found None"),
        ("seed", 0.5, "found 0.5"),
    ],
)
def test_what_cannot_be_drawn_with_is_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        Sampling(**{name: value})  # type: ignore[arg-type]
