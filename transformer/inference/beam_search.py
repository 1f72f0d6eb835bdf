"""Beam search over a step function and a state; it knows no model.

The length penalty and the limit are those of Wu et al. 2016, arXiv 1609.08144, and of §6.1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import torch
from torch import Tensor

NOTHING = float("-inf")


class State(Protocol):
    """What a step depends on: one row per hypothesis, hypotheses of a sentence side by side."""

    def select(self: "S", rows: Tensor, sentences: Tensor | None = None) -> "S":
        """The rows named, of the sentences named (None: of all)."""


S = TypeVar("S", bound=State)
Step = Callable[[Tensor, S], tuple[Tensor, S]]
"""(rows,) latest tokens and a state → (rows, vocab_size) log-probabilities and the next state."""


@dataclass(frozen=True)
class Hypothesis:
    """One translation."""

    ids: tuple[int, ...]  # without BOS and EOS
    score: float  # log_prob after the length penalty: what hypotheses are compared by
    log_prob: float  # natural logarithm, EOS included
    finished: bool  # False: cut off at the length limit, without EOS


def length_penalty(kind: Literal["paper", "power", "none"], alpha: float, length: int) -> float:
    """By what a log-probability is divided, so that short hypotheses do not win by being short.

    Args:
        kind: `paper` ((5 + length) / 6)^alpha, Wu et al. 2016, eq. 14; `power` length^alpha, as in
            fairseq, Marian, CTranslate2 and Hugging Face; `none` 1.
        alpha: exponent.
        length: tokens, EOS included.
    """
    if kind == "paper":
        return float(((5 + length) / 6) ** alpha)
    return float(length**alpha) if kind == "power" else 1.0


@torch.inference_mode()
def beam_search(
    step: Step[S],
    state: S,
    max_lengths: Sequence[int],
    *,
    bos_id: int,
    eos_id: int,
    forbidden: Sequence[int] = (),
    beam_size: int = 4,
    n_best: int = 1,
    penalty: Callable[[int], float] = lambda length: 1.0,
    device: torch.device | str = "cpu",
) -> list[list[Hypothesis]]:
    """The best hypotheses of each sentence, best first.

    Hypotheses that end leave the beam and wait; `beam_size` others stay alive. A sentence is done
    when no live hypothesis could still enter its `n_best`, or at its length limit, where live ones
    fill the places that no finished one takes. Each sentence is searched as if it were alone.

    Args:
        step: log-probabilities of the next token.
        state: one row per sentence, before the first step.
        max_lengths: for each sentence, tokens at most, EOS included.
        bos_id: what each hypothesis starts from.
        eos_id: what ends it.
        forbidden: ids never produced (padding, BOS, unknown).
        beam_size: live hypotheses per sentence.
        n_best: hypotheses returned per sentence, at most beam_size; fewer where the vocabulary and
            the limit allow fewer.
        penalty: divisor of the log-probability by length; must not fall as the length grows.
        device: where step wants its tokens.

    Raises:
        ValueError: beam_size or a length below 1, or n_best outside 1 … beam_size.
        ArithmeticError: `step` gives no finite log-probability at all.
    """
    if beam_size < 1:
        raise ValueError(f"beam_size must be at least 1; found {beam_size}")
    if not 1 <= n_best <= beam_size:
        raise ValueError(f"n_best must be between 1 and beam_size ({beam_size}); found {n_best}")
    if any(length < 1 for length in max_lengths):
        raise ValueError(f"every length limit must be at least 1; found {min(max_lengths)}")
    if not max_lengths:
        return []

    results: list[list[Hypothesis]] = [[] for _ in max_lengths]
    sentences = torch.arange(len(max_lengths))  # which sentence each place of the batch holds
    limits = torch.tensor(max_lengths)
    # (sentences, beam) log-probabilities and (sentences, beam, length) ids of the live ones. One
    # empty hypothesis each at first, so that the beam does not fill with copies of it.
    live = torch.zeros(len(max_lengths), 1)
    live_ids = torch.full((len(max_lengths), 1, 1), bos_id)
    done = _Finished.none(len(max_lengths), beam_size)

    never = torch.tensor(list(forbidden), dtype=torch.int64)
    length = 0
    while len(sentences):
        length += 1
        n_sentences, n_live = live.shape
        log_probs, state = step(live_ids[:, :, -1].flatten().to(device), state)
        log_probs = log_probs.cpu().index_fill(1, never, NOTHING)
        totals = live.unsqueeze(-1) + log_probs.view(n_sentences, n_live, -1)
        vocab_size = totals.size(-1)

        # 2k candidates, because k of them may end now and k must live on.
        n_candidates = min(2 * beam_size, n_live * vocab_size)
        candidates, places = totals.flatten(1).topk(n_candidates, dim=1)
        parents, tokens = places // vocab_size, places % vocab_size
        ids = _take(live_ids, parents)
        ids = torch.cat((ids, tokens.unsqueeze(-1)), dim=-1)

        ends = tokens == eos_id
        # Only one of the k best may end, so that a beam of one is greedy search.
        ended = candidates.masked_fill(~ends, NOTHING)[:, :beam_size]
        done = done.add(ended, ids[:, :beam_size], penalty(length))

        # The k best that go on, in the order of their log-probability.
        n_next = min(beam_size, n_candidates)
        live, kept = candidates.masked_fill(ends, NOTHING).topk(n_next, dim=1)
        live_ids, parents = _take(ids, kept), parents.gather(1, kept)

        # A live log-probability can only fall from here, and is divided by at most this.
        within_reach = live[:, 0] / torch.tensor([penalty(int(limit)) for limit in limits])
        over = (done.scores[:, n_best - 1] >= within_reach) | (limits <= length)
        over |= live[:, 0] == NOTHING
        for place in over.nonzero().flatten().tolist():
            unfinished = _unfinished(live[place], live_ids[place], penalty(length))
            best = [*done.hypotheses(place), *unfinished][:n_best]
            if not best:
                raise ArithmeticError(
                    f"no hypothesis of sentence {int(sentences[place])} has a log-probability "
                    f"that is a finite number"
                )
            results[int(sentences[place])] = best

        remaining = (~over).nonzero().flatten()
        if len(remaining) == 0:
            break
        rows = remaining.unsqueeze(-1) * n_live + parents[remaining]
        everything = len(remaining) == n_sentences
        state = state.select(
            rows.flatten().to(device), None if everything else remaining.to(device)
        )
        sentences, limits = sentences[remaining], limits[remaining]
        live, live_ids, done = live[remaining], live_ids[remaining], done.select(remaining)
    return results


@dataclass(frozen=True)
class _Finished:
    """The best finished hypotheses of every sentence, best first; empty places score -inf."""

    scores: Tensor  # (sentences, beam_size)
    log_probs: Tensor  # (sentences, beam_size)
    ids: Tensor  # (sentences, beam_size, length): BOS … EOS, then -1

    @classmethod
    def none(cls, n_sentences: int, beam_size: int) -> "_Finished":
        empty = torch.full((n_sentences, beam_size), NOTHING)
        return cls(empty, empty, torch.full((n_sentences, beam_size, 1), -1))

    def add(self, log_probs: Tensor, ids: Tensor, penalty: float) -> "_Finished":
        """Keeps the best of these and the new ones; log_probs is -inf for what has not ended."""
        if bool((log_probs == NOTHING).all()):
            return self
        beam_size = self.scores.size(1)
        longer = ids.size(-1) - self.ids.size(-1)
        ours = torch.nn.functional.pad(self.ids, (0, longer), value=-1)
        scores, best = torch.cat((self.scores, log_probs / penalty), dim=1).topk(beam_size, dim=1)
        return _Finished(
            scores,
            torch.cat((self.log_probs, log_probs), dim=1).gather(1, best),
            _take(torch.cat((ours, ids), dim=1), best),
        )

    def select(self, sentences: Tensor) -> "_Finished":
        return _Finished(self.scores[sentences], self.log_probs[sentences], self.ids[sentences])

    def hypotheses(self, sentence: int) -> list[Hypothesis]:
        rows = zip(
            self.scores[sentence].tolist(),
            self.log_probs[sentence].tolist(),
            self.ids[sentence].tolist(),
            strict=True,
        )
        return [
            # Without BOS, EOS and what lies behind it.
            Hypothesis(tuple(i for i in ids[1:] if i >= 0)[:-1], score, log_prob, finished=True)
            for score, log_prob, ids in rows
            if score > NOTHING
        ]


def _unfinished(log_probs: Tensor, ids: Tensor, penalty: float) -> list[Hypothesis]:
    # (beam,) log-probabilities and (beam, length) ids of one sentence, best first.
    return [
        Hypothesis(tuple(row[1:]), log_prob / penalty, log_prob, finished=False)
        for log_prob, row in zip(log_probs.tolist(), ids.tolist(), strict=True)
        if log_prob > NOTHING
    ]


def _take(ids: Tensor, places: Tensor) -> Tensor:
    # ids (sentences, n, length), places (sentences, m) → (sentences, m, length)
    return ids.gather(1, places.unsqueeze(-1).expand(-1, -1, ids.size(-1)))
