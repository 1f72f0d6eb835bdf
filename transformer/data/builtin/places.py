"""Where to, where and where from; and at what time."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from .lexicon import LEXICON
from .phrases import Phrase, phrases


@cache
def places(direction: str, names: str) -> tuple[Phrase, ...]:
    """Where "to", "at" or "from" for "shops+home+city"."""
    column = ("to", "at", "from").index(direction)
    found: list[Phrase] = []
    for name in names.split("+"):
        if name in ("city", "country"):
            german, english = (("nach", "to"), ("in", "in"), ("aus", "from"))[column]
            for place in phrases(LEXICON.cities if name == "city" else LEXICON.countries, " "):
                found.append(Phrase(f"{german} {place.de}", f"{english} {place.en}"))
        elif name in LEXICON.place_groups:
            found.extend(places(direction, LEXICON.place_groups[name]))
        else:
            de, en = LEXICON.places[name].split("=")
            found.append(Phrase(de.split(",")[column].strip(), en.split(",")[column].strip()))
    return tuple(found)


@cache
def clock_times() -> tuple[Phrase, ...]:
    """Full, half and quarter hours; the German half hour counts towards the next."""
    hours = phrases(LEXICON.numbers)
    found = [Phrase(f"um {hour.de} Uhr", f"at {hour.en} o'clock") for hour in hours]
    for hour, following in pairwise(hours):
        found.append(Phrase(f"um halb {following.de}", f"at half past {hour.en}"))
        found.append(Phrase(f"um Viertel nach {hour.de}", f"at a quarter past {hour.en}"))
        found.append(Phrase(f"um Viertel vor {hour.de}", f"at a quarter to {hour.en}"))
    return tuple(found)
