"""Beam search over hand-written tables of probabilities: no model takes part."""

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from transformer.search.beam_search import beam_search, best_continuations, repeating_tokens
from transformer.search.hypothesis import Hypothesis, length_penalty

BOS, EOS, A, B = range(4)
Ids = tuple[int, ...]
Table = Callable[[Ids], Sequence[float]]
"""What has been said → the probability of each next token."""
Penalty = Callable[[int], float]


@dataclass(frozen=True)
class Said:
    """The state of a search over tables: what each hypothesis of each sentence has said."""

    sentences: list[int]
    rows: list[tuple[int, Ids]]  # the sentence and what has been said, BOS included
    alive: list[int] | None = None  # the rows that go on; None: all

    def select(
        self, rows: Tensor, sentences: Tensor | None = None, alive: Tensor | None = None
    ) -> "Said":
        kept = range(len(self.sentences)) if sentences is None else sentences.tolist()
        return Said(
            [self.sentences[i] for i in kept],
            [self.rows[i] for i in rows.tolist()],
            None if alive is None else alive.tolist(),
        )


@dataclass
class Reader:
    """A step function that reads tables, and notes how many rows it was asked for."""

    tables: Sequence[Table]
    rows_seen: list[int] = field(default_factory=list)

    def __call__(self, tokens: Tensor, state: Said) -> tuple[Tensor, Said]:
        self.rows_seen.append(len(tokens))
        # Hypotheses of a sentence side by side, equally many for each.
        beam = len(state.rows) // len(state.sentences)
        owners = [sentence for sentence, _ in state.rows]
        assert owners == [sentence for sentence in state.sentences for _ in range(beam)]
        alive = range(len(state.rows)) if state.alive is None else state.alive
        rows = list(state.rows)
        for place, token in zip(alive, tokens.tolist(), strict=True):
            sentence, said = rows[place]
            rows[place] = sentence, (*said, token)
        probabilities = [self.tables[rows[i][0]](rows[i][1][1:]) for i in alive]
        return torch.tensor(probabilities).log(), Said(state.sentences, rows)


def search(
    tables: Sequence[Table], limits: Sequence[int], reader: Reader | None = None, **settings: Any
) -> list[list[Hypothesis]]:
    names = list(range(len(tables)))
    return beam_search(
        reader or Reader(tables),
        Said(names, [(name, ()) for name in names]),
        limits,
        bos_id=BOS,
        eos_id=EOS,
        **{"forbidden": [BOS], **settings},
    )


def table(probabilities: dict[Ids, dict[int, float]]) -> Table:
    """By hand; what is not written has probability 0."""

    def look_up(said: Ids) -> list[float]:
        return [probabilities.get(said, {}).get(token, 0.0) for token in range(4)]

    return look_up


def random_table(seed: int, vocab_size: int = 4) -> Table:
    @cache
    def draw(said: Ids) -> list[float]:
        generator = random.Random(f"{seed} {said}")
        weights = [generator.random() ** 2 + 0.01 for _ in range(vocab_size)]
        return [weight / sum(weights) for weight in weights]

    return draw


def log_prob_of(table: Table, ids: Ids) -> float:
    return sum(math.log(table(ids[:i])[token]) for i, token in enumerate(ids))


def every_hypothesis(table: Table, limit: int, penalty: Penalty, tokens: Ids) -> list[Hypothesis]:
    """All that can be said, in order: the finished by score, then those cut off at the limit."""
    hypotheses = []
    for length in range(limit + 1):
        for ids in itertools.product(tokens, repeat=length):
            finished = length < limit
            log_prob = log_prob_of(table, (*ids, EOS) if finished else ids)
            score = log_prob / penalty(length + finished)
            hypotheses.append(Hypothesis(ids, score, log_prob, finished))
    return sorted(hypotheses, key=lambda h: (not h.finished, -h.score))


def greedy(table: Table, limit: int) -> Ids:
    said: Ids = ()
    while len(said) < limit:
        probabilities = table(said)
        best = max(range(BOS + 1, len(probabilities)), key=lambda token: probabilities[token])
        said = (*said, best)
        if best == EOS:
            break
    return said


seeds = st.integers(0, 10**6)
limits = st.integers(1, 5)
penalties = st.sampled_from(
    [
        partial(length_penalty, "none", 0.0),
        partial(length_penalty, "paper", 0.6),
        partial(length_penalty, "paper", 2.0),
        partial(length_penalty, "power", 1.0),
    ]
)


