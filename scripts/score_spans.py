"""Does what must not change survive a translation? Sentences with numbers, names, addresses, tags.

    python scripts/score_spans.py
    python scripts/score_spans.py --to de
    python scripts/score_spans.py --model runs/mine --n 1000 --seed 1 --show 20

Templates are filled at random. What must come out is written down here, by rules that share no code
with the package's: 1.234,56 € as €1,234.56. A span is right if it stands in the translation
as often as in the text, and no a.m. or p.m. behind a time that has none in the text. A number is
invented if nothing in the text accounts for it.
"""

import argparse
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from transformer import Translator

Filled = tuple[str, str]
"""What is typed, and what must come out."""

Slot = Callable[[random.Random], Filled]

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)
MONATE = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August"),
    *("September", "Oktober", "November", "Dezember"),
)
NAMES = (
    *(
        "Aylin Kılıç",
        "Jiří Novotný",
        "Grzegorz Brzęczyszczykiewicz",
        "Siân Llewellyn",
        "Zoë Ångström",
    ),
    *("Bjørk Þórðardóttir", "Nguyễn Văn An", "Željko Đurić", "Ioana Țurcanu", "Mehmet Öğüt"),
)


def whole(draw: random.Random) -> Filled:
    """Two to seven digits, grouped from 10,000 on, and sometimes before."""
    n = draw.randrange(10 ** (size := draw.randrange(1, 7)), 10 ** (size + 1))
    if n < 1000 or (n < 10_000 and draw.random() < 0.5):
        return str(n), str(n)
    return f"{n:,}".replace(",", "."), f"{n:,}"


def decimal(draw: random.Random) -> Filled:
    """One or two places."""
    places = draw.choice((1, 2))
    text = f"{draw.uniform(0, draw.choice((10, 100, 5000))):,.{places}f}"
    return text.translate(str.maketrans(",.", ".,")), text


def euros(draw: random.Random) -> Filled:
    """With or without cents."""
    german, english = draw.choice((whole, decimal))(draw)
    return f"{german} €", f"€{english}"


def share(draw: random.Random) -> Filled:
    """Percent, with the space that German has."""
    german, english = draw.choice((decimal, lambda d: (str(n := d.randrange(10, 100)), str(n))))(
        draw
    )
    return f"{german} %", f"{english}%"


def degrees(draw: random.Random) -> Filled:
    """Also below zero."""
    text = f"{draw.choice(('', '-'))}{draw.randrange(2, 40)} °C"
    return text, text


def date(draw: random.Random) -> Filled:
    """Day, month and year."""
    day, month, year = draw.randrange(1, 29), draw.randrange(1, 13), draw.randrange(1950, 2031)
    typed = draw.choice((f"{day}.{month}.{year}", f"{day:02}.{month:02}.{year}"))
    return typed, f"{day} {MONTHS[month - 1]} {year}"


def time(draw: random.Random) -> Filled:
    """The hours that English has, too."""
    hour, minute = draw.randrange(1, 12), draw.randrange(1, 60)
    return f"{hour}{draw.choice('.:')}{minute:02} Uhr", f"{hour}:{minute:02}"


def years(draw: random.Random) -> Filled:
    """A range."""
    first = draw.randrange(1800, 2000)
    text = f"{first}-{first + draw.randrange(2, 25)}"
    return text, text


def telephone(draw: random.Random) -> Filled:
    """As people write it."""
    number = f"{draw.randrange(10**6, 10**7)}"
    text = draw.choice((f"0{draw.randrange(150, 180)} {number}", f"+49 30 {number}"))
    return text, text


def one_of(*texts: str) -> Slot:
    """Any of these, as it is."""

    def choose(draw: random.Random) -> Filled:
        text = draw.choice(texts).replace("7", str(draw.randrange(2, 10)))
        return text, text

    return choose


def turned(slot: Slot) -> Slot:
    """What is typed in the other language."""

    def choose(draw: random.Random) -> Filled:
        typed, expected = slot(draw)
        return expected, typed

    return choose


def english_date(draw: random.Random) -> Filled:
    """With the month's name, since 3/4 is in March or in April."""
    day, month, year = draw.randrange(1, 29), draw.randrange(12), draw.randrange(1950, 2031)
    name = MONTHS[month]
    typed = draw.choice((f"{day} {name} {year}", f"{name} {day}, {year}"))
    return typed, f"{day}. {MONATE[month]} {year}"


