"""Have the models in the package seen the sentences that README, docs and cards show them with?

    python scripts/check_examples.py --input FOLDER

FOLDER holds the corpora, `<source>.tsv.gz`, as for prepare_everyday.py; without it only the text
that the package makes itself is looked through. A sentence is found whatever its capitals, marks,
spaces, umlauts, numbers and names; of a pattern of everyday_phrases.txt, any instance is.

Examples are the arguments of `transformer-translate` and `transformer-explain`, what `Translator`
is given in Python, tables with the heading "German" or "English", quotations of two lines, and the
lists card_sentences_de_en.txt, card_sentences_en_de.txt and person_or_thing.txt. One that is found
must be marked "seen in training": in its row, in the line of its command, or in the paragraph
before or after.

What `--model runs/...` names is another model's business, but for runs of the everyday configs.
"""

import argparse
import gzip
import random
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Set
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import everyday_phrases
import score_builtin
from augmenting import MEN, MEN_ABROAD, SURNAMES, UMLAUTS, WOMEN, WOMEN_ABROAD

from transformer.data.builtin.antecedents import person_or_thing
from transformer.data.builtin.corpus import DECK, DEFAULT_PAIRS, draw_pairs

ROOT = Path(__file__).resolve().parents[1]
PRETRAINED = ROOT / "transformer" / "pretrained"
CARD_SENTENCES = {
    name: Path(__file__).with_name(f"card_sentences_{name.replace('-', '_')}.txt")
    for name in ("de-en", "en-de")
}
PRONOUNS = Path(__file__).with_name("person_or_thing.txt")
HELD_OUT = Path(__file__).with_name("held_out.txt")

NAMES = frozenset(
    f"Tom Toms Maria Marias {MEN} {WOMEN} {MEN_ABROAD} {WOMEN_ABROAD} {SURNAMES}".translate(UMLAUTS)
    .casefold()
    .split()
)
"""What prepare_everyday.py exchanges for one another."""

MARK = re.compile(r"(?<!not )(?<!never )seen\s+in\s+training")


N_DRAWS = 6000
"""Of a slot of everyday_phrases.py: a dozen times as many as the most that one can hold, which are
persons, so that hardly any is missed."""


class Shown(NamedTuple):
    """A sentence that a model is shown with."""

    text: str
    place: str
    marked: bool
    """Whether it says that the model has seen it."""


# ------------------------------------------------------------------------------------------------
# What is shown
# ------------------------------------------------------------------------------------------------


def documents() -> list[Path]:
    """Where examples of the package's model may stand."""
    configs = sorted((ROOT / "configs").glob("*_everyday*.yaml"))
    cards = sorted(PRETRAINED.glob("*/MODEL_CARD.md"))
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *cards, *configs]