@given(seeds, st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_beam_of_one_is_greedy_search(seed: int, limit: int) -> None:
    drawn = random_table(seed)
    [[best]] = search([drawn], [limit], beam_size=1)
    expected = greedy(drawn, limit)
    assert (*best.ids, EOS) == expected if best.finished else best.ids == expected
    assert best.log_prob == pytest.approx(log_prob_of(drawn, expected), rel=1e-5)


@given(seeds, limits, penalties, st.integers(1, 8), st.integers(3, 4))
@settings(max_examples=60, deadline=None)
def test_wide_beam_is_brute_force(
    seed: int, limit: int, penalty: Penalty, n_best: int, vocab_size: int
) -> None:
    drawn = random_table(seed, vocab_size)
    [found] = search([drawn], [limit], beam_size=64, n_best=n_best, penalty=penalty)
    tokens = tuple(range(EOS + 1, vocab_size))
    expected = every_hypothesis(drawn, limit, penalty, tokens)[:n_best]
    assert [h.finished for h in found] == [h.finished for h in expected]
    for ours, best in zip(found, expected, strict=True):
        # Compared by score, since two can score the same.
        assert ours.score == pytest.approx(best.score, rel=1e-5)
        said = (*ours.ids, EOS) if ours.finished else ours.ids
        assert ours.log_prob == pytest.approx(log_prob_of(drawn, said), rel=1e-5)
        assert ours.score == pytest.approx(ours.log_prob / penalty(len(said)), rel=1e-5)
    assert len({h.ids for h in found}) == len(found)


@given(seeds, st.integers(1, 10), penalties, st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_n_best_are_sorted_distinct_and_free_of_special_tokens(
    seed: int, limit: int, penalty: Penalty, beam_size: int
) -> None:
    [found] = search(
        [random_table(seed, 6)],
        [limit],
        beam_size=beam_size,
        n_best=beam_size,
        penalty=penalty,
        forbidden=[BOS, 4],
    )
    for group in ([h for h in found if h.finished], [h for h in found if not h.finished]):
        assert [h.score for h in group] == sorted((h.score for h in group), reverse=True)
    assert found == sorted(found, key=lambda h: not h.finished)
    assert len({h.ids for h in found}) == len(found) == beam_size or limit == 1
    assert not {BOS, EOS, 4} & {token for h in found for token in h.ids}
    assert all(len(h.ids) + h.finished <= limit for h in found)
    assert all(len(h.ids) == limit for h in found if not h.finished)


@given(
    st.lists(st.tuples(seeds, st.integers(1, 8)), min_size=2, max_size=6),
    st.randoms(use_true_random=False),
    penalties,
    st.integers(1, 3),
)
@settings(max_examples=30, deadline=None)
def test_neighbours_and_their_order_change_nothing(
    sentences: list[tuple[int, int]], shuffler: random.Random, penalty: Penalty, n_best: int
) -> None:
    tables = [random_table(seed) for seed, _ in sentences]
    limits = [limit for _, limit in sentences]
    wanted: dict[str, Any] = {"beam_size": 3, "n_best": n_best, "penalty": penalty}
    alone = [
        search([tables[i]], [limits[i]], **wanted)[0]  # every float of it must be the same
        for i in range(len(sentences))
    ]
    order = list(range(len(sentences)))
    shuffler.shuffle(order)
    together = search([tables[i] for i in order], [limits[i] for i in order], **wanted)
    assert together == [alone[i] for i in order]


# At first the end is likelier than A or B, but A leads to something better than to end at once.
PATIENT = table({(): {EOS: 0.45, A: 0.5, B: 0.05}, (A,): {EOS: 0.99, B: 0.01}, (B,): {EOS: 1.0}})


def test_first_finished_hypothesis_does_not_end_the_search() -> None:
    [found] = search([PATIENT], [10], beam_size=2, n_best=2)
    assert [h.ids for h in found] == [(A,), ()]
    assert [h.log_prob for h in found] == pytest.approx([math.log(0.495), math.log(0.45)])


def test_search_ends_when_no_live_hypothesis_can_win() -> None:
    certain = table({(): {EOS: 0.9, A: 0.1}} | {(A,) * n: {A: 1.0} for n in range(1, 100)})
    reader = Reader([certain])
    [[best]] = search([certain], [100], reader, beam_size=2)
    assert best.ids == () and best.finished
    assert reader.rows_seen == [1]


def test_live_hypothesis_that_the_penalty_may_favour_is_followed() -> None:
    # By sum the empty hypothesis wins; by mean the long one, at its last token.
    patient = table(
        {(): {EOS: 0.6, A: 0.4}} | {(A,) * n: {A: 1.0} for n in (1, 2, 3)} | {(A,) * 4: {EOS: 1.0}}
    )
    [[by_sum]] = search([patient], [5], beam_size=2)
    [[by_mean]] = search([patient], [5], beam_size=2, penalty=partial(length_penalty, "power", 1.0))
    assert by_sum.ids == ()
    assert by_mean.ids == (A, A, A, A)
    assert by_mean.score == pytest.approx(math.log(0.4) / 5)


def test_finished_hypotheses_leave_their_place_to_live_ones() -> None:
    # All three continuations of the empty hypothesis matter: one ends, two must live on.
    branching = table(
        {(): {EOS: 0.4, A: 0.31, B: 0.29}, (A,): {A: 0.5, B: 0.5}, (B,): {EOS: 1.0}}
        | {(A, x): {EOS: 1.0} for x in (A, B)}
    )
    reader = Reader([branching])
    [found] = search([branching], [3], reader, beam_size=2, n_best=2)
    assert reader.rows_seen[:2] == [1, 2]
    assert [h.ids for h in found] == [(), (B,)]


def test_no_hypothesis_goes_on_after_its_end() -> None:
    # What follows the end would make it likelier by mean: 0.5 against 0.7.
    tempting = table(
        {(): {EOS: 0.5, A: 0.5}, (A,): {EOS: 0.9, B: 0.1}, (A, B): {EOS: 1.0}}
        | {(EOS,): {A: 1.0}, (EOS, A): {EOS: 1.0}}
    )
    penalty = partial(length_penalty, "power", 1.0)
    [found] = search([tempting], [3], beam_size=3, n_best=3, penalty=penalty)
    assert [h.ids for h in found] == [(A,), (), (A, B)]


def test_length_limit_returns_the_best_there_is() -> None:
    endless = table({(A,) * n: {A: 0.75, B: 0.25} for n in range(3)})
    [found] = search([endless], [3], beam_size=2, n_best=2)
    assert found[0] == Hypothesis((A, A, A), found[0].score, found[0].log_prob, finished=False)
    assert found[0].log_prob == pytest.approx(3 * math.log(0.75))
    assert [h.finished for h in found] == [False, False]


def test_finished_hypothesis_comes_before_one_that_was_cut_off() -> None:
    mostly_endless = table({(): {EOS: 0.1, A: 0.9}, (A,): {A: 1.0}})
    [found] = search([mostly_endless], [2], beam_size=2, n_best=2)
    assert [(h.ids, h.finished) for h in found] == [((), True), ((A, A), False)]


def test_fewer_hypotheses_where_no_more_exist() -> None:
    [found] = search([table({(): {EOS: 0.3, A: 0.7}})], [1], beam_size=5, n_best=5)
    assert [(h.ids, h.finished) for h in found] == [((), True), ((A,), False)]


def test_finished_sentences_leave_the_batch() -> None:
    endless: Table = lambda said: [0.0, 0.0, 0.7, 0.3]  # noqa: E731
    reader = Reader([endless] * 3)
    search([endless] * 3, [1, 4, 2], reader, beam_size=2)
    assert reader.rows_seen == [3, 4, 2, 2]


def test_few_finished_sentences_are_computed_along() -> None:
    endless: Table = lambda said: [0.0, 0.0, 0.7, 0.3]  # noqa: E731
    reader = Reader([endless] * 5)
    found = search([endless] * 5, [1, 4, 4, 4, 4], reader, beam_size=2)
    assert reader.rows_seen == [5, 10, 10, 10]
    assert [len(best.ids) for [best] in found] == [1, 4, 4, 4, 4]


def test_forbidden_tokens_are_never_produced() -> None:
    tempting = table({(): {B: 0.9, A: 0.1}, (A,): {B: 0.9, EOS: 0.1}})
    [[best]] = search([tempting], [3], beam_size=2, forbidden=[BOS, B])
    assert best.ids == (A,)
    assert best.log_prob == pytest.approx(2 * math.log(0.1))


def test_no_sentences_give_no_results() -> None:
    assert search([], []) == []


@pytest.mark.parametrize(
    ("kind", "alpha", "length", "expected"),
    [
        ("paper", 0.6, 1, 1.0),  # (6 / 6)^0.6
        ("paper", 0.6, 7, 1.515717),  # 2^0.6
        ("paper", 1.0, 13, 3.0),  # 18 / 6
        ("paper", 0.0, 50, 1.0),
        ("power", 1.0, 7, 7.0),
        ("power", 0.5, 16, 4.0),
        ("none", 0.6, 50, 1.0),
    ],
)
def test_length_penalty(kind: Any, alpha: float, length: int, expected: float) -> None:
    assert length_penalty(kind, alpha, length) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("wrong", "limits", "message"),
    [
        ({"beam_size": 0}, [3], "beam_size must be at least 1; found 0"),
        ({"beam_size": 2, "n_best": 3}, [3], r"between 1 and beam_size \(2\); found 3"),
        ({"n_best": 0}, [3], r"between 1 and beam_size \(4\); found 0"),
        ({}, [0], "every length limit must be at least 1; found 0"),
        ({"prefixes": [(A,), (B,)]}, [3], "1 sentences have 2 prefixes"),
    ],
)
def test_errors_say_what_must_hold(wrong: dict[str, Any], limits: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search([PATIENT], limits, **wrong)


@pytest.mark.parametrize("nothing", [0.0, math.nan], ids=["impossible", "nan"])
@pytest.mark.parametrize("beam_size", [1, 3])
def test_no_finite_log_probability_is_an_error(nothing: float, beam_size: int) -> None:
    with pytest.raises(ArithmeticError, match=r"no hypothesis of sentence 1 has .* finite"):
        search([PATIENT, lambda _: 4 * [nothing]], [3, 3], beam_size=beam_size)


# Patience ----------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 8), penalties, st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_endless_patience_is_none(seed: int, limit: int, penalty: Penalty, n_best: int) -> None:
    wanted: dict[str, Any] = {"beam_size": 4, "n_best": n_best, "penalty": penalty}
    tables = [random_table(seed), random_table(seed + 1)]
    endless = search(tables, [limit, limit], patience=1e9, **wanted)
    assert endless == search(tables, [limit, limit], **wanted)


# One hypothesis ends at the first step, two at each further one.
ENDING: Table = lambda said: [0.0, 0.5, 0.3, 0.2]  # noqa: E731


@pytest.mark.parametrize(
    ("patience", "n_steps"), [(None, 10), (0.5, 1), (1.0, 2), (1.5, 2), (2.0, 3), (100.0, 10)]
)
def test_patience_counts_hypotheses_that_have_ended(patience: float | None, n_steps: int) -> None:
    reader = Reader([ENDING])
    penalty = partial(length_penalty, "power", 2.0)  # the longest is always the best
    search([ENDING], [10], reader, beam_size=2, penalty=penalty, patience=patience)
    assert reader.rows_seen == [1, *[2] * (n_steps - 1)]


def test_patience_waits_for_as_many_as_are_wanted() -> None:
    penalty = partial(length_penalty, "power", 2.0)
    [found] = search([ENDING], [10], beam_size=4, n_best=4, penalty=penalty, patience=0.25)
    assert [h.finished for h in found] == [True] * 4


# Prefixes ----------------------------------------------------------------------------------------

prefixes = st.lists(st.sampled_from([A, B]), max_size=4).map(tuple)


@given(seeds, prefixes, st.integers(1, 3), penalties, st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_wide_beam_is_brute_force_after_a_prefix(
    seed: int, prefix: Ids, more: int, penalty: Penalty, n_best: int
) -> None:
    drawn, limit = random_table(seed), len(prefix) + more
    [found] = search(
        [drawn], [limit], beam_size=64, n_best=n_best, penalty=penalty, prefixes=[prefix]
    )
    everything = every_hypothesis(drawn, limit, penalty, (A, B))
    expected = [h for h in everything if h.ids[: len(prefix)] == prefix][:n_best]
    assert [h.finished for h in found] == [h.finished for h in expected]
    assert [h.score for h in found] == pytest.approx([h.score for h in expected], rel=1e-5)
    for h in found:
        assert h.ids[: len(prefix)] == prefix
        said = (*h.ids, EOS) if h.finished else h.ids
        assert h.log_prob == pytest.approx(log_prob_of(drawn, said), rel=1e-5)  # prefix included


@given(st.lists(st.tuples(seeds, prefixes), min_size=2, max_size=4), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_each_sentence_has_its_own_prefix(sentences: list[tuple[int, Ids]], beam_size: int) -> None:
    tables, given = [random_table(seed) for seed, _ in sentences], [p for _, p in sentences]
    together = search(tables, [6] * len(tables), beam_size=beam_size, prefixes=given)
    for drawn, prefix, [best] in zip(tables, given, together, strict=True):
        assert best.ids[: len(prefix)] == prefix
        assert [[best]] == search([drawn], [6], beam_size=beam_size, prefixes=[prefix])
        if not prefix:
            assert [[best]] == search([drawn], [6], beam_size=beam_size)


# No n-gram twice ---------------------------------------------------------------------------------


def repeats(said: Ids, n: int) -> bool:
    grams = [said[i : i + n] for i in range(len(said) - n + 1)]
    return len(set(grams)) < len(grams)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_repeating_tokens_are_those_that_make_an_ngram_come_twice(n: int) -> None:
    drawn = random.Random(n)
    ids = [[[BOS, *drawn.choices((A, B, 4), k=6)] for _ in range(3)] for _ in range(4)]
    found = repeating_tokens(torch.tensor(ids), n).T.tolist()
    expected = [
        [row, token]
        for row, (_, *said) in enumerate(itertools.chain(*ids))
        for token in (A, B, 4)
        if any(said[i : i + n] == [*said[len(said) - n + 1 :], token] for i in range(7 - n))
    ]
    assert expected and {tuple(pair) for pair in found} == {tuple(pair) for pair in expected}


def test_a_loop_is_left_by_no_repeat_ngram_size() -> None:
    # A B A B … for ever, at 0.9 a token; leaving it costs.
    def loops(said: Ids) -> list[float]:
        likeliest = A if len(said) % 2 == 0 else B
        return [0.0, 0.08, *(0.9 if token == likeliest else 0.02 for token in (A, B))]

    [[endless]] = search([loops], [12], beam_size=1)
    assert endless.ids == (A, B) * 6
    [[free]] = search([loops], [12], beam_size=1, no_repeat_ngram_size=3)
    assert free.ids == (A, B, A, B) and free.finished


@given(seeds, limits, penalties, st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_wide_beam_is_brute_force_without_repetition(
    seed: int, limit: int, penalty: Penalty, n: int
) -> None:
    drawn = random_table(seed)
    everything = every_hypothesis(drawn, limit, penalty, (A, B))
    expected = [h for h in everything if not repeats(h.ids, n)][:5]
    [found] = search(
        [drawn], [limit], beam_size=64, n_best=5, penalty=penalty, no_repeat_ngram_size=n
    )
    assert [h.score for h in found] == pytest.approx([h.score for h in expected], rel=1e-5)
    assert not any(repeats(h.ids, n) for h in found)


def test_a_prefix_may_repeat_itself() -> None:
    drawn = random_table(3)
    [[best]] = search([drawn], [9], beam_size=4, prefixes=[(A, A, A, A)], no_repeat_ngram_size=2)
    assert best.ids[:4] == (A, A, A, A)
    assert not repeats(best.ids[3:], 2) and (A, A) not in itertools.pairwise(best.ids[3:])


# The n likeliest without sorting the vocabulary --------------------------------------------------


@pytest.mark.parametrize("forcing", [False, True])
@pytest.mark.parametrize("impossible", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("vocab_size", [4, 64, 65, 200, 1000])
def test_best_continuations_are_those_of_a_plain_sort(
    vocab_size: int, impossible: float, forcing: bool
) -> None:
    n_sentences, n_live, n = 3, 4, 8
    generator = torch.Generator().manual_seed(vocab_size)
    for _ in range(20):
        logits = torch.randn(n_sentences * n_live, vocab_size, generator=generator) * 3
        hidden = torch.rand(logits.shape, generator=generator) < impossible
        hidden[:, -1] = False  # or a row would have no probability at all
        logits.masked_fill_(hidden, -torch.inf)
        live = -torch.rand(n_sentences, n_live, generator=generator) * 5
        live[1, 2:] = -torch.inf
        forbidden = torch.tensor([0, 2])
        forced = torch.tensor([-1, vocab_size - 1, 1]) if forcing else None

        log_probs = logits.log_softmax(dim=-1).index_fill(1, forbidden, -torch.inf)
        log_probs = log_probs.view(n_sentences, n_live, vocab_size)
        if forced is not None:
            for sentence, token in enumerate(forced.tolist()):
                if token >= 0:
                    others = torch.arange(vocab_size) != token
                    log_probs[sentence, :, others] = -torch.inf
        totals = (live.unsqueeze(-1) + log_probs).flatten(1)
        expected, places = totals.topk(min(n, totals.size(1)), dim=1)

        found, parents, tokens = best_continuations(logits, live, n, forbidden, forced)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        possible = expected > -torch.inf
        chosen = parents * vocab_size + tokens
        assert torch.equal(chosen[possible], places[possible])
        # What is impossible is passed on, and must at least exist.
        assert int(tokens.min()) >= 0 and int(tokens.max()) < vocab_size
        assert int(parents.min()) >= 0 and int(parents.max()) < n_live


def test_a_forced_token_may_be_too_unlikely_for_a_number() -> None:
    logits = torch.tensor([[0.0, 1.0, -200.0], [0.0, 0.0, -300.0]])  # e^-200 is 0 in fp32
    live = torch.tensor([[-1.0, -2.0]])
    none = torch.tensor([], dtype=torch.int64)
    found, parents, tokens = best_continuations(logits, live, 2, none, torch.tensor([2]))
    expected = logits.log_softmax(dim=-1)[:, 2] + live[0]
    assert found.tolist() == [pytest.approx(expected.tolist())]
    assert (parents.tolist(), tokens.tolist()) == ([[0, 1]], [[2, 2]])


@given(st.lists(st.tuples(st.integers(0, 999), st.booleans()), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_barred_ids_are_as_if_they_were_impossible(drawn: list[tuple[int, bool]]) -> None:
    tables = [random_table(seed) for seed, _ in drawn]
    barred = [[B] if bar else [] for _, bar in drawn]
    found = search(tables, [6] * len(tables), beam_size=3, n_best=3, barred=barred)
    for table, (_, bar), best in zip(tables, drawn, found, strict=True):
        forbidden = [BOS, B] if bar else [BOS]
        assert [best] == search([table], [6], beam_size=3, n_best=3, forbidden=forbidden)
        assert not (bar and any(B in each.ids for each in best))


def test_a_prefix_may_hold_what_is_barred() -> None:
    [[best]] = search([random_table(1)], [6], prefixes=[(B, B)], barred=[[B]], beam_size=3)
    assert best.ids[:2] == (B, B) and B not in best.ids[2:]
    with pytest.raises(ValueError, match="1 sentences have 2 lists of barred ids"):
        search([random_table(1)], [6], barred=[[], []])


# Pruning ------------------------------------------------------------------------------------------


def pruned_search(
    table: Table,
    limit: int,
    beam_size: int,
    penalty: Penalty,
    threshold: float | None,
    per_parent: int | None,
) -> list[tuple[float, Ids]]:
    """The finished hypotheses with their scores, as one would write the search down at first."""
    live: list[tuple[float, Ids]] = [(0.0, ())]
    finished: list[tuple[float, Ids]] = []
    for length in range(1, limit + 1):
        candidates = sorted(
            (
                (log_prob + math.log(p), said, token)
                for log_prob, said in live
                for token, p in enumerate(table(said))
                if token != BOS
            ),
            reverse=True,
        )[: 2 * beam_size]
        ended = (c for c in candidates[:beam_size] if c[2] == EOS)
        finished += [(log_prob / penalty(length), said) for log_prob, said, _ in ended]
        finished.sort(reverse=True)
        went_on: Counter[Ids] = Counter()
        several = len(live) > 1
        live = []
        for log_prob, said, token in candidates:
            full = several and per_parent is not None and went_on[said] >= per_parent
            if token != EOS and not full and len(live) < beam_size:
                went_on[said] += 1
                live.append((log_prob, (*said, token)))
        if threshold is not None:
            live = [each for each in live if each[0] >= live[0][0] - threshold]
        if not live or (finished and finished[0][0] >= live[0][0] / penalty(limit)):
            break
    return finished


@given(
    seeds,
    st.integers(2, 7),
    penalties,
    st.sampled_from([0.2, 0.7, 2.0, None]),
    st.sampled_from([1, 2, None]),
)
@settings(max_examples=60, deadline=None)
def test_what_is_given_up_is_given_up(
    seed: int, limit: int, penalty: Penalty, threshold: float | None, per_parent: int | None
) -> None:
    tables = [random_table(seed + i, vocab_size=7) for i in range(8)]
    reader = Reader(tables)
    given: dict[str, Any] = {"relative_threshold": threshold, "max_per_parent": per_parent}
    found = search(tables, [limit] * 8, reader, beam_size=4, penalty=penalty, **given)
    for drawn, [best] in zip(tables, found, strict=True):
        expected = pruned_search(drawn, limit, 4, penalty, threshold, per_parent)
        assert best.finished == bool(expected)
        if expected:
            assert best.ids == expected[0][1]
            assert best.score == pytest.approx(expected[0][0], rel=1e-5)


def test_rows_that_are_given_up_are_not_computed() -> None:
    tables = [random_table(seed, vocab_size=7) for seed in range(40)]
    third_step = []
    for threshold in (None, 0.5):
        reader = Reader(tables)
        search(tables, [9] * 40, reader, beam_size=4, n_best=4, relative_threshold=threshold)
        third_step.append(reader.rows_seen[2])
    assert third_step[1] < 0.7 * third_step[0]


def test_a_prefix_does_not_make_the_search_greedy() -> None:
    tables = [random_table(seed, vocab_size=7) for seed in range(4)]
    limits = [8] * 4
    given: dict[str, Any] = {"beam_size": 4, "n_best": 4, "max_per_parent": 1}
    found = search(tables, limits, prefixes=[[A]] * 4, **given)
    assert all(len(best) > 1 for best in found)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_what_is_not_computed_changes_nothing(seed: int) -> None:
    """With prefixes, barred tokens and n-grams: all rows, or only those that are alive."""
    draw = random.Random(seed)
    n, vocab_size = draw.randint(1, 14), draw.randint(5, 9)
    tables = [random_table(draw.randrange(10**6), vocab_size) for _ in range(n)]
    tokens = range(EOS + 1, vocab_size)
    beam_size = draw.randint(1, 5)
    given: dict[str, Any] = {
        "beam_size": beam_size,
        "n_best": draw.randint(1, beam_size),
        "penalty": partial(length_penalty, "power", 1.0),
        "prefixes": draw.choice([None, [draw.choices(tokens, k=i % 3) for i in range(n)]]),
        "barred": draw.choice([None, [draw.sample(tokens, i % 2) for i in range(n)]]),
        "no_repeat_ngram_size": draw.randint(0, 3),
        "relative_threshold": draw.choice([None, 0.7, 3.0]),
        "max_per_parent": draw.choice([None, 1, 2]),
    }
    limits = [draw.randint(3, 9) for _ in range(n)]
    found, rows = [], []
    for least in (1, 10**9):  # rows that are worth leaving out
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("transformer.search.beam_search.ROWS", least)
            reader = Reader(tables)
            found.append(search(tables, limits, reader, **given))
            rows.append(sum(reader.rows_seen))
    assert rows[0] <= rows[1]
    for some, all_ in zip(*found, strict=True):
        assert [h.ids for h in some] == [h.ids for h in all_]
        assert [h.score for h in some] == pytest.approx([h.score for h in all_])


@pytest.mark.parametrize("prefixes", [None, [[A]] * 9])
def test_a_sentence_without_numbers_spoils_no_other(prefixes: list[list[int]] | None) -> None:
    good, broken = random_table(1, vocab_size=7), [math.nan] * 7

    def alone(said: Ids) -> Sequence[float]:
        return broken

    given: dict[str, Any] = {"beam_size": 4, "prefixes": prefixes}
    expected = search([good] * 9, [6] * 9, **given)
    with pytest.raises(ArithmeticError, match="no hypothesis of sentence 3"):
        search([good, good, good, alone, *[good] * 5], [6] * 9, **given)
    assert search([good] * 9, [6] * 9, **given) == expected


def test_a_threshold_that_nothing_reaches_changes_nothing() -> None:
    tables = [random_table(seed, vocab_size=7) for seed in range(20)]
    limits = [2 + i % 9 for i in range(20)]
    plain = search(tables, limits, beam_size=4, n_best=4)
    assert search(tables, limits, beam_size=4, n_best=4, relative_threshold=1e3) == plain
