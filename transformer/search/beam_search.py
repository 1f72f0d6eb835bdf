"""Beam search over a step function and a state; it knows no model.

The length penalty and the limit are those of Wu et al. 2016, arXiv 1609.08144, and of §6.1; pruning
is that of Freitag and Al-Onaizan 2017, arXiv 1702.01806.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .hypothesis import Hypothesis
from .stepping import B, BeamStep

NOTHING = float("-inf")

BLOCK = 64
"""Tokens per block of the vocabulary; blocks are first compared by their likeliest token."""

KEPT_WHILE = 0.75
"""Finished sentences leave the batch once at most this share of it is still searched."""

ROWS = 8
"""Rows of a step come in multiples of this: oneDNN compiles its products anew for every new number
of them, which takes longer than a few rows do."""


@torch.inference_mode()
def beam_search(
    step: BeamStep[B],
    state: B,
    max_lengths: Sequence[int],
    *,
    bos_id: int,
    eos_id: int,
    forbidden: Sequence[int] = (),
    barred: Sequence[Sequence[int]] | None = None,
    beam_size: int = 4,
    n_best: int = 1,
    penalty: Callable[[int], float] = lambda length: 1.0,
    patience: float | None = None,
    relative_threshold: float | None = None,
    max_per_parent: int | None = None,
    prefixes: Sequence[Sequence[int]] | None = None,
    no_repeat_ngram_size: int = 0,
    device: torch.device | str = "cpu",
) -> list[list[Hypothesis]]:
    """Returns the best hypotheses of each sentence, best first.

    Hypotheses that end leave the beam and wait; `beam_size` others stay alive. A sentence is done
    when no live hypothesis could still enter its `n_best`, when `patience` has run out, or at its
    length limit, where live ones fill the places that no finished one takes. Each sentence is
    searched as if it were alone.

    Args:
        step: logits of the next token.
        state: one row per sentence, before the first step.
        max_lengths: for each sentence, the most tokens it may have, EOS included.
        bos_id: what each hypothesis starts from.
        eos_id: what ends it.
        forbidden: ids never produced (padding, BOS, unknown).
        barred: for each sentence, more ids that are never produced, except by its prefix.
        beam_size: live hypotheses per sentence.
        n_best: hypotheses returned per sentence, at most beam_size; fewer where the vocabulary, the
            limit or pruning allow fewer.
        penalty: divisor of the log-probability by length; must not fall as the length grows.
        patience: a sentence is also done once patience · beam_size of its hypotheses have ended
            (and n_best), whatever live ones may still reach; None: it is not. Kasai et al. 2022,
            arXiv 2204.05424; 1 is the rule of fairseq, Marian and CTranslate2.
        relative_threshold: hypotheses more than this many nats below the likeliest live one of
            their sentence are given up; None: none are.
        max_per_parent: at most this many live hypotheses may continue the same one, unless it is
            the only one that is alive; None: any number.
        prefixes: for each sentence, ids that every hypothesis begins with; none of them is EOS.
        no_repeat_ngram_size: no n-gram of this many ids occurs twice in a hypothesis, except
            within its prefix; 0: any may.
        device: where step wants its tokens.

    Raises:
        ValueError: beam_size or a length below 1, n_best outside 1 … beam_size, or prefixes or
            barred ids for another number of sentences.
        ArithmeticError: `step` gives no finite log-probability at all.
    """
    if beam_size < 1:
        raise ValueError(f"beam_size must be at least 1; found {beam_size}")
    if not 1 <= n_best <= beam_size:
        raise ValueError(f"n_best must be between 1 and beam_size ({beam_size}); found {n_best}")
    if any(length < 1 for length in max_lengths):
        raise ValueError(f"every length limit must be at least 1; found {min(max_lengths)}")
    if prefixes is not None and len(prefixes) != len(max_lengths):
        raise ValueError(f"{len(max_lengths)} sentences have {len(prefixes)} prefixes")
    if barred is not None and len(barred) != len(max_lengths):
        raise ValueError(f"{len(max_lengths)} sentences have {len(barred)} lists of barred ids")
    if not max_lengths:
        return []

    results: list[list[Hypothesis]] = [[] for _ in max_lengths]
    never = torch.tensor(list(forbidden), dtype=torch.int64, device=device)
    places = torch.arange(len(max_lengths))  # which sentence each place of the batch holds
    limits = torch.tensor(max_lengths)
    at_limit = torch.tensor([penalty(length) for length in max_lengths])
    # (sentences, beam) log-probabilities and (sentences, beam, length) ids of the live ones. One
    # empty hypothesis each at first, so that the beam does not fill with copies of it.
    live = torch.zeros(len(max_lengths), 1)
    live_ids = torch.full((len(max_lengths), 1, 1), bos_id)
    done = _Finished.none(len(max_lengths), beam_size)
    begun = [list(prefix) for prefix in prefixes or ()]
    waiting = torch.ones(len(max_lengths), dtype=torch.bool)  # False: its result is found
    not_there = _pairs(barred or ())
    alive: Tensor | None = None  # rows of the next step, if not all

    length = 0
    while True:
        length += 1
        n_sentences, n_live = live.shape
        latest = live_ids[:, :, -1].flatten()
        latest = latest if alive is None else latest[alive]
        logits, state = step(latest.to(device), state)
        forced = _nth(begun, length, places).to(device) if begun else None

        # 2k candidates, because k of them may end now and k must live on.
        n = no_repeat_ngram_size
        excluded = _rows(not_there, places, n_live) if not_there.numel() else None
        if 0 < n < length:
            repeating = repeating_tokens(live_ids, n)
            excluded = repeating if excluded is None else torch.cat((excluded, repeating), dim=1)
        if excluded is not None:
            excluded = excluded.to(device)
        rows = None if alive is None else alive.to(device)
        found = best_continuations(
            logits, live.to(device), 2 * beam_size, never, forced, excluded, rows
        )
        candidates, parents, tokens = (part.cpu() for part in found)

        # Only one of the k best may end, so that a beam of one is greedy search.
        ends = tokens == eos_id
        ended = candidates.masked_fill(~ends, NOTHING)[:, :beam_size]
        if bool((ended > NOTHING).any()):
            ids = _extended(live_ids, parents[:, :beam_size], tokens[:, :beam_size])
            done = done.add(ended, ended / penalty(length), ids)

        # The k best that go on, in the order of their log-probability.
        n_next = min(beam_size, candidates.size(1))
        going_on = candidates.masked_fill(ends, NOTHING)
        if max_per_parent is not None:
            several = (live > NOTHING).sum(dim=1, keepdim=True) > 1
            surplus = _surplus(max_per_parent, parents, ends) & several
            going_on.masked_fill_(surplus, NOTHING)
        live, kept = going_on.topk(n_next, dim=1)
        if relative_threshold is not None:
            live = live.masked_fill(live < live[:, :1] - relative_threshold, NOTHING)
        parents, tokens = parents.gather(1, kept), tokens.gather(1, kept)
        live_ids = _extended(live_ids, parents, tokens)

        # A live log-probability can only fall from here, and is divided by at most this.
        over = done.scores[:, n_best - 1] >= live[:, 0] / at_limit
        over |= (limits <= length) | (live[:, 0] == NOTHING)
        if patience is not None:
            over |= done.n_ended >= max(patience * beam_size, n_best)
        for place in (over & waiting).nonzero().flatten().tolist():
            unfinished = _unfinished(live[place], penalty(length), live_ids[place])
            best = [*done.hypotheses(place), *unfinished][:n_best]
            if not best:
                raise ArithmeticError(
                    f"no hypothesis of sentence {int(places[place])} has a log-probability "
                    f"that is a finite number"
                )
            results[int(places[place])] = best
        waiting &= ~over

        # Finished sentences stay in the batch until there are many of them, because taking them out
        # moves the caches of all the others.
        n_waiting = int(waiting.sum())
        if n_waiting == 0:
            return results
        remaining = None
        if n_waiting <= KEPT_WHILE * n_sentences:
            remaining = _rounded_up(waiting)
            places, limits, at_limit = places[remaining], limits[remaining], at_limit[remaining]
            live, live_ids, done = live[remaining], live_ids[remaining], done.select(remaining)
            parents, waiting = parents[remaining], waiting[remaining]
        live = live.masked_fill(~waiting.unsqueeze(-1), NOTHING)
        alive = _rounded_up((live > NOTHING).flatten())
        if live.numel() - len(alive) < ROWS:  # not worth the trouble
            alive = None
        first_row = (torch.arange(n_sentences) if remaining is None else remaining) * n_live
        rows = (first_row.unsqueeze(-1) + parents).flatten()
        state = state.select(rows.to(device), *(_moved_to(device, i) for i in (remaining, alive)))


def best_continuations(
    logits: Tensor,
    live: Tensor,
    n: int,
    forbidden: Tensor,
    forced: Tensor | None = None,
    excluded: Tensor | None = None,
    alive: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns each sentence's n likeliest hypotheses of one token more, best first.

    The vocabulary is large, so most of it is never sorted: the n likeliest are to be found in the n
    blocks of tokens with the largest maxima.

    Args:
        logits: (rows, vocab_size) of the next token; rows are sentences · hypotheses, or `alive`.
        live: (sentences, hypotheses) log-probability so far.
        n: how many; fewer where there are fewer.
        forbidden: ids that are never chosen; they keep their share of the probability.
        forced: (sentences,) the only token that may follow, or -1 if any may.
        excluded: (2, any) hypotheses, counted over all sentences, and tokens that may not follow
            there unless forced.
        alive: (rows,) hypotheses, counted over all sentences, to which the logits belong; those of
            all others are -inf in `live`. None: to all.

    Returns:
        Log-probabilities, in fp32 or better, -inf for what is impossible; which hypothesis of its
        sentence each continues; and its new token: (sentences, n) each.
    """
    (n_sentences, n_live), vocab_size = live.shape, logits.size(1)
    p = logits.softmax(dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
    p.index_fill_(1, forbidden, 0.0)
    row_of = torch.arange(live.numel(), device=p.device)  # of a hypothesis; that of a dead one is 0
    if alive is not None:
        row_of = torch.zeros_like(row_of).index_copy_(0, alive, row_of[: len(alive)])
    if excluded is not None:
        rows, tokens = row_of[excluded[0]], excluded[1]
        if alive is not None:
            theirs = alive[rows] == excluded[0]
            rows, tokens = rows[theirs], tokens[theirs]
        p[rows, tokens] = 0.0
    if forced is not None:
        # The forced token becomes certain, and its log-probability is added here: a probability may
        # be too small for a number where its logarithm is not.
        forced = forced.repeat_interleave(n_live).unsqueeze(-1)
        forced = forced if alive is None else forced[alive]
        token = forced.clamp(min=0)
        p = torch.where(forced < 0, p, torch.zeros_like(p).scatter_(1, token, 1.0))
        log_p = logits.log_softmax(dim=-1, dtype=p.dtype).gather(1, token)
        log_p = log_p.masked_fill(forced < 0, 0.0).nan_to_num(nan=NOTHING, neginf=NOTHING)
        live = live + log_p[row_of].view_as(live)

    whole = vocab_size // BLOCK * BLOCK
    maxima = p[:, :whole].unflatten(1, (-1, BLOCK)).amax(dim=2)
    if whole < vocab_size:
        maxima = torch.cat((maxima, p[:, whole:].amax(dim=1, keepdim=True)), dim=1)
    n_blocks = maxima.size(1)
    maxima = _log(maxima) if alive is None else _log(maxima)[row_of]
    bounds = (live.unsqueeze(-1) + maxima.view(n_sentences, n_live, -1)).flatten(1)
    blocks = bounds.topk(min(n, bounds.size(1)), dim=1).indices  # (sentences, n)
    parents = blocks // n_blocks
    tokens = (blocks % n_blocks * BLOCK).unsqueeze(-1) + torch.arange(BLOCK, device=p.device)
    beyond = tokens >= vocab_size  # the last block may be shorter
    tokens.clamp_(max=vocab_size - 1)
    rows = row_of.view_as(live).gather(1, parents)
    places = rows.unsqueeze(-1) * vocab_size + tokens
    totals = live.gather(1, parents).unsqueeze(-1) + _log(p.view(-1)[places])
    totals.masked_fill_(beyond, NOTHING)

    best, chosen = totals.flatten(1).topk(min(n, n_live * vocab_size), dim=1)
    return best, parents.gather(1, chosen // BLOCK), tokens.flatten(1).gather(1, chosen)


def repeating_tokens(ids: Tensor, n: int) -> Tensor:
    """Returns the next tokens that would repeat an n-gram of their hypothesis.

    Args:
        ids: (sentences, hypotheses, length) so far, BOS first.
        n: at least 1.

    Returns:
        (2, any) rows, counted over all sentences, and tokens.
    """
    ids = ids.flatten(0, 1)
    windows = ids[:, 1:].unfold(1, n, 1)  # (rows, places, n)
    same = (windows[..., :-1] == ids[:, None, ids.size(1) - n + 1 :]).all(dim=-1)
    rows, places = same.nonzero(as_tuple=True)
    return torch.stack((rows, windows[rows, places, -1]))


def _moved_to(device: torch.device | str, indices: Tensor | None) -> Tensor | None:
    return None if indices is None else indices.to(device)


def _surplus(most: int, parents: Tensor, ends: Tensor) -> Tensor:
    # (sentences, candidates), best first: whether `most` better ones with the same parent go on.
    same = parents.unsqueeze(2) == parents.unsqueeze(1)
    before = (same & ~ends.unsqueeze(1)).tril(-1).sum(dim=2)
    return before >= most


def _rounded_up(wanted: Tensor) -> Tensor:
    # The indices of (n,) bools that are true, in order, and of some others to make a multiple of
    # ROWS; few are not rounded.
    n = int(wanted.sum())
    if n > ROWS:
        n = -(-n // ROWS) * ROWS
    return wanted.to(torch.uint8).sort(descending=True, stable=True).indices[:n].sort().values


def _pairs(barred: Sequence[Sequence[int]]) -> Tensor:
    # (2, any) sentences and ids
    pairs = [(sentence, i) for sentence, ids in enumerate(barred) for i in ids]
    return torch.tensor(pairs, dtype=torch.int64).view(-1, 2).T


def _rows(pairs: Tensor, places: Tensor, n_live: int) -> Tensor:
    # (2, any) sentences and ids → (2, any) rows of the batch, for those that are in it, and ids
    place_of = torch.full((int(pairs[0].max()) + 1,), -1)
    known = places < len(place_of)
    place_of[places[known]] = torch.arange(len(places))[known]
    first, ids = place_of[pairs[0]], pairs[1]
    first, ids = first[first >= 0] * n_live, ids[first >= 0]
    rows = first.unsqueeze(-1) + torch.arange(n_live)
    return torch.stack((rows.flatten(), ids.repeat_interleave(n_live)))


def _log(probabilities: Tensor) -> Tensor:
    # In place. NaN counts as impossible.
    return probabilities.log_().nan_to_num_(nan=NOTHING, neginf=NOTHING)


@dataclass(frozen=True)
class _Finished:
    """The best finished hypotheses of every sentence, best first; empty places score -inf."""

    scores: Tensor  # (sentences, beam_size)
    log_probs: Tensor  # (sentences, beam_size)
    ids: Tensor  # (sentences, beam_size, length): BOS … EOS, then -1
    n_ended: Tensor  # (sentences,) how many there were, kept or not

    @classmethod
    def none(cls, n_sentences: int, beam_size: int) -> "_Finished":
        empty = torch.full((n_sentences, beam_size), NOTHING)
        ids = torch.full((n_sentences, beam_size, 1), -1)
        return cls(empty, empty, ids, torch.zeros(n_sentences, dtype=torch.int64))

    def add(self, log_probs: Tensor, scores: Tensor, ids: Tensor) -> "_Finished":
        """Keeps the best of these and the new ones; log_probs is -inf for what has not ended."""
        beam_size = self.scores.size(1)
        longer = ids.size(-1) - self.ids.size(-1)
        ours = torch.nn.functional.pad(self.ids, (0, longer), value=-1)
        scores, best = torch.cat((self.scores, scores), dim=1).topk(beam_size, dim=1)
        return _Finished(
            scores,
            torch.cat((self.log_probs, log_probs), dim=1).gather(1, best),
            _take(torch.cat((ours, ids), dim=1), best),
            self.n_ended + (log_probs > NOTHING).sum(dim=1),
        )

    def select(self, sentences: Tensor) -> "_Finished":
        return _Finished(
            self.scores[sentences],
            self.log_probs[sentences],
            self.ids[sentences],
            self.n_ended[sentences],
        )

    def hypotheses(self, sentence: int) -> list[Hypothesis]:
        rows = zip(
            self.scores[sentence].tolist(),
            self.log_probs[sentence].tolist(),
            self.ids[sentence].tolist(),
            strict=True,
        )
        return [
            # Without BOS, EOS and what follows it.
            Hypothesis(tuple(i for i in ids[1:] if i >= 0)[:-1], score, log_prob, finished=True)
            for score, log_prob, ids in rows
            if score > NOTHING
        ]


def _unfinished(log_probs: Tensor, penalty: float, ids: Tensor) -> list[Hypothesis]:
    # (beam,) log-probabilities, best first, and (beam, length) ids of one sentence.
    rows = zip(log_probs.tolist(), (log_probs / penalty).tolist(), ids[:, 1:].tolist(), strict=True)
    return [
        Hypothesis(tuple(tokens), score, log_prob, finished=False)
        for log_prob, score, tokens in rows
        if log_prob > NOTHING
    ]


def _nth(prefixes: Sequence[Sequence[int]], n: int, places: Tensor) -> Tensor:
    # (sentences,) the n-th token of each prefix, -1 where it is shorter
    return torch.tensor(
        [prefixes[i][n - 1] if n <= len(prefixes[i]) else -1 for i in places.tolist()]
    )


def _extended(ids: Tensor, parents: Tensor, tokens: Tensor) -> Tensor:
    # ids (sentences, n, length) → (sentences, m, length + 1) of the parents (sentences, m)
    return torch.cat((_take(ids, parents), tokens.unsqueeze(-1)), dim=-1)


def _take(ids: Tensor, places: Tensor) -> Tensor:
    # ids (sentences, n, length), places (sentences, m) → (sentences, m, length)
    return ids.gather(1, places.unsqueeze(-1).expand(-1, -1, ids.size(-1)))