def english_time(draw: random.Random) -> Filled:
    """Of half a day, or of a whole one."""
    hour, minute = draw.randrange(24), draw.choice((0, 30, draw.randrange(1, 60)))
    expected = f"{hour}:{minute:02}"
    if draw.random() < 0.5:
        return expected, expected
    half = draw.choice(("{} {}m", "{} {}.m.", "{}{}m")).format
    return half(f"{hour % 12 or 12}:{minute:02}", "ap"[hour >= 12]), expected


def english_money(draw: random.Random) -> Filled:
    """With the sign in front."""
    german, english = draw.choice((whole, decimal))(draw)
    sign = draw.choice("€$£")
    return f"{sign}{english}", f"{german} {sign}"


SCALES = (
    ("Millionen", "Mio.", "million", "m"),
    ("Milliarden", "Mrd.", "billion", "bn"),
    ("Billionen", "Bio.", "trillion", "tn"),
)


def millions(draw: random.Random) -> Filled:
    """Or billions, which are called otherwise; a trillion is a Billion."""
    (german, english), (long, short, word, _) = decimal(draw), draw.choice(SCALES)
    sign = draw.choice("€$£")
    return f"{german} {draw.choice((long, short))} {sign}", f"{sign}{english} {word}"


def english_millions(draw: random.Random) -> Filled:
    """The same, in full or with a letter."""
    (german, english), (wort, _, long, short) = decimal(draw), draw.choice(SCALES)
    sign = draw.choice("€$£")
    return f"{sign}{english}{draw.choice((f' {long}', short))}", f"{german} {wort} {sign}"


SLOTS: dict[str, Slot] = {
    "whole": whole,
    "decimal": decimal,
    "euros": euros,
    "millions": millions,
    "share": share,
    "degrees": degrees,
    "date": date,
    "time": time,
    "years": years,
    "telephone": telephone,
    "mail": one_of("k.vogel7@beispiel.de", "info@werft-nord.example", "a+b7@mail.example.com"),
    "page": one_of("https://example.org/a/b7?c=1#d", "www.werft-nord.example", "http://b.example/"),
    "user": one_of("@lotte_vogel", "@werftnord7", "@kapitaen"),
    "tag": one_of("#werftfest", "#Kiel7", "#nordsee"),
    "name": one_of(*NAMES),
    "code": one_of("`git pull`", "`x = 7`", "`ls -la /tmp`"),
    "hole": one_of("{name}", "%s", "%7$s", "${count}", "{{user}}"),
    "path": one_of(r"C:\\Werft\\plan7.txt", "/usr/share/werft/", "~/plaene/kiel.pdf"),
}
TEMPLATES = (
    "Unsere Werft hat im letzten Jahr {whole} Boote gebaut.",
    "Der Anker wiegt {decimal} kg und kostet {euros}.",
    "Für die Reparatur zahlten wir {euros}, das sind {share} mehr als geplant.",
    "Das Wasser im Hafen hat heute {degrees}.",
    "Die Fähre legt am {date} um {time} ab.",
    "Von {years} gehörte der Leuchtturm meiner Familie.",
    "Ruf den Hafenmeister unter {telephone} an.",
    "Schick die Zeichnung bitte an {mail} oder an {mail}.",
    "Alle Abfahrten stehen auf {page}.",
    "{user} hat ein Foto vom Hafen geteilt {tag}",
    "Der Kapitän heißt {name}.",
    "{name} und {name} haben das Segel genäht.",
    "Gib {code} ein und warte.",
    "Hallo {hole}, dein Boot ist fertig.",
    "Der Plan liegt unter {path}.",
    "Zwischen {time} und {time} ist die Brücke gesperrt.",
    "<p>Die <b>Werft</b> öffnet um {time}.</p>",
    "Am {date} fuhren {whole} Menschen mit, fast {share} davon Kinder.",
    "Der Mast ist {decimal} m hoch.",
    "Fragen Sie {name} ({mail}, {telephone}).",
    "Die Insel hat {whole} Einwohner und {whole} Schafe.",
    "Bei {degrees} friert der Hafen zu.",
    "Der neue Hafen kostet {millions}, sagt die Stadt.",
    "Statt {millions} sollen es jetzt {millions} sein.",
)


