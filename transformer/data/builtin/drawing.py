"""Random choices that keep to one split."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from .lexicon import LEXICON
from .phrases import NOTHING, Phrase, phrases
from .splits import split_of
from .verbs import PAST_MODALS

T = TypeVar("T")


class DrawAgainError(Exception):
    """What was drawn does not go together, or belongs to another split: start again."""


class Draw:
    """Random choices that keep to one split."""

    def __init__(self, split: str, seed: int) -> None:
        self.split = split
        self.keys: list[str] = []  # the combinations of the sentence being drawn
        # Seeded with text and asked for random() only: Python promises the same numbers for ever.
        self._random = random.Random(f"{split} {seed}").random

    def chance(self, probability: float) -> bool:
        """True that often."""
        return self._random() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of them, all equally likely."""
        return options[int(self._random() * len(options))]

    def word(self, options: str) -> str:
        """One of the words of a text."""
        return self.pick(options.split())

    def pair(self, options: str) -> tuple[str, str]:
        """One of "this/that ..."."""
        first, _, second = self.word(options).partition("/")
        return first, second

    def phrase(self, text: str) -> Phrase:
        """One of "German = English | ..."."""
        return self.pick(phrases(text))

    def time(self, tense: str) -> Phrase:
        """An adverb of time that suits the tense."""
        if tense in ("perfect", *PAST_MODALS):
            tense = "past"
        return self.phrase(LEXICON.times.get(tense, LEXICON.times["future"]))

    def maybe(self, share: float, phrase: Phrase) -> Phrase:
        """The phrase that often, else nothing."""
        return phrase if self.chance(share) else NOTHING

    def owns(self, *lemmas: str) -> bool:
        """Whether a combination belongs to the split."""
        return split_of(" ".join(lemmas)) == self.split

    def claim(self, *lemmas: str) -> None:
        """Use a combination, or start again if it is another split's."""
        if not self.owns(*lemmas):
            raise DrawAgainError
        self.keys.append(" ".join(lemmas))


Pattern = Callable[[Draw], Phrase]
