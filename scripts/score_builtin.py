"""Scores a run on the held-out part of the built-in corpus, and prints what it says.

    python scripts/score_builtin.py --model runs/quickstart
    python scripts/score_builtin.py --model RUN --sentences scripts/person_or_thing.txt

It also counts the pronouns behind "because" that are right, where they may mean a person or a thing
("Die Frau nahm den Kuchen aus dem Ofen, weil er fertig war": it), in held-out sentences. With
`--sentences` it does only that, for the pairs of sentences in the file.
"""

import argparse
from pathlib import Path

from transformer import Translator
from transformer.data.builtin.antecedents import person_or_thing
from transformer.data.builtin.corpus import draw_pairs, sample_pairs
from transformer.inference.evaluation import evaluate

Pair = tuple[str, str]

N_PRONOUNS = 200
"""Held-out sentences about a person and a thing."""


def translated(translator: Translator, pairs: list[Pair], n_shown: int) -> list[str]:
    """Translations of the German; the first few are printed."""
    found = [best[0].text for best in translator.translate_batch([de for de, _ in pairs])]
    for (de, en), text in list(zip(pairs, found, strict=True))[:n_shown]:
        print(f"  {de}\n    {text}" + ("" if text == en else f"   (reference: {en})"))
    return found


def pronoun(english: str) -> str:
    """The word behind "because"; "" where there is none."""
    return next(iter(english.partition(" because ")[2].split()), "")


def right_pronouns(found: list[str], pairs: list[Pair]) -> list[bool]:
    """Which translations have the reference's pronoun."""
    return [pronoun(text) == pronoun(en) for text, (_, en) in zip(found, pairs, strict=True)]


def both_right(right: list[bool]) -> int:
    """In how many pairs of neighbors both are right."""
    return sum(map(all, zip(right[::2], right[1::2], strict=True)))


def read(path: Path) -> list[Pair]:
    """The "German = English" lines of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    split = [line.split(" = ") for line in lines if " = " in line and not line.startswith("#")]
    return [(german, english) for german, english in split]


def main() -> None:
    """Translates, scores, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="run directory")
    parser.add_argument("--sentences", type=Path, help="pairs of German = English lines")
    args = parser.parse_args()
    translator = Translator.load(args.model)
    if args.sentences is None:
        pairs = sample_pairs("test")
        found = translated(translator, pairs, 20)
        exact = sum(text == en for text, (_, en) in zip(found, pairs, strict=True))
        print(f"{len(pairs):,} pairs, {exact:,} exactly as the reference")
        for score in evaluate(found, [en for _, en in pairs]):
            print(score)
        pairs = list(draw_pairs("test", N_PRONOUNS, 1, (person_or_thing,)))
    else:
        pairs = read(args.sentences)
    found = translated(translator, pairs, len(pairs) if args.sentences else 10)
    right = right_pronouns(found, pairs)
    print(f"person or thing: {sum(right)} of {len(right)} pronouns right", end="")
    if args.sentences is not None:
        print(f", both of a pair in {both_right(right)} of {len(right) // 2}", end="")
    print()


if __name__ == "__main__":
    main()
