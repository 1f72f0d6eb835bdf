"""The tables of lexicon.yaml, read when the first module asks for words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

Table = dict[str, str]


@dataclass(frozen=True)
class Lexicon:
    """One attribute for each table; the comments of lexicon.yaml say how to read it."""

    nouns: Table
    groups: Table
    adjectives: Table
    predicates: Table
    comparatives: str

    places: Table
    cities: str
    countries: str
    place_groups: Table

    strong_verbs: str
    sein_verbs: str
    told: str
    present: Table
    past: Table
    english_past: str
    doubling: str

    frames: list[str]
    scenes: list[str]
    beside: list[str]
    beside_reasons: Table
    beside_either: Table

    states: Table
    impersonal: Table
    reasons: Table
    obstacles: Table
    errands: str
    outcomes: str

    times: Table
    numbers: str
    knowing: str
    wondering: str
    moments: Table
    where_or_when: str
    lost: str
    found: str
    greetings: str
    family_names: str


def read_lexicon() -> Lexicon:
    """Read lexicon.yaml."""
    text = Path(__file__).with_name("lexicon.yaml").read_text(encoding="utf-8")
    # The base loader takes everything for text: to the others, "off" means false.
    return Lexicon(**yaml.load(text, yaml.BaseLoader))


LEXICON = read_lexicon()