ENGLISH_TEMPLATES = (
    "Our yard built {whole} boats last year.",
    "The anchor weighs {decimal} kg and costs {money}.",
    "We paid {money} for the repair, which is {share} more than planned.",
    "The water in the harbor has {degrees} today.",
    "The ferry leaves on {date} at {time}.",
    "From {years} the old tower belonged to my family.",
    "Call the office on {telephone}.",
    "Please send the drawing to {mail} or to {mail}.",
    "You can find all the departures on {page}.",
    "{user} shared a photo of the sea {tag}",
    "The captain is called {name}.",
    "{name} and {name} made the sail.",
    "Type {code} and wait.",
    "Hello {hole}, your boat is ready.",
    "The plan is in {path}.",
    "The bridge is closed between {time} and {time}.",
    "<p>The <b>yard</b> opens at {time}.</p>",
    "On {date} we had {whole} visitors, almost {share} of them children.",
    "The mast is {decimal} m high.",
    "Ask {name} ({mail}, {telephone}).",
    "The island has {whole} inhabitants and {whole} sheep.",
    "Water freezes at {degrees}, you know.",
    "The new harbor costs {millions}, the city says.",
    "It was {millions}, and now it is {millions}.",
)


@dataclass(frozen=True)
class Direction:
    """What is typed, and what may change in it."""

    slots: Mapping[str, Slot]
    templates: Sequence[str]
    same: Sequence[tuple[str, str]]
    """Patterns of what is right too, with what stands for them here."""
    halves: str = r"(?!)"
    """What would change a time that it follows."""


DIRECTIONS = {
    "en": Direction(SLOTS, TEMPLATES, [(r"(?<=[0-9]),(?=[0-9]{3})", "")], halves=r" ?[ap]\.?m\b"),
    "de": Direction(
        {name: turned(slot) for name, slot in SLOTS.items()}
        | {"date": english_date, "time": english_time}
        | {"money": english_money, "millions": english_millions},
        ENGLISH_TEMPLATES,
        [
            (r"(?<=[0-9])\.(?=[0-9]{3})", ""),
            (r"(?<=[0-9]) Pfund\b", " £"),
            (r"(?<![0-9.:])([0-9]{1,2}) Uhr\b", r"\1:00"),
        ],
    ),
}
"""By the language that is translated to."""


def fill(template: str, slots: Mapping[str, Slot], draw: random.Random) -> tuple[str, list[str]]:
    """A sentence, and what its translation must hold."""
    wanted = re.findall("<[^<>]*>", template)

    def put(slot: re.Match[str]) -> str:
        typed, expected = slots[slot[1]](draw)
        wanted.append(expected)
        return typed

    return re.sub(r"\{(\w+)\}", put, template), wanted


def judge(wanted: list[str], translation: str, to: Direction) -> tuple[int, list[str]]:
    """How many spans are right, and the numbers that are invented."""
    for pattern, plain in to.same:
        translation, *wanted = (re.sub(pattern, plain, text) for text in (translation, *wanted))
    rest = translation
    right = 0
    for span, n in sorted(Counter(wanted).items(), key=lambda item: -len(item[0])):
        alone = rf"(?<![0-9]){re.escape(span)}(?![0-9]|{to.halves})"
        found = len(re.findall(alone, rest))
        right += n if found == n else 0
        rest = re.sub(alone, " ", rest)
    return right, re.findall("[0-9][0-9.,:]*", rest)


def main() -> None:
    """Fills, translates, counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=str, help="run directory (that of the package)")
    parser.add_argument("--to", choices=DIRECTIONS, default="en", help="from the other language")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=10, help="of those that are wrong")
    args = parser.parse_args()
    draw = random.Random(args.seed)
    to = DIRECTIONS[args.to]
    templates = [to.templates[i % len(to.templates)] for i in range(args.n)]
    filled = [fill(template, to.slots, draw) for template in templates]
    model = args.model or {"en": "de-en", "de": "en-de"}[args.to]
    found = Translator.load(model).translate_batch([text for text, _ in filled])
    n_spans = n_right = n_invented = n_told = 0
    wrong = []
    for (text, wanted), [best, *_] in zip(filled, found, strict=True):
        right, invented = judge(wanted, best.text, to)
        n_spans, n_right = n_spans + len(wanted), n_right + right
        n_invented += len(invented)
        if right < len(wanted) or invented:
            n_told += bool(best.warnings)
            wrong.append(f"  {text}\n  {best.text}\n")
    print(*wrong[: args.show], sep="\n")
    print(f"{args.n:,} sentences, {n_spans:,} spans: {n_right / n_spans:.2%} right, ", end="")
    print(f"{n_invented} numbers invented; of {len(wrong)} wrong sentences {n_told} have a warning")


if __name__ == "__main__":
    main()
