"""Frames: who does what, and what goes with the verb."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from .lexicon import LEXICON
from .nouns import NOUN, nouns_of
from .phrases import Phrase, phrases
from .places import clock_times, places


@dataclass(frozen=True)
class Slot:
    """A complement that a frame asks for: a declined noun, or one of some fixed phrases."""

    preposition: str = ""
    case: str = ""
    classes: str = ""
    articles: tuple[str, ...] = ()
    fixed: tuple[Phrase, ...] = ()

    @property
    def direct(self) -> bool:
        """Whether it is a direct object."""
        return self.case == "acc" and not self.preposition


@dataclass(frozen=True)
class Frame:
    """A line of `LEXICON.frames` or `LEXICON.scenes`."""

    subjects: str
    verb: str
    slots: tuple[Slot, ...]
    english: str
    tags: frozenset[str]


def read_slot(text: str) -> Slot:
    """Read a complement of a frame."""
    head, _, tail = text.partition(":")
    if head in ("to", "at", "from"):
        return Slot(fixed=places(head, tail))
    if head == "clock":
        return Slot(fixed=clock_times())
    if "=" in text:
        return Slot(fixed=phrases(text, "/"))
    *preposition, case = head.split()
    classes, _, articles = tail.partition(":")
    return Slot(" ".join(preposition), case, classes, tuple(articles.split(",")))


UNWILLED = {"state", "mishap", "find", "unwilled"}


def read_frame(line: str) -> Frame:
    """Read a line of `LEXICON.frames`, and add the tags that need no writing.

    They are state or event, plain, human, and doing: what somebody does on purpose.
    """
    subjects, verb, slots, english, topics = (cell.strip() for cell in (line + " ").split(" | "))
    tags = set(topics.split()) | {"state" if english.startswith("~") else "event"}
    tags |= {"plain"} if english[0] in "~!" else set()
    if subjects in ("who", "adult"):
        tags |= {"human"} if tags & UNWILLED else {"human", "doing"}
    return Frame(
        subjects, verb, tuple(read_slot(slot.strip()) for slot in slots.split(";")),
        english.lstrip("~!"), frozenset(tags),
    )  # fmt: skip


ALL_FRAMES = tuple(read_frame(line) for line in LEXICON.frames)
ALL_SCENES = tuple(read_frame(line) for line in LEXICON.scenes)
BESIDE = tuple(read_frame(line) for line in LEXICON.beside)
# The reasons of each topic that are true of the thing, and those that are true of the person.
BESIDE_REASONS = {
    topic: tuple(phrases(side) for side in content.split(" / "))
    for topic, content in LEXICON.beside_reasons.items()
}
# Those that may be true of either.
BESIDE_EITHER = {topic: phrases(content) for topic, content in LEXICON.beside_either.items()}


@cache
def frames_with(tags: str, lemma: str = "") -> tuple[Frame, ...]:
    """Frames with all the tags; given a lemma, those it can be the direct object of ("?": any)."""

    def takes(slot: Slot) -> bool:
        if not slot.direct or slot.classes == "person":
            return False
        return lemma == "?" or NOUN[lemma] in nouns_of(slot.classes)

    found = [frame for frame in ALL_FRAMES if set(tags.split()) <= frame.tags]
    return tuple(frame for frame in found if not lemma or any(map(takes, frame.slots)))
