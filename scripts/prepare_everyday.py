"""Repairs the corpora of the everyday German-English model and writes them as its config asks.

    python scripts/prepare_everyday.py --input FOLDER --output data/everyday

FOLDER holds `<source>.tsv.gz`, a pair a line, German TAB English, and `dev.tsv`, which is copied.
The same input gives the same output, one `<source>.tsv` each, and more files with what
augmenting.py makes of them:

    named       sentences about Tom and Maria with other names
    typed       German as hasty people type it; typed_english the same for English
    typeset     German with other quotation marks, dashes and dots
    quoted      sentences as what somebody says
    gendered    Lehrer:innen, Lehrer*innen for Lehrer
    marked      with @1, @2 … for words and numbers that both languages share (`text.placeholders`)
    renumbered  with other numbers, times and dates
    words       single words and nouns with their article, by word_lexicon.py
    phrases     those of everyday_phrases.py from patterns, and sayings its fixed ones

What documents, card and tests show a model with is left out (check_examples.py, held_out.txt).
What was done is printed, with examples.
"""

import argparse
import gzip
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import augmenting
from check_examples import never_trained_on, normalised
from everyday_phrases import FIXED, phrases
from word_lexicon import lexicon

from transformer.files import write_atomically

Pair = tuple[str, str]
Augmentation = Callable[[str, str, random.Random], Pair | None]

N_PHRASES = 8000
"""Pairs made of patterns in `phrases.tsv`."""

EVERYDAY = ("tatoeba", "tatoeba-more", "bcontrast", "covost2-dev", "cocoa-mt")
"""Sources of what people might say themselves."""

AUGMENTATIONS: dict[str, tuple[Augmentation, tuple[str, ...]]] = {
    # name: (what makes the pairs, which sources it takes; none for all)
    "named": (augmenting.rename, ()),
    "typed": (augmenting.type_hastily, EVERYDAY),
    "typed_english": (augmenting.type_english_hastily, EVERYDAY),
    "typeset": (augmenting.set_in_type, ()),
    "quoted": (augmenting.quote, EVERYDAY),
    "gendered": (augmenting.gender, ()),
    "marked": (augmenting.mark, ()),
    "renumbered": (augmenting.renumber, ()),
}


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
    unwanted = {normalised(text) for text in never_trained_on()}
    made: dict[str, list[Pair]] = {name: [] for name in AUGMENTATIONS}
    all_pairs: list[Pair] = []
    for path in paths:
        source = path.name.removesuffix(".tsv.gz")
        repair = REPAIRS.get(source, lambda german, english: (german, english))
        counts: Counter[str] = Counter()
        kept: list[Pair] = []
        examples: list[tuple[Pair, Pair]] = []
        for pair in read(path):
            repaired = repair(*normalise(*pair))
            if not is_usable(*repaired) or unwanted & set(map(normalised, repaired)):
                counts["left out"] += 1
                continue
            if repaired != pair:
                counts["repaired"] += 1
                examples.append((pair, repaired))
            kept.append(repaired)
        for name, (augment, sources) in AUGMENTATIONS.items():
            if not sources or source in sources:
                others = (augment(*pair, draw) for pair in kept)
                made[name] += [p for p in others if p and not unwanted & set(map(normalised, p))]
        write(args.output / f"{source}.tsv", kept)
        all_pairs += kept
        print(f"{source}: {len(kept):,} pairs, {counts['repaired']:,} of them repaired, ", end="")
        print(f"{counts['left out']:,} left out")
        for before, after in random.Random(args.seed).sample(examples, min(2, len(examples))):
            print(f"    {' | '.join(before)}\n  → {' | '.join(after)}")
    made["words"] = [p for p in lexicon(all_pairs) if not unwanted & set(map(normalised, p))]
    for name, pairs in made.items():
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
