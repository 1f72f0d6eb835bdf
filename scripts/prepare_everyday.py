"""Repairs the corpora of the everyday German-English model and writes them as its config asks.

    python scripts/prepare_everyday.py --input FOLDER --output data/everyday

FOLDER holds `<source>.tsv.gz`, a pair a line, German TAB English, and `dev.tsv`, which is copied.
The same input gives the same output, one `<source>.tsv` each, and five more files: `named.tsv`,
the sentences about Tom and Maria with other names; `typed.tsv`, everyday sentences as hasty people
type them; `marked.tsv`, sentences with @1 for a word that both languages share (see
`decoding.placeholders`); `phrases.tsv` and `sayings.tsv`, those of everyday_phrases.py from
patterns and the fixed ones. What was done is printed, with examples.
"""

import argparse
import gzip
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from everyday_phrases import FIXED, phrases

from transformer.files import write_atomically

Pair = tuple[str, str]

N_PHRASES = 8000
"""Pairs made of patterns in `phrases.tsv`."""

EVERYDAY = ("tatoeba", "bcontrast", "covost2-dev", "cocoa-mt")
"""Sources of `typed.tsv`: what people might say themselves."""

MEN = (
    "Adam Ahmed Alan Albert Alexander Ali Anton Arthur Ben Bernd Bruno Carl Chris Christian Daniel "
    "David Dennis Dieter Edgar Emil Erik Ernst Felix Florian Frank Fred Georg Günter Harald Harry "
    "Heinrich Henry Herbert Jack Jan Jim Joe Johann John Jonathan Jörg Josef Julian Jürgen Karl "
    "Kevin Kurt Leo Leon Linus Ludwig Mark Martin Matthias Max Mehmet Michael Moritz Murat Noah "
    "Oliver Omar Oskar Otto Patrick Paul Peter Philipp Ralf Robert Roman Rudolf Samuel Sascha "
    "Sebastian Simon Stefan Steven Sven Theo Tim Tobias Uwe Viktor Walter Werner Willi Wolfgang"
)
WOMEN = (
    "Alice Amelie Anja Anna Anne Antonia Barbara Beate Birgit Carla Carmen Charlotte Christina "
    "Clara Claudia Diana Elena Elisabeth Ella Emma Erika Eva Fatma Frieda Gabi Greta Hanna Heike "
    "Helena Ida Ingrid Isabel Jana Jessica Johanna Julia Karin Katharina Klara Laura Lea Lena "
    "Leonie Lilly Linda Lisa Luise Lydia Marie Martha Melanie Mia Monika Nadia Natalie Nicole "
    "Nina Olga Paula Petra Renate Rosa Sabine Sandra Sarah Silke Sofia Sonja Sophie Stefanie "
    "Susanne Tanja Theresa Ursula Valentina Vanessa Vera Yvonne Zeynep"
)


def normalise(german: str, english: str) -> Pair:
    """Composed characters, single spaces, quotation marks without spaces inside, none doubled."""
    return _normalise_side(german), _normalise_side(english)


def _normalise_side(text: str) -> str:
    text = " ".join(unicodedata.normalize("NFC", text).split())
    if text.startswith('"') and text.endswith('"') and '""' in text[1:-1]:  # a field of a CSV file
        text = text[1:-1]
    text = text.replace('""', '"').replace("''", '"')
    text = re.sub(r"„\s*([^„“”]*?)\s*[“”]", r"„\1“", text)
    return re.sub(r"(?<=\w) ' (?=\w\b)", "'", text)


def complete(german: str, english: str) -> Pair:
    """English that begins in lower case or lacks the final mark gets what the German has."""
    ends = german.endswith((".", "?", "!"))
    if ends and re.match(r"[A-ZÄÖÜ]", german) and re.match(r"[a-z]", english):
        english = english[0].upper() + english[1:]
    if ends and re.search(r"[\w,]$", english):
        english = english.rstrip(",") + german[-1]
    return german, english


REPAIRS: dict[str, Callable[[str, str], Pair]] = {"cocoa-mt": complete, "bcontrast": complete}


def is_usable(german: str, english: str) -> bool:
    """False where a quotation was cut in two, or a line of other signs than letters and digits."""
    sides = german, english
    return all(re.search(r"\w", side) and side.count('"') % 2 == 0 for side in sides)


