"""The doctor's look at data: sound text passes, and each planted fault is found and named."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transformer.config import DataConfig, TokenizerConfig
from transformer.data.builtin.corpus import sample_pairs
from transformer.data.corpus import Corpus, load_corpus
from transformer.data.tokenizer import Tokenizer
from transformer.inference.translator import Translator
from transformer.lab.doctor import association, languages, overlap, pairs, vocabulary
from transformer.lab.doctor.findings import Finding
from transformer.lab.doctor.pairs import Rows

PAIRS = sample_pairs("train", 3000)
GERMAN, ENGLISH = [de for de, _ in PAIRS], [en for _, en in PAIRS]
HELD_OUT = sample_pairs("val", 200)


def _faults(found: Finding | Iterable[Finding]) -> list[str]:
    findings = [found] if isinstance(found, Finding) else list(found)
    assert all(finding.advice for finding in findings if finding.level != "ok")
    return [finding.found for finding in findings if finding.level == "fault"]


def _passes(found: Finding | Iterable[Finding]) -> bool:
    findings = [found] if isinstance(found, Finding) else list(found)
    return bool(findings) and all(finding.level == "ok" for finding in findings)


def _rows(src: list[str], tgt: list[str]) -> list[Rows]:
    return [
        Rows("a.tsv", start, src[start : start + 500], tgt[start : start + 500])
        for start in range(0, len(src), 500)
    ]


# Alignment ---------------------------------------------------------------------------------------


def test_pairs_that_belong_together_pass() -> None:
    rows = _rows(GERMAN, ENGLISH)
    assert _passes(pairs.check_alignment(rows)) and _passes(pairs.check_single_pairs(rows))


@pytest.mark.parametrize("offset", [-2, -1, 1, 2])
def test_a_file_that_is_off_by_a_few_rows_is_found(offset: int) -> None:
    shifted = ENGLISH[-offset:] + ENGLISH[:-offset]
    [found] = _faults(pairs.check_alignment(_rows(GERMAN, shifted)))
    assert f"rows are off by {offset:+d} in rows 1 to 3,000 of a.tsv" in found
    assert "further down" in found if offset > 0 else "further up" in found


def test_a_line_lost_in_the_middle_is_found_where_it_was_lost() -> None:
    shifted = ENGLISH[:1500] + ENGLISH[1501:] + ENGLISH[:1]
    [found] = _faults(pairs.check_alignment(_rows(GERMAN, shifted)))
    assert "rows are off by -1 in rows 1,501 to 3,000" in found


def test_numbers_tell_a_shift_where_lengths_do_not() -> None:
    years = [f"Im Jahr {year:04d} war es so." for year in range(1000, 1400)]
    english = [f"It was in the year {year:04d}." for year in range(1000, 1400)]
    assert _passes(pairs.check_alignment(_rows(years, english)))
    [found] = _faults(pairs.check_alignment(_rows(years, english[1:] + english[:1])))
    assert "off by -1" in found


def test_sides_that_were_shuffled_are_found() -> None:
    shuffled = random.Random(1).sample(ENGLISH, len(ENGLISH))
    [found] = _faults(pairs.check_alignment(_rows(GERMAN, shuffled)))
    assert "not at all in rows 1 to 3,000 of a.tsv" in found
    a_part = ENGLISH[:2000] + shuffled[:500] + ENGLISH[2500:]
    findings = list(pairs.check_alignment(_rows(GERMAN, a_part)))
    assert [f.level for f in findings] == ["warning"] and "rows 2,001 to 2,500" in findings[0].found


def test_pairs_with_cut_sides_other_numbers_or_one_target_are_found() -> None:
    cut = [en[:8] if i % 5 == 0 else en for i, en in enumerate(ENGLISH)]
    assert any(
        "longer or shorter" in f for f in _faults(pairs.check_single_pairs(_rows(GERMAN, cut)))
    )
    left = [f"{de} {i}" for i, de in enumerate(GERMAN)]
    right = [f"{en} {i + 5000}" for i, en in enumerate(ENGLISH)]
    assert any("share none" in f for f in _faults(pairs.check_single_pairs(_rows(left, right))))
    same = ["Nothing to translate here." if i % 4 == 0 else en for i, en in enumerate(ENGLISH)]
    found = _faults(pairs.check_single_pairs(_rows(GERMAN, same)))
    assert any("“Nothing to translate here.”" in each for each in found)


def test_some_pairs_with_the_translation_of_another_are_found_by_their_words() -> None:
    assert [each.level for each in association.check_association(PAIRS)] == ["ok", "ok"]
    wrong = list(range(0, 3000, 4))
    english = list(ENGLISH)
    for here, there in pairwise(wrong):
        english[here] = ENGLISH[there]
    finding, _ = association.check_association(list(zip(GERMAN, english, strict=True)))
    assert finding.level == "fault" and " beside " in finding.found
    some = [en if i % 10 else ENGLISH[i - 50] for i, en in enumerate(ENGLISH)]
    finding, _ = association.check_association(list(zip(GERMAN, some, strict=True)))
    assert finding.level == "warning"


def test_a_few_pairs_that_cannot_be_translations_are_found_with_their_rows() -> None:
    wrong = range(7, 3000, 40)  # 2.5 %
    english = list(ENGLISH)
    for i in wrong:
        english[i] = f"Il y avait une autre langue dans le texte {i}"
    places = [f"row {i}: " for i in range(3000)]
    few, impossible = association.check_association(list(zip(GERMAN, english, strict=True)), places)
    assert few.level == "ok" and impossible.level == "warning"
    named = [int(i) for i in re.findall(r"^row (\d+): ", impossible.found, re.MULTILINE)]
    assert len(named) == 4 and set(named) <= set(wrong)


def test_rows_say_if_empty_ones_are_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    lines = [f"{de}\t{en if i >= 10 else ''}" for i, (de, en) in enumerate(PAIRS[:200])]
    path.write_text("\n".join(lines), encoding="utf-8")
    [rows] = pairs.read_rows(DataConfig(train=str(path), val="builtin"))
    assert rows.numbers == range(1, 191)
    assert rows.not_counted == " (not counting 10 with an empty side)"


def test_partners_are_words_that_stand_in_the_same_pairs() -> None:
    words = [({"hund", f"a{i}"}, {"dog", f"b{i}"}) for i in range(8)]
    words += [({f"c{i}"}, {f"d{i}", "dog"} if i < 2 else {f"d{i}"}) for i in range(92)]
    assert association.partners(words, 100) == {
        "hund": association.Partner("dog", 9 / 10, 11 / 102)
    }


def test_windows_are_read_evenly_from_a_large_file_before_cleaning(tmp_path: Path) -> None:
    text = "".join(f"{de}\t{en}\n" for de, en in [*PAIRS, PAIRS[0], ("!", "! " * 40)])
    (tmp_path / "train.tsv").write_text(text, encoding="utf-8")
    data = DataConfig.model_validate({"train": str(tmp_path / "train.tsv")})
    assert sum(len(window.src) for window in pairs.read_rows(data)) == 3002
    some = pairs.read_rows(data, most=1500)
    assert [window.start for window in some] == [0, 1000, 2000] or len(some) == 2
    assert all(window.src == GERMAN[window.start :][: len(window.src)] for window in some[:2])


@pytest.mark.slow
def test_a_translator_finds_pairs_that_do_not_belong_together() -> None:
    translator = Translator.load()
    assert _passes(pairs.check_scores(_rows(GERMAN, ENGLISH), translator, n=30))
    mixed = random.Random(1).sample(ENGLISH, len(ENGLISH))
    [found] = _faults(pairs.check_scores(_rows(GERMAN, mixed), translator, n=30))
    assert "of 30 pairs drawn at random" in found and " beside " in found


# Languages ---------------------------------------------------------------------------------------


def _languages(src: list[str], tgt: list[str]) -> list[str]:
    return _faults(languages.check_languages(src, tgt, ("de", "en"), "training"))


def test_sides_in_their_languages_pass() -> None:
    assert _passes(languages.check_languages(GERMAN, ENGLISH, ("de", "en"), "training"))
    for where, other in (("validation", HELD_OUT), ("test", PAIRS)):
        sides = [de for de, _ in other], [en for _, en in other]
        assert _passes(languages.check_same_sides((GERMAN, ENGLISH), sides, where))
        assert _passes(languages.check_same_writing(GERMAN, sides[0], where))
    assert _passes(languages.check_writing({"training": GERMAN + ENGLISH}))


def test_german_on_both_sides_and_swapped_sides_are_found() -> None:
    other = GERMAN[1:] + GERMAN[:1]
    assert any("the target looks like German" in found for found in _languages(GERMAN, other))
    findings = list(languages.check_languages(ENGLISH, GERMAN, ("de", "en"), "training"))
    advice = next(finding.advice for finding in findings if finding.level == "fault")
    assert advice.startswith("the sides are swapped")
    assert any("repeat their source" in found for found in _languages(GERMAN, GERMAN))


def test_the_same_language_on_both_sides_is_found_without_knowing_it() -> None:
    other = GERMAN[1:] + GERMAN[:1]
    found = _faults(languages.check_languages(GERMAN, other, ("xx", "yy"), "training"))
    assert any("the sides share" in each for each in found)


def test_some_pairs_swapped_or_copied_are_found() -> None:
    src = [en if i % 8 == 0 else de for i, (de, en) in enumerate(PAIRS)]
    tgt = [de if i % 8 == 0 else en for i, (de, en) in enumerate(PAIRS)]
    for names in (("de", "en"), ("xx", "yy")):
        findings = list(languages.check_languages(src, tgt, names, "training"))
        [wrong] = [finding for finding in findings if finding.level != "ok"]
        assert "of the lines read like the other side" in wrong.found
    copied = [de.upper() if i % 5 == 0 else en for i, (de, en) in enumerate(PAIRS)]
    assert any("600 of 3,000 targets repeat" in found for found in _languages(GERMAN, copied))


def test_validation_the_other_way_round_is_found() -> None:
    turned = [en for _, en in HELD_OUT], [de for de, _ in HELD_OUT]
    found = _faults(languages.check_same_sides((GERMAN, ENGLISH), turned, "validation"))
    assert len(found) == 2 and found[0].startswith("validation: its source shares")


def test_text_that_is_damaged_or_written_otherwise_is_found() -> None:
    damaged = [line.encode().decode("latin-1") for line in GERMAN]
    html = [f"<b>{line}</b> &amp;" for line in GERMAN]
    cut = [line.replace("en ", "@@ en ") for line in GERMAN]
    tokenised = [line.replace(".", " .") for line in GERMAN]
    for lines, named in (
        (damaged, "wrong encoding"),
        (html, "hold HTML"),
        (cut, "subwords already"),
        (tokenised, "are tokenised"),
    ):
        found = _faults(languages.check_writing({"training": lines}))
        assert any(named in each for each in found), named
    lower = [line.lower() for line in GERMAN]
    [found] = _faults(languages.check_same_writing(lower, GERMAN, "validation"))
    assert "are capitals, in training 0.0%" in found
    bare = [line.rstrip(".!?") for line in GERMAN]
    assert "end in a mark" in _faults(languages.check_same_writing(bare, GERMAN, "validation"))[0]


# Overlap -----------------------------------------------------------------------------------------


def test_held_out_pairs_that_are_new_pass() -> None:
    assert _passes(overlap.check_overlap(PAIRS, HELD_OUT, "validation"))
    assert _passes(overlap.check_text_overlap(GERMAN, [de for de, _ in HELD_OUT], "validation"))


def test_validation_copied_from_training_is_found_in_other_case_and_punctuation() -> None:
    copied = [(de.upper().replace(".", "!"), en.lower()) for de, en in PAIRS[:100]]
    found = _faults(overlap.check_overlap(PAIRS, copied, "validation"))
    assert "validation: 100 of 100 pairs stand in training" in found[0]
    some = [*copied[:10], *HELD_OUT[:90]]
    found = _faults(overlap.check_overlap(PAIRS, some, "test"))
    assert "test: 10 of 100 pairs" in found[0] and copied[0][0][:20] in found[0]


def test_digits_do_not_hide_a_copy() -> None:
    train = [(f"{de} {i}", f"{en} {i}") for i, (de, en) in enumerate(PAIRS[:50])]
    other = [(f"{de} {i + 50}", f"{en} {i + 50}") for i, (de, en) in enumerate(PAIRS[:40])]
    assert _faults(overlap.check_overlap(train, other, "validation"))


def test_pairs_that_are_nearly_in_training_are_found() -> None:
    near = [
        (f"{de} {word}", en) for (de, en), word in zip(PAIRS, ["heute", "ja"] * 50, strict=False)
    ]
    near = [pair for pair in near if len(pair[0].split()) > 9]
    found = _faults(overlap.check_overlap(PAIRS, near, "validation"))
    assert any("are nearly in training" in each for each in found)
    # Beyond what is compared, only equal ones are found.
    far = overlap.check_overlap(PAIRS, near, "validation", most_near=0)
    assert not any("nearly" in each for each in _faults(far))


def test_text_that_stands_in_the_training_text_is_found() -> None:
    text = " ".join(GERMAN)
    part = text[5000:9000].upper()
    [found] = _faults(overlap.check_text_overlap([text], [part], "validation"))
    assert "lines and runs of 10 words stand in training (9" in found
    lines = "\n".join(de for de, _ in random.Random(1).sample(PAIRS, 300))
    assert _faults(overlap.check_text_overlap(["\n".join(GERMAN)], [lines], "validation"))


# Vocabulary --------------------------------------------------------------------------------------


def _counts(tokenizer: Tokenizer, lines: list[str], size: int | None = None) -> Any:
    ids = [i for line in tokenizer.encode_batch(lines) for i in line]
    return np.bincount(ids, minlength=size or tokenizer.vocab_size)


def test_a_vocabulary_of_the_text_passes_and_one_of_another_does_not(
    tokenizer: Tokenizer, lines: list[str]
) -> None:
    counts = _counts(tokenizer, lines * 5)
    n_words = vocabulary.count_words(lines * 5)
    assert _passes(vocabulary.check_vocabulary(tokenizer, counts, counts, 2 * n_words))
    greek = ["όλα ρέουν και τίποτα δεν μένει"] * 100
    strange = _counts(tokenizer, greek)
    found = _faults(
        vocabulary.check_vocabulary(tokenizer, strange, strange, vocabulary.count_words(greek))
    )
    assert "are never used in training" in found[0]
    assert "single bytes are" in found[1] and "pieces per word" in found[-1]
    found = _faults(vocabulary.check_vocabulary(tokenizer, counts, strange, n_words))
    assert any("of validation" in each for each in found)


def test_a_size_that_does_not_count_is_found() -> None:
    def found(**settings: Any) -> list[Finding]:
        return list(vocabulary.check_size(TokenizerConfig(**settings), 6000))

    [finding] = found(path="theirs.model", vocab_size=2000)
    assert finding.level == "warning" and "6,000 pieces" in finding.found
    assert found(path="theirs.model") == found(vocab_size=2000) == []
    assert found(path="theirs.model", vocab_size=6000) == []


def test_unknown_and_new_pieces_are_found(tokenizer: Tokenizer, lines: list[str]) -> None:
    counts = _counts(tokenizer, lines * 5)
    unknown = counts.copy()
    unknown[tokenizer.unk_id] = counts.sum() // 10
    found = _faults(vocabulary.check_vocabulary(tokenizer, unknown, counts, 0))
    assert found == ["unknown pieces: 9.09%"]
    known = int(counts.argmax())
    half = counts.copy()
    half[known] = 0
    found = _faults(vocabulary.check_vocabulary(tokenizer, half, counts, 0))
    assert any("never occur in training" in each for each in found)


def test_pairs_lost_to_the_limit_are_found_with_the_setting() -> None:
    lost = Corpus(pairs=list(range(6000)), n_read=10_000, dropped={"too long": 4000})  # type: ignore[arg-type]
    finding, _ = vocabulary.check_left_out(lost, 500)
    assert finding.level == "fault" and "data.cleaning.max_tokens" in finding.advice
    assert "10,000 pairs read, 6,000 kept; left out: 4,000 too long" in finding.found
    few = Corpus(pairs=list(range(98)), n_read=100, dropped={"duplicate": 2})  # type: ignore[arg-type]
    kept, enough = vocabulary.check_left_out(few, 500)
    assert kept.level == "ok" and enough.level == "warning"
    assert enough.found == "98 pairs to train on are few"


class _Loses(Tokenizer):
    def encode(self, line: str) -> list[int]:
        return super().encode(line.lower())


def test_a_tokenizer_that_changes_the_text_is_found(tokenizer: Tokenizer, lines: list[str]) -> None:
    assert _passes(vocabulary.check_round_trip(tokenizer, lines))
    [found] = _faults(vocabulary.check_round_trip(_Loses(tokenizer.model), lines))
    assert "“Ein Hund läuft durch den Schnee.” becomes “ein hund" in found


def test_pairs_that_stand_there_often_are_found(tmp_path: Path) -> None:
    text = "".join(f"{de}\t{en}\n" for de, en in [*PAIRS[:100], *PAIRS[:1] * 60])
    (tmp_path / "train.tsv").write_text(text, encoding="utf-8")
    cleaning = {"drop_duplicates": False}
    data = DataConfig.model_validate({"train": str(tmp_path / "train.tsv"), "cleaning": cleaning})
    corpus = load_corpus(data, "train")
    found = _faults(vocabulary.check_left_out(corpus, 500, drops=False))
    assert found == ["60 of 160 pairs are there already"]
