"""How much likelier a model finds the right pronoun than a wrong one, as it is and changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..data.tokenizer import Tokenizer
from ..inspection.attending import Change, Place, changed
from ..model.encoder_decoder import Transformer
from .suite import Item, Marked, Span

BATCH = 200
"""Sentences at a time."""

Changes = Callable[[slice], Mapping[Place, Change]]
"""What is changed for the sentences of a batch."""


class Located(NamedTuple):
    """A sentence as ids, and which of them are what."""

    ids: list[int]
    """With EOS."""
    pronoun: list[int]
    antecedent: list[int]
    other: list[int]
    rest: list[list[int]]
    """The pieces of each other word before the pronoun."""


def located(tokenizer: Tokenizer, marked: Marked) -> Located:
    """Encodes a sentence, and finds its parts."""
    ids = tokenizer.encode(marked.text)
    # Where each piece ends; a piece begins where the one before it ends, blanks included.
    ends = [len(tokenizer.decode(ids[: i + 1])) for i in range(len(ids))]
    starts = [0, *ends[:-1]]

    def within(span: Span) -> list[int]:
        return [i for i in range(len(ids)) if ends[i] > span[0] and starts[i] < span[1]]

    pronoun, antecedent, other = map(within, (marked.pronoun, marked.antecedent, marked.other))
    named = [marked.pronoun, marked.antecedent, marked.other]
    words: list[list[int]] = []
    start = 0
    for word in marked.text[: marked.pronoun[0]].split():
        start = marked.text.index(word, start)
        span = start, start + len(word.rstrip(","))
        if not any(span[0] < stop and begin < span[1] for begin, stop in named):
            words.append(within(span))
        start = span[1]
    return Located([*ids, tokenizer.eos_id], pronoun, antecedent, other, words)


@dataclass(frozen=True)
class Contrast:
    """The sentences of a suite with right and wrong translations, ready for a model.

    The source's pronoun is one piece or more; the step that writes the target's is where its first
    piece is predicted.
    """

    model: Transformer
    source: Tensor
    """(n, source) ids"""
    targets: tuple[Tensor, ...]
    """(n, target) ids with BOS and EOS each: with the right pronoun, then with wrong ones."""
    sources: tuple[Located, ...]
    of_targets: tuple[Located, ...]

    @classmethod
    def of(
        cls,
        model: Transformer,
        tokenizer: Tokenizer,
        suite: Sequence[Item],
        languages: tuple[str, str],
        *,
        exchanged: bool = False,
    ) -> Contrast:
        """Encodes a suite.

        Args:
            model: in evaluation mode, in fp32.
            tokenizer: of the model.
            suite: at least one sentence.
            languages: of source and target: de and en in either order.
            exchanged: take the sentences with the other antecedent; their targets are not judged,
                so there is one only.
        """
        pairs = [item.exchanged if exchanged else (item.de, item.en) for item in suite]
        if languages[0] == "en":
            pairs = [(english, german) for german, english in pairs]
        sources = tuple(located(tokenizer, source) for source, _ in pairs)
        of_targets = tuple(located(tokenizer, target) for _, target in pairs)
        wrong: list[list[list[int]]] = []
        for item, (_, target) in zip(suite, pairs, strict=True):
            pronouns = [] if exchanged else item.wrong(languages[1])
            texts = [target.with_pronoun(pronoun) for pronoun in pronouns]
            wrong.append([[*tokenizer.encode(text), tokenizer.eos_id] for text in texts])
        most = max(map(len, wrong))
        columns = [[found.ids for found in of_targets]]
        # Where there are fewer wrong ones, the last counts twice, which changes no maximum.
        columns += [[each[min(i, len(each) - 1)] for each in wrong] for i in range(most)]
        bos, pad = tokenizer.bos_id, tokenizer.pad_id
        length = max(len(ids) for column in columns for ids in column)
        targets = tuple(
            _padded([[bos, *ids] for ids in column], pad, length + 1) for column in columns
        )
        return cls(model, _padded([s.ids for s in sources], pad), targets, sources, of_targets)

    def __len__(self) -> int:
        return len(self.sources)

    @torch.inference_mode()
    def margins(self, changes: Changes | None = None) -> Tensor:
        """log P(right) − log P(the likeliest wrong one), of whole translations, (n,).

        Args:
            changes: what the model's attentions do differently; None: nothing.
        """
        found = []
        for start in range(0, len(self), BATCH):
            rows = slice(start, start + BATCH)
            with changed(self.model, changes(rows) if changes else {}):
                right, *wrong = (self._log_probs(target, rows) for target in self.targets)
            found.append(right - torch.stack(wrong).amax(dim=0))
        return torch.cat(found)

    def _log_probs(self, target: Tensor, rows: slice) -> Tensor:
        src, tgt = self.source[rows], target[rows]
        logits = self.model(src, tgt[:, :-1]).float()
        wanted = tgt[:, 1:]
        log_probs = logits.log_softmax(dim=-1).gather(-1, wanted.unsqueeze(-1)).squeeze(-1)
        return log_probs.masked_fill(wanted == self.model.pad_id, 0).sum(dim=-1)

    @property
    def sizes(self) -> tuple[int, int]:
        """Positions of source and target inputs."""
        return self.source.size(1), self.targets[0].size(1) - 1


def _padded(rows: Sequence[Sequence[int]], pad_id: int, length: int = 0) -> Tensor:
    tensors = [torch.tensor(list(row)) for row in rows]
    padded = pad_sequence(tensors, batch_first=True, padding_value=pad_id)
    if padded.size(1) < length:
        padded = torch.nn.functional.pad(padded, (0, length - padded.size(1)), value=pad_id)
    return padded
