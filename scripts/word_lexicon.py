"""The words of a parallel corpus with what they mostly mean, found by aligning its sentences.

    python scripts/word_lexicon.py --input PAIRS.tsv --output words.tsv

A model that has only read sentences invents when a single word is looked up. The alignment is IBM
Model 1 (Brown et al. 1993), trained in both directions. A word's translation is the unbroken
run of words that both alignments give it, if most of its sentences agree on it.
"""

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from transformer.files import write_atomically

Pair = tuple[str, str]

MOST_WORDS = 14
"""Of a side. Longer sentences align worse, and their pairs of words grow with the square."""

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_ARTICLES = {"der", "die", "das", "den", "dem"}
_NOT_ALONE = {"a", "an", "the", "of", "to", "'s", "i", "he", "she", "it", "you", "we", "they"}


class Alignment:
    """IBM Model 1: how likely each target word is, given a source word.

    Args:
        sources: for each sentence the numbers of its words.
        targets: the same for the other language, as many sentences.
    """

    def __init__(self, sources: list[list[int]], targets: list[list[int]]) -> None:
        pairs = list(zip(sources, targets, strict=True))
        source = np.concatenate([np.repeat(s, len(t)) for s, t in pairs])
        target = np.concatenate([np.tile(t, len(s)) for s, t in pairs])
        # Which target word of the whole corpus, a number for each of its places.
        starts = np.cumsum([0, *(len(t) for _, t in pairs)])[:-1]
        place = np.concatenate(
            [
                np.tile(np.arange(start, start + len(t)), len(s))
                for start, (s, t) in zip(starts, pairs, strict=True)
            ]
        )
        key = source.astype(np.int64) * (target.max() + 1) + target
        _, entry = np.unique(key, return_inverse=True)
        self._lengths = [(len(s), len(t)) for s, t in pairs]
        self._source, self._entry, self._place = source, entry, place

    def best(self, n_iterations: int = 6) -> Iterator[list[int]]:
        """Yields for each sentence, per target word, the place of the most likely source word."""
        probability = np.ones(self._entry.max() + 1)
        of_entry = np.zeros(self._entry.max() + 1, dtype=np.int64)
        of_entry[self._entry] = self._source
        for _ in range(n_iterations):
            weights = probability[self._entry]
            weights /= np.bincount(self._place, weights)[self._place]
            counts = np.bincount(self._entry, weights)
            probability = counts / np.bincount(of_entry, counts)[of_entry]
        weights, start = probability[self._entry], 0
        for n_source, n_target in self._lengths:
            table = weights[start : start + n_source * n_target].reshape(n_source, n_target)
            yield table.argmax(axis=0).tolist()
            start += n_source * n_target


def numbered(sides: Iterable[list[str]]) -> list[list[int]]:
    """The words as numbers, the same for the same word."""
    numbers: dict[str, int] = {}
    return [[numbers.setdefault(word, len(numbers)) for word in side] for side in sides]


def cased(sides: Iterable[list[str]]) -> dict[str, str]:
    """How each word is written where it does not begin a sentence: brazil → Brazil."""
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    for side in sides:
        for word in side[1:]:
            forms[word.lower()][word] += 1
    return {word: counts.most_common(1)[0][0] for word, counts in forms.items()}


def lexicon(pairs: Iterable[Pair], fewest: int = 3, share: float = 0.45) -> list[Pair]:
    """Returns nouns with and without their article, and other words, as pairs.

    Args:
        pairs: German and English sentences.
        fewest: how often a word must have been seen with its translation.
        share: which part of its places must agree on it.
    """
    split = [(_WORD.findall(de), _WORD.findall(en)) for de, en in dict.fromkeys(pairs)]
    split = [(s, t) for s, t in split if 0 < len(s) <= MOST_WORDS and 0 < len(t) <= MOST_WORDS]
    german, english = [s for s, _ in split], [[w.lower() for w in t] for _, t in split]
    written = cased(t for _, t in split)
    sources, targets = numbered([w.lower() for w in s] for s in german), numbered(english)
    to_german = Alignment(sources, targets).best()
    to_english = Alignment(targets, sources).best()
    meanings: dict[str, Counter[str]] = defaultdict(Counter)
    articles: dict[str, Counter[str]] = defaultdict(Counter)
    for source, target, of_target, of_source in zip(
        german, english, to_german, to_english, strict=True
    ):
        for i, word in enumerate(source):
            run = [j for j, place in enumerate(of_target) if place == i]
            if not run or run[-1] - run[0] != len(run) - 1 or len(run) > 3:
                meanings[word][""] += 1
                continue
            both = of_source[i] in run
            meanings[word][" ".join(target[run[0] : run[-1] + 1]) if both else ""] += 1
            if i and word[0].isupper() and source[i - 1].lower() in _ARTICLES:
                articles[word][source[i - 1].lower()] += 1
    found: list[tuple[int, list[Pair]]] = []
    for word, counts in meanings.items():
        (meaning, count), total = counts.most_common(1)[0], counts.total()
        if count < fewest or count < share * total or not meaning or len(word) < 3:
            continue
        meaning = re.sub("^(?:the|an?|to) ", "", meaning)
        if meaning in _NOT_ALONE or meaning.split()[-1] in _NOT_ALONE:
            continue
        meaning = " ".join(written.get(w, w) for w in meaning.split())
        noun = word[0].isupper()
        if noun and counts.total() < 2 * meanings.get(word.lower(), Counter()).total():
            continue  # another word at the beginning of a sentence
        if noun and meaning == word:
            continue  # a name
        entries = [(word, meaning)]
        if noun and articles[word]:
            entries.append((f"{_article(articles[word])} {word}", f"the {meaning}"))
        found.append((count, entries))
    found.sort(key=lambda entry: -entry[0])
    return [pair for _, entries in found for pair in entries]


def _article(seen: Counter[str]) -> str:
    """Of the first case; "der" may be the dative of "die"."""
    for article in ("das", "die"):
        if seen[article] > 0.2 * seen.total():
            return article
    return "der"


def main() -> None:
    """Reads, aligns, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", type=Path, nargs="+", required=True, help="TSV files")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    pairs: list[Pair] = []
    for path in args.input:
        for line in path.read_text(encoding="utf-8").splitlines():
            german, english = line.split("\t")
            pairs.append((german, english))
    words = lexicon(pairs)
    write_atomically(args.output, "".join(f"{de}\t{en}\n" for de, en in words).encode())
    print(f"{len(words):,} words and nouns with article")


if __name__ == "__main__":
    main()