def shown_in(path: Path) -> Iterator[Shown]:
    """The examples of one document."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".yaml":  # commands in the comment that opens it
        text = "```bash\n" + re.sub(r"(?m)^# *", "", text.split("data:")[0]) + "```"
    paragraphs = re.split(r"(```.*?```)|\n\s*\n", text, flags=re.DOTALL)
    paragraphs = [part.strip() for part in paragraphs if part and part.strip()]
    for i, part in enumerate(paragraphs):
        around = [p for p in paragraphs[max(0, i - 1) : i + 2] if not p.startswith(("```", "|"))]
        marked = any(map(MARK.search, around))
        if part.startswith("```"):
            for argument, line in _in_code(part):
                yield Shown(argument, path.name, marked or bool(MARK.search(line)))
        elif part.startswith(("> ", "<!-- example -->\n> ")):
            for quoted in re.findall(r"(?m)^> (.*)\\$", part.replace("*", "")):
                yield Shown(quoted, path.name, marked)
        elif re.match(r"\| *(German|English) *\|", part):
            for row in part.splitlines()[2:]:
                yield Shown(row.split("|")[1].strip(), path.name, bool(MARK.search(row)))


def _in_code(block: str) -> Iterator[tuple[str, str]]:
    """The sentences in a fenced block, each with its line."""
    for line in block.splitlines():
        for command in line.split("&&"):
            if not re.search("transformer-(translate|explain)", command):
                continue
            model = re.search(r"--model (\S+)", command)
            if model and re.match("runs/(?!(de_en|en_de)_everyday)", model[1]):
                continue
            arguments = re.sub(r'--[\w-]+ "[^"]*"', "", command)  # such as --prefix "The dog"
            for argument in re.findall(r'"([^"]*)"', arguments):
                yield argument, line
        call = re.search(
            r"translator\.(translate|translate_batch|alternatives|score|explain)\((.*)", line
        )
        if call:
            given = re.match(r"\[.*?\]|\"[^\"]*\"", call[2])
            for argument in re.findall(r'"([^"]*)"', given[0] if given else ""):
                yield argument, line


class CardSentence(NamedTuple):
    """A sentence of a card and what a reader has said about translations of it."""

    source: str
    meaning: str
    """In the other language."""
    right: frozenset[str]
    wrong: frozenset[str]


def card_sentences(path: Path) -> list[CardSentence]:
    """Reads a list of them, whose first lines say how."""
    found = []
    for block in path.read_text(encoding="utf-8").strip().split("\n\n")[1:]:
        source, *rest = block.splitlines()
        by_mark = {mark: [r[2:] for r in rest if r.startswith(mark + " ")] for mark in "=+-"}
        [meaning] = by_mark["="]
        right, wrong = frozenset(by_mark["+"]), frozenset(by_mark["-"])
        found.append(CardSentence(source, meaning, right, wrong))
    return found


def unmarked_lists() -> Iterator[Shown]:
    """The sentences of the lists, none of which may be seen."""
    for path in CARD_SENTENCES.values():
        for sentence in card_sentences(path):
            yield Shown(sentence.source, path.name, False)
    for german, _ in score_builtin.read(PRONOUNS):
        yield Shown(german, PRONOUNS.name, False)


def never_trained_on() -> Iterator[str]:
    """Every sentence that documents, card and tests show a model with, in either language."""
    yield from (shown.text for path in documents() for shown in shown_in(path))
    yield from (shown.text for shown in unmarked_lists())
    for path in CARD_SENTENCES.values():
        yield from (sentence.meaning for sentence in card_sentences(path))
    for line in HELD_OUT.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield from line.split(" = ")


# ------------------------------------------------------------------------------------------------
# What it was trained on
# ------------------------------------------------------------------------------------------------


def normalised(text: str) -> str:
    """What is left when case, marks, spaces, umlauts, numbers and common names do not count."""
    text = unicodedata.normalize("NFC", text).translate(UMLAUTS).casefold()
    text = re.sub(r"(?<=\d)[.,:](?=\d)", "", text)
    text = re.sub(r"[\W_]+", " ", re.sub(r"\d+", "0", text))
    return " ".join("tom" if word in NAMES else word for word in text.split())


def made_here() -> Iterator[str]:
    """The text that the package makes itself, but for the patterns of everyday_phrases.txt.

    The built-in corpus comes with its anchors, and both as it is and as the model in the package
    read it, which was before it had sentences about a person beside a thing.
    """
    former = tuple(pattern for pattern in DECK if pattern is not person_or_thing)
    for deck in (DECK, former):
        yield from chain(*draw_pairs("train", DEFAULT_PAIRS["train"], 1, deck))
    yield from chain(*everyday_phrases.FIXED)


def corpora(folder: Path) -> Iterator[str]:
    """All that lies in a folder of corpora, and dev.tsv, which chose weights: both languages."""
    for path in sorted(folder.glob("*.tsv.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from chain(*(line.split("\t") for line in lines))
    for path in folder.glob("dev.tsv"):
        with path.open(encoding="utf-8") as lines:
            yield from chain(*(line.split("\t") for line in lines))


@cache
def patterns() -> re.Pattern[str]:
    """Matches every instance of the patterns of everyday_phrases.txt, normalised."""
    draw = random.Random(1)
    alternatives = []
    drawn = {  # numbers are all one, so that many draws find whatever can be drawn
        slot: [fill(draw) for _ in range(N_DRAWS)] for slot, fill in everyday_phrases.SLOTS.items()
    }
    for side in (0, 1):
        shapes = {
            slot: "|".join(sorted({re.escape(normalised(pair[side])) for pair in pairs}))
            for slot, pairs in drawn.items()
        }
        for pattern in everyday_phrases.PATTERNS:
            parts = re.split(r"{(\w+)}", pattern[side])
            parts[::2] = [re.escape(normalised(part)) for part in parts[::2]]
            parts[1::2] = [f"(?:{shapes[slot]})" for slot in parts[1::2]]
            alternatives.append(r"\ ".join(filter(None, parts)))
    return re.compile("|".join(alternatives))


def seen(sentences: Iterable[str], known: Set[str]) -> set[str]:
    """The sentences that, normalised, are among the known ones or are instances of a pattern."""
    return {
        sentence
        for sentence in sentences
        if (key := normalised(sentence)) in known or patterns().fullmatch(key)
    }


def main() -> None:
    """Tells which are seen, and which of these do not say so."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", type=Path, help="folder of corpora")
    parser.add_argument("sentence", nargs="*", help="check these instead")
    args = parser.parse_args()

    texts = chain(made_here(), corpora(args.input) if args.input else ())
    known = set(map(normalised, texts))
    if args.sentence:
        shown = [Shown(sentence, "given", False) for sentence in args.sentence]
    else:
        shown = [example for path in documents() for example in shown_in(path)]
        shown += list(unmarked_lists())
    found = seen((example.text for example in shown), known)
    unmarked = 0
    for example in shown:
        if example.text in found:
            unmarked += not example.marked
            says = "and says so" if example.marked else "AND DOES NOT SAY SO"
            print(f"{example.place}: seen in training, {says}: {example.text}")
    print(f"{len(shown)} examples, {unmarked} of them seen in training without a word about it")
    sys.exit(unmarked > 0)


if __name__ == "__main__":
    main()
