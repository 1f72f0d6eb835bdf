"""Which of the served languages a text is in."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any

from ..errors import UserError


@cache
def all_languages() -> Any:
    """py3langid's identifier of every language that it knows; half a second of reading, once."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


class Detector:
    """Tells languages apart by byte n-grams: py3langid (Lui & Baldwin 2012), limited to a few.

    Args:
        languages: codes of ISO 639-1.

    Raises:
        UserError: py3langid does not know one of them.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        self._languages = sorted(languages)
        self._identifier = copy.copy(all_languages())
        unknown = set(languages) - set(self._identifier.labels)
        if unknown:
            raise UserError(f"there is no detector of {', '.join(sorted(unknown))}")
        self._identifier.set_languages(self._languages)

    def detect(self, text: str) -> list[tuple[str, float]]:
        """The languages and their probabilities, the likeliest first.

        A text without letters says nothing: all are equally likely then.
        """
        if not any(c.isalpha() for c in text):
            even = 1 / len(self._languages)
            return [(language, even) for language in self._languages]
        ranked = self._identifier.rank(text)
        return [(str(language), float(share)) for language, share in ranked]
