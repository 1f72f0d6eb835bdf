import os
from collections.abc import Iterator

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer.errors import UserError
from transformer.inference.evaluation import Score, bleu, evaluate, looks_tokenized

REFERENCES = [
    "A dog runs through the snow.",
    "Two men, both in red, ride their bicycles.",
    "The pizza came out of the oven, and it tasted good.",
    "Nobody knows why.",
]
HYPOTHESES = [
    "A dog runs through snow.",
    "Two men ride their bicycles.",
    "The pizza came out of the oven and tasted good.",
    "nobody knows Why.",
]


@pytest.fixture(autouse=True)
def _sacrebleu_seed() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SACREBLEU_SEED", "1")  # put back afterwards
        yield


def by_name(scores: list[Score]) -> dict[str, Score]:
    return {score.name: score for score in scores}


def test_scores_are_those_of_sacrebleu() -> None:
    scores = by_name(evaluate(HYPOTHESES, REFERENCES, bootstrap=0))
    expected = sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score
    assert scores["BLEU"].value == expected == bleu(HYPOTHESES, REFERENCES)
    assert scores["chrF2"].value == sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score
    assert 0 < expected < 100


def test_a_perfect_translation_scores_100() -> None:
    assert [score.value for score in evaluate(REFERENCES, REFERENCES, bootstrap=0)] == (
        pytest.approx([100.0, 100.0])
    )


def test_case_and_detokenised_text_count() -> None:
    lower = [line.lower() for line in REFERENCES]
    assert bleu(lower, REFERENCES) < 100
    # 13a itself parts words from punctuation, so that only what a reader sees is scored.
    assert bleu([line.replace(".", " .") for line in REFERENCES], REFERENCES) == (
        pytest.approx(100.0)
    )


def test_signature_says_what_was_computed() -> None:
    plain = by_name(evaluate(HYPOTHESES, REFERENCES, bootstrap=0))
    assert plain["BLEU"].signature == (
        f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}"
    )
    assert plain["chrF2"].signature.startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|")
    sampled = by_name(evaluate(HYPOTHESES, REFERENCES, bootstrap=20, seed=7))
    assert "|bs:20|seed:7|" in sampled["BLEU"].signature


def test_bootstrap_is_a_function_of_its_seed() -> None:
    first = evaluate(HYPOTHESES, REFERENCES, bootstrap=50, seed=3)
    assert first == evaluate(HYPOTHESES, REFERENCES, bootstrap=50, seed=3)
    other = evaluate(HYPOTHESES, REFERENCES, bootstrap=50, seed=4)
    assert first[0].value == other[0].value
    assert first[0].mean != other[0].mean


def test_interval_is_there_only_with_a_bootstrap() -> None:
    sampled = evaluate(HYPOTHESES, REFERENCES, bootstrap=50)[0]
    assert sampled.interval is not None and sampled.interval > 0
    assert f"± {sampled.interval:.2f}" in str(sampled)
    plain = evaluate(HYPOTHESES, REFERENCES, bootstrap=0)[0]
    assert (plain.mean, plain.interval) == (None, None)
    assert str(plain) == f"BLEU {plain.value:.2f}  {plain.signature}"


def test_errors_say_what_must_hold() -> None:
    with pytest.raises(UserError, match="same number of lines; found 4 and 3"):
        evaluate(HYPOTHESES, REFERENCES[:3])
    with pytest.raises(UserError, match="nothing to score"):
        evaluate([], [])
    for bootstrap in (-1, 1):
        with pytest.raises(UserError, match=f"at least .; found {bootstrap}"):
            evaluate(HYPOTHESES, REFERENCES, bootstrap=bootstrap)
    with pytest.raises(UserError, match="seed must be at most 4,294,967,295; found"):
        evaluate(HYPOTHESES, REFERENCES, seed=2**32)
    with pytest.raises(UserError, match="hypothesis texts must come in a list; found the one"):
        evaluate("a", "a")
    with pytest.raises(UserError, match="reference 1 must be a str; found None"):
        evaluate(["a", "b"], ["a", None])  # type: ignore[list-item]


def test_inputs_stay_as_they_are() -> None:
    hypotheses, references = tuple(HYPOTHESES), tuple(REFERENCES)
    evaluate(hypotheses, references, bootstrap=5)
    assert (list(hypotheses), list(references)) == (HYPOTHESES, REFERENCES)
    assert "SACREBLEU_SEED" in os.environ


@pytest.mark.parametrize(
    ("lines", "tokenized"),
    [
        (["A dog runs .", "Why ?", "Two men ride ."], True),
        (["A dog runs.", "Why?", "Two men ride ."], False),
        (["no end", "here either"], False),
        ([], False),
        (["A dog runs . ", "Run !\n"], True),
    ],
)
def test_looks_tokenized(lines: list[str], tokenized: bool) -> None:
    assert looks_tokenized(lines) is tokenized


lines = st.lists(
    st.sampled_from(["", " ", "a", "x", "A dog runs.", "a dog"]), min_size=1, max_size=4
)


@given(lines, lines, st.sampled_from([0, 2, 30]))
@settings(max_examples=60, deadline=None)
def test_any_lines_have_scores(hypotheses: list[str], references: list[str], n: int) -> None:
    """Also those without anything in common, and empty ones on either side."""
    length = min(len(hypotheses), len(references))
    for score in evaluate(hypotheses[:length], references[:length], bootstrap=n):
        for number in (score.value, score.mean or 0.0, score.interval or 0.0):
            assert type(number) is float and 0 <= number <= 100 + 1e-6


@pytest.mark.parametrize("pairs", [[("a dog", "a dog"), ("", "x")], [("a", "a"), ("b", "")]])
def test_an_empty_line_among_few(pairs: list[tuple[str, str]]) -> None:
    hypotheses, references = zip(*pairs, strict=True)
    scores = by_name(evaluate(hypotheses, references))
    expected = sacrebleu.corpus_chrf(hypotheses, [references]).score
    assert scores["chrF2"].value == expected > 0
    assert scores["chrF2"].interval == pytest.approx(50, abs=1)
