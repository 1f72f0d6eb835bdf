"""Sentences of daily life that corpora of example sentences lack: menus, letters, times, prices.

    python scripts/everyday_phrases.py --output data/everyday/phrases.tsv

Patterns are filled with words that fit them, at random but from a seed. Patterns, words and the
sentences that are fixed stand in everyday_phrases.txt, to be added to.
"""

import argparse
import random
import re
from collections.abc import Callable
from pathlib import Path

from transformer.files import write_atomically

Pair = tuple[str, str]


def read(path: Path) -> dict[str, list[Pair]]:
    """The sections of the data file."""
    sections: dict[str, list[Pair]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            entries = sections.setdefault(header[1], [])
        elif " = " in line and not line.startswith("#"):
            german, english = line.split(" = ")
            entries.append((german, english))
        elif line and not line.startswith("#"):
            entries += [(word, word) for word in line.split()]
    return sections


SECTIONS = read(Path(__file__).with_suffix(".txt"))
FIXED, PATTERNS = SECTIONS["fixed"], SECTIONS["patterns"]


def one_of(section: str) -> Callable[[random.Random], Pair]:
    """Any entry of a section."""
    return lambda draw: draw.choice(SECTIONS[section])


def person(draw: random.Random) -> Pair:
    """Somebody, with a title."""
    german, english = draw.choice(
        (("Herr", "Mr."), ("Frau", "Ms."), ("Herr Dr.", "Dr."), ("Frau Dr.", "Dr."))
    )
    name, _ = draw.choice(SECTIONS["name"])
    return f"{german} {name}", f"{english} {name}"


def formal(draw: random.Random) -> Pair:
    """Whom a letter is to."""
    german, english = person(draw)
    return f"geehrte{'r' if german.startswith('Herr') else ''} {german}", english


def when(draw: random.Random) -> Pair:
    """A time of day."""
    digits = f"{draw.randrange(6, 24)}:{draw.randrange(0, 60, 5):02}"
    return draw.choice((*in_words(draw), (f"um {digits} Uhr", f"at {digits}"), evening(draw)))


def evening(draw: random.Random) -> Pair:
    """An hour that English has no word for."""
    hour = draw.randrange(13, 24)
    return f"um {hour} Uhr", f"at {hour}:00"


def early(draw: random.Random) -> Pair:
    """When one gets up."""
    digits = f"{draw.randrange(5, 10)}:{draw.randrange(0, 60, 5):02}"
    return draw.choice((*in_words(draw), (f"um {digits} Uhr", f"at {digits}")))


def in_words(draw: random.Random) -> list[Pair]:
    """The ways to say some time; half past six is *halb sieben*."""
    hours, n = SECTIONS["hour"], draw.randrange(12)
    (hour, its_name), (following, next_name) = hours[n], hours[(n + 1) % 12]
    return [
        (f"um halb {following}", f"at half past {its_name}"),
        (f"um Viertel nach {hour}", f"at a quarter past {its_name}"),
        (f"um Viertel vor {following}", f"at a quarter to {next_name}"),
        (f"um zehn nach {hour}", f"at ten past {its_name}"),
        (f"um {hour if n else 'ein'} Uhr", f"at {its_name} o'clock"),
    ]


def date(draw: random.Random) -> Pair:
    """A day of a month."""
    german, english = draw.choice(SECTIONS["month"])
    day = draw.randrange(1, {"Februar": 29, "April": 31, "Juni": 31}.get(german, 32))
    if german in ("September", "November"):
        day = min(day, 30)
    return f"{day}. {german}", f"{english} {day}"


def number(draw: random.Random) -> Pair:
    """Two to four digits, often round."""
    size = 10 ** draw.randrange(1, 4)
    n = draw.randrange(size, 10 * size)
    n -= n % draw.choice((1, 1, size, max(1, size // 10)))
    if n >= 1000 and draw.random() < 0.5:
        return f"{n:,}".replace(",", "."), f"{n:,}"
    return str(n), str(n)


def rent(draw: random.Random) -> Pair:
    """Euros per month."""
    return (str(draw.randrange(300, 2000, 10)),) * 2


def year(draw: random.Random) -> Pair:
    """When something was built, or somebody born."""
    return (str(draw.randrange(1800, 2025)),) * 2


def price(draw: random.Random) -> Pair:
    """Euros and cents."""
    euros, cents = draw.randrange(200), draw.choice((*range(100), *(0, 50, 80, 90, 99) * 10))
    return f"{euros},{cents:02}", f"{euros}.{cents:02}"


def menu_price(draw: random.Random) -> Pair:
    """Of a dish."""
    euros, cents = draw.randrange(3, 30), draw.choice((0, 20, 50, 80, 90))
    return f"{euros},{cents:02}", f"{euros}.{cents:02}"


def street(draw: random.Random) -> Pair:
    """With a number."""
    name, _ = draw.choice(SECTIONS["name"])
    return (f"{name}straße {draw.randrange(1, 200)}",) * 2


def place(draw: random.Random) -> Pair:
    """What one asks the way to."""
    german, english = draw.choice(SECTIONS["place"])
    return german, f"the {english}"


def to_place(draw: random.Random) -> Pair:
    """The way there."""
    german, english = place(draw)
    article, noun = german.split(" ", 1)
    return f"{'zur' if article == 'die' else 'zum'} {noun}", f"to {english}"


def the_thing(draw: random.Random) -> Pair:
    """What does not work, in the accusative."""
    german, english = draw.choice(SECTIONS["thing"])
    return re.sub("^der ", "den ", german), english


def people(draw: random.Random) -> Pair:
    """How many come, and not alone."""
    return draw.choice(SECTIONS["hour"][1:])


SLOTS: dict[str, Callable[[random.Random], Pair]] = {
    **{name: one_of(name) for name in SECTIONS if name not in ("fixed", "patterns")},
    "date": date,
    "early": early,
    "formal": formal,
    "hour": people,
    "menu_price": menu_price,
    "n": number,
    "person": person,
    "place": place,
    "price": price,
    "rent": rent,
    "side2": one_of("side"),
    "street": street,
    "the_thing": the_thing,
    "to_place": to_place,
    "when": when,
    "year": year,
}


def phrases(n: int, seed: int) -> list[Pair]:
    """n pairs made of patterns, no German twice, and none that is fixed."""
    draw = random.Random(seed)
    found: dict[str, str] = {}
    fixed = dict(FIXED)
    while len(found) < n:
        sides = draw.choice(PATTERNS)
        values = {slot: SLOTS[slot](draw) for slot in re.findall(r"{(\w+)}", sides[0])}
        german, english = (
            side.format(**{slot: pair[i] for slot, pair in values.items()})
            for i, side in enumerate(sides)
        )
        different = len({english for _, english in values.values()}) == len(values)
        if different and german not in fixed:
            found.setdefault(german[0].upper() + german[1:], english[0].upper() + english[1:])
    return list(found.items())


def main() -> None:
    """Writes those made of patterns; FIXED are for `prepare_everyday.py`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--n", type=int, default=8000, help="pairs made of patterns (8000)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    text = "".join(f"{de}\t{en}\n" for de, en in phrases(args.n, args.seed))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(args.output, text.encode())


if __name__ == "__main__":
    main()