def rename(german: str, english: str, draw: random.Random) -> Pair | None:
    """The pair with other names for Tom and for Maria (Mary in English); None if it has neither.

    Only where both sides name them equally often, since otherwise something else is meant.
    """
    renamed = german, english
    for old, names in ((("Tom", "Tom"), MEN), (("Maria", "Mary"), WOMEN)):
        new = draw.choice(names.split())
        # Toms → Pauls, Tom's → Paul's, Tomaten → Tomaten
        patterns = [rf"\b{name}(?=s?\b)" for name in old]
        found = [len(re.findall(p, side)) for p, side in zip(patterns, renamed, strict=True)]
        if found[0] == found[1] and not (new.endswith(("s", "x", "z")) and "'" in english):
            renamed = (
                re.sub(patterns[0], new, renamed[0]),
                re.sub(patterns[1], new, renamed[1]),
            )
    return None if renamed == (german, english) else renamed


UMLAUTS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
)


def type_hastily(german: str, english: str, draw: random.Random) -> Pair | None:
    """The German without capitals, final mark or umlauts, or without several of them.

    None if nothing of it changes.
    """
    ways: list[Callable[[str], str]] = [
        str.lower,
        lambda text: re.sub(r"[.!?]+$", "", text),
        lambda text: text.translate(UMLAUTS),
    ]
    typed = german
    for way in draw.sample(ways, draw.choice((1, 1, 2, 3))):
        typed = way(typed)
    return None if typed == german else (typed, english)


def mark(german: str, english: str, draw: random.Random) -> Pair | None:
    """@1 for a word that both sides have once, or @1 and @2 for two; None if there is none."""
    if "@" in german + english:
        return None
    once = [
        {word for word, n in Counter(re.findall(r"\w+", side)).items() if n == 1 and len(word) > 2}
        for side in (german, english)
    ]
    words = [word for word in re.findall(r"\w+", german) if word in once[0] & once[1]]
    chosen = draw.sample(words, min(len(words), draw.choice((1, 1, 2))))
    if not chosen:
        return None
    chosen.sort(key=words.index)

    def replaced(side: str) -> str:
        return re.sub(
            r"\w+", lambda w: f"@{chosen.index(w[0]) + 1}" if w[0] in chosen else w[0], side
        )

    return replaced(german), replaced(english)


def read(path: Path) -> Iterator[Pair]:
    """The pairs of one source."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 2:
                raise SystemExit(f"{path}, line {number}: 2 columns expected, found {len(fields)}")
            yield fields[0], fields[1]


def main() -> None:
    """Reads, repairs, writes, tells."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("data/everyday"))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    paths = [path for path in sorted(args.input.glob("*.tsv.gz")) if path.name != "dev.tsv.gz"]
    if not paths:
        raise SystemExit(f"no *.tsv.gz in {args.input}")
    args.output.mkdir(parents=True, exist_ok=True)
    draw = random.Random(args.seed)
    named: list[Pair] = []
    typed: list[Pair] = []
    marked: list[Pair] = []
    for path in paths:
        source = path.name.removesuffix(".tsv.gz")
        repair = REPAIRS.get(source, lambda german, english: (german, english))
        counts: Counter[str] = Counter()
        kept: list[Pair] = []
        examples: list[tuple[Pair, Pair]] = []
        for pair in read(path):
            repaired = repair(*normalise(*pair))
            if not is_usable(*repaired):
                counts["left out"] += 1
                continue
            if repaired != pair:
                counts["repaired"] += 1
                examples.append((pair, repaired))
            kept.append(repaired)
        named += [other for pair in kept if (other := rename(*pair, draw))]
        if source in EVERYDAY:
            typed += [other for pair in kept if (other := type_hastily(*pair, draw))]
        marked += [other for pair in kept if (other := mark(*pair, draw))]
        write(args.output / f"{source}.tsv", kept)
        print(f"{source}: {len(kept):,} pairs, {counts['repaired']:,} of them repaired, ", end="")
        print(f"{counts['left out']:,} left out")
        for before, after in random.Random(args.seed).sample(examples, min(2, len(examples))):
            print(f"    {' | '.join(before)}\n  → {' | '.join(after)}")
    for name, pairs in (("named", named), ("typed", typed), ("marked", marked)):
        write(args.output / f"{name}.tsv", pairs)
        print(f"{name}: {len(pairs):,} pairs")
        for pair in draw.sample(pairs, min(5, len(pairs))):
            print(f"    {' | '.join(pair)}")
    write(args.output / "phrases.tsv", phrases(N_PHRASES, args.seed))
    write(args.output / "sayings.tsv", FIXED)
    dev = args.input / "dev.tsv"
    if dev.is_file():  # last, since it tells that all the others are there
        write_atomically(args.output / "dev.tsv", dev.read_bytes())


def write(path: Path, pairs: list[Pair]) -> None:
    """One pair a line."""
    write_atomically(path, "".join(f"{de}\t{en}\n" for de, en in pairs).encode())


if __name__ == "__main__":
    main()
