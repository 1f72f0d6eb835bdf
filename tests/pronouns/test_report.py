"""The examination: rates with intervals, pieces where the words are, and a report to read."""

import json

import pytest
import torch

from transformer.errors import UserError
from transformer.inference.translator import Translator
from transformer.pronouns.contrast import Contrast, located
from transformer.pronouns.report import Rate, Report, examine, pronoun_of
from transformer.pronouns.suite import items


@pytest.fixture(scope="module")
def translator() -> Translator:
    return Translator.load()


@pytest.fixture(scope="module")
def report(translator: Translator) -> Report:
    return examine(translator, n_items=16)


def test_parts_of_a_sentence_are_found_among_its_pieces(translator: Translator) -> None:
    tokenizer = translator.tokenizer
    for item in items("de", 80):
        for side in (item.de, item.en):
            found = located(tokenizer, side)
            pieces = tokenizer.pieces(found.ids)
            for places, span in (
                (found.pronoun, side.pronoun),
                (found.antecedent, side.antecedent),
                (found.other, side.other),
            ):
                text = "".join(pieces[i] for i in places).replace("▁", " ").strip()
                assert text == side.text[slice(*span)]
            named = {*found.pronoun, *found.antecedent, *found.other}
            rest = [i for word in found.rest for i in word]
            assert rest and not named & set(rest) and max(rest) < found.pronoun[0]


def test_margins_are_differences_of_scores(translator: Translator) -> None:
    suite = items("de", 16)
    found = Contrast.of(translator.model, translator.tokenizer, suite, ("de", "en")).margins()
    for item, margin in zip(suite, found.tolist(), strict=True):
        right = translator.score(item.de.text, item.en.text).log_prob
        wrong = max(
            translator.score(item.de.text, item.en.with_pronoun(pronoun)).log_prob
            for pronoun in item.wrong("en")
        )
        assert margin == pytest.approx(right - wrong, abs=2e-3)


def test_padding_and_company_change_no_margin(translator: Translator) -> None:
    suite = items("de", 16)
    model, tokenizer = translator.model, translator.tokenizer
    together = Contrast.of(model, tokenizer, suite, ("de", "en")).margins()
    alone = [Contrast.of(model, tokenizer, [item], ("de", "en")).margins() for item in suite]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-3, atol=1e-3)


def test_two_wrong_pronouns_both_count(translator: Translator) -> None:
    suite = items("en", 16)
    contrast = Contrast.of(translator.model, translator.tokenizer, suite, ("en", "de"))
    assert len(contrast.targets) == 3


@pytest.mark.parametrize(
    ("text", "language", "pronoun"),
    [
        ("He took it because it was hot.", "en", "it"),
        ("Because she was late, he left because he was tired.", "en", "he"),
        ("He took it.", "en", ""),
        ("Er nahm sie, weil sie heiß war.", "de", "sie"),
        ("Er nahm sie, denn Sie war heiß.", "de", "sie"),
    ],
)
def test_the_pronoun_behind_the_conjunction(text: str, language: str, pronoun: str) -> None:
    assert pronoun_of(text, language) == pronoun


def test_a_rate_has_the_interval_of_wilson() -> None:
    # Newcombe (1998), table I: 81 of 263.
    low, high = Rate(81, 263).interval
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert Rate(0, 20).interval[0] == 0 and Rate(20, 20).interval[1] == 1


def test_a_report_says_all_of_it(report: Report) -> None:
    text = str(report)
    assert text.startswith("16 sentences, de to en, none of their combinations trained on")
    for part in (
        "thing   gender  near      1",
        "all     sense   far",
        "encoder, source to source",
        "head 4",
    ):
        assert part in text
    assert report.causes is not None
    assert set(report.causes.cut_by_head) == {"encoder", "cross", "decoder"}
    assert report.causes.patched_by_head["encoder"].shape == (2, 4)
    found = json.loads(json.dumps(report.to_dict()))
    assert sum(row["forced"]["n"] for row in found["rows"] if row["meant"] != "all") == 16
    assert [cut["noun"] for cut in found["causes"]["cuts"][:3]] == ["antecedent", "other", "random"]


def test_without_causes_it_is_quick(translator: Translator) -> None:
    told: list[str] = []
    report = examine(translator, n_items=16, causes=False, progress=told.append)
    assert report.causes is None and "cut off" not in str(report)
    assert told == ["translating 16 sentences", "comparing right with wrong translations"]


def test_other_languages_are_refused(translator: Translator) -> None:
    french = Translator(
        translator.model, translator.tokenizer, translator.decoding, src_lang="fr", tgt_lang="en"
    )
    with pytest.raises(UserError, match="this model translates from fr to en"):
        examine(french, n_items=16)
