"""Which target pieces a source may need: the output projection then leaves out all others.

Made from the training corpus, as Marian and CTranslate2 do (their lexical shortlist and vmap). What
is not on the list cannot be said, so it costs a little quality; on a CPU, where the projection to a
vocabulary of thousands is 40 % of a small decoder's work, it makes a third more
sentences a second (Multi30k, int8 with two workers: 339 instead of 258).
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from ..checkpoint import CheckpointError
from ..data.tokenizer import Tokenizer
from ..files import write_atomically

NAME = "shortlist.safetensors"
"""Its file in a run directory."""

Integers = NDArray[np.int64]


class Shortlist:
    """For each source piece the target pieces that translate it, and some that may always come.

    Args:
        always: ids that are on every list: frequent ones and bytes.
        starts: (vocab_size + 1,) where each source piece's ids begin in `ids`.
        ids: target pieces.
    """

    def __init__(self, always: Tensor, starts: Tensor, ids: Tensor) -> None:
        self.always, self.starts, self.ids = always, starts, ids

    def candidates(self, batch: Iterable[Sequence[int]], more: Iterable[int] = ()) -> Tensor:
        """The pieces that these sources (ids) may need, and `more`: ascending, none twice."""
        pieces = {piece for source in batch for piece in source}
        lists = [self.ids[self.starts[piece] : self.starts[piece + 1]] for piece in pieces]
        return torch.cat([self.always, torch.tensor(list(more)).long(), *lists]).unique()

    def save(self, path: Path) -> None:
        """Writes it, atomically."""
        write_atomically(
            path, save({"always": self.always, "starts": self.starts, "ids": self.ids})
        )

    @classmethod
    def load(cls, path: Path, *, vocab_size: int) -> "Shortlist":
        """Reads it.

        Raises:
            CheckpointError: no such file, damaged, or of another vocabulary.
        """
        if not path.is_file():
            raise CheckpointError(
                f"{path} does not exist; scripts/build_shortlist.py makes it from a corpus"
            )
        try:
            found = load_file(path)
            shortlist = cls(found["always"], found["starts"], found["ids"])
        except (SafetensorError, OSError, KeyError) as error:
            raise CheckpointError(f"{path} is damaged: {error}") from None
        if len(shortlist.starts) != vocab_size + 1:
            raise CheckpointError(
                f"{path} is for {len(shortlist.starts) - 1:,} pieces, the model has {vocab_size:,}"
            )
        return shortlist


def build_shortlist(
    src: Sequence[Sequence[int]],
    tgt: Sequence[Sequence[int]],
    tokenizer: Tokenizer,
    *,
    n_each: int = 20,
    n_always: int = 200,
    iterations: int = 3,
) -> Shortlist:
    """Aligns pieces by IBM model 1 (Brown et al. 1993); keeps the likeliest translations of each.

    Args:
        src: ids of the sources, without special ones.
        tgt: ids of their translations.
        tokenizer: whose ids these are.
        n_each: translations kept for each source piece.
        n_always: most frequent target pieces, on every list.
        iterations: of expectation maximisation.
    """
    vocab_size = tokenizer.vocab_size
    # One row for each pair of pieces in the same pair of sentences: (source, target, its target).
    words, wheres, n_targets = [], [], 0
    for s, t in zip(src, tgt, strict=True):
        sources = np.unique(np.asarray(s, dtype=np.int64))
        targets = np.asarray(t, dtype=np.int64)
        words.append((sources[None, :] * vocab_size + targets[:, None]).ravel())
        wheres.append(np.repeat(np.arange(n_targets, n_targets + len(targets)), len(sources)))
        n_targets += len(targets)
    pairs, row = np.unique(np.concatenate(words), return_inverse=True)
    where: Integers = np.concatenate(wheres)
    source, target = pairs // vocab_size, pairs % vocab_size
    p = np.ones(len(pairs))  # of the target piece, given the source piece
    for _ in range(iterations):
        share = p[row]
        share /= np.bincount(where, weights=share, minlength=n_targets)[where]
        counts = np.bincount(row, weights=share, minlength=len(pairs))
        p = counts / np.bincount(source, weights=counts, minlength=vocab_size)[source]

    order = np.lexsort((-p, source))
    first_of = np.searchsorted(source[order], np.arange(vocab_size))
    rank = np.arange(len(order)) - first_of[source[order]]
    kept = order[rank < n_each]
    starts = np.searchsorted(source[kept], np.arange(vocab_size + 1))

    frequency = np.bincount(np.concatenate([np.asarray(t) for t in tgt]), minlength=vocab_size)
    pieces = tokenizer.pieces(range(vocab_size))
    # Special pieces and the bytes, which spell what no other piece does.
    special = [i for i, piece in enumerate(pieces) if piece.startswith("<") and len(piece) > 1]
    always = np.union1d(np.argsort(-frequency, kind="stable")[:n_always], special)
    return Shortlist(
        *(torch.from_numpy(x.astype(np.int64)) for x in (always, starts, target[kept]))
    )
