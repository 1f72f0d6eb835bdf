"""Scores, prefixes, alternatives and samples, of the shipped model."""

from typing import Any

import pytest

from transformer.config import DecodingConfig
from transformer.errors import UserError
from transformer.export.trained import Trained
from transformer.inference.call_settings import CallSettings
from transformer.inference.score import Score
from transformer.inference.torch_engine import TorchEngine
from transformer.inference.translator import Translator
from transformer.search.sampling import Sampling
from transformer.text.joining import Translation

PIZZA = "Die Pizza kam aus dem Ofen und schmeckte gut."
PREFIX = "A pizza"
HALF = "\ud83d"  # of a surrogate pair


@pytest.fixture(scope="module")
def sources(shipped: Translator, german: list[str]) -> list[list[int]]:
    tokenizer = shipped.tokenizer
    return [[*ids, tokenizer.eos_id] for ids in tokenizer.encode_batch(german[:12])]


# Scores ------------------------------------------------------------------------------------------


def test_scores_are_those_that_the_search_reports(
    exact: TorchEngine, sources: list[list[int]]
) -> None:
    eos = exact.tokenizer.eos_id
    settings = DecodingConfig(max_extra_tokens=1)  # some are cut off
    found = exact.search(sources, settings, n_best=4)
    pairs = [(source, h) for source, best in zip(sources, found, strict=True) for h in best]
    targets = [[*h.ids, *[eos] * h.finished] for _, h in pairs]
    assert len(pairs) > 40
    scores = exact.score([source for source, _ in pairs], targets)
    assert [len(row) for row in scores] == [len(target) for target in targets]
    assert [sum(row) for row in scores] == pytest.approx([h.log_prob for _, h in pairs], abs=1e-4)
    for (source, h), target, row in zip(pairs[::7], targets[::7], scores[::7], strict=True):
        [alone] = exact.score([source], [target])  # padding changes nothing
        assert alone == pytest.approx(row, abs=1e-5)
        [half] = exact.score([source], [h.ids[: len(h.ids) // 2]])  # nor does what follows
        assert half == pytest.approx(row[: len(half)], abs=1e-5)


def test_a_score_has_one_number_a_piece(shipped: Translator) -> None:
    good = shipped.score(PIZZA, "The pizza came out of the oven and tasted good.")
    bad = shipped.score(PIZZA, "A horse came out of the oven and tasted good.")
    assert "".join(good.pieces) == "▁The▁pizza▁came▁out▁of▁the▁oven▁and▁tasted▁good.</s>"
    assert len(good.pieces) == len(good.log_probs)
    assert good.log_prob == sum(good.log_probs) > bad.log_prob + 5
    assert all(log_prob < 0 for log_prob in good.log_probs)
    # What is wrong with the other is seen where it is wrong.
    worst = min(zip(bad.log_probs, bad.pieces, strict=True))[1]
    assert bad.pieces.index(worst) < bad.pieces.index("▁came")


def test_any_text_has_a_score(shipped: Translator) -> None:
    for text, translation in (("", ""), (PIZZA, ""), ("🐕", "🐕"), (HALF, HALF)):
        score = shipped.score(text, translation)
        assert isinstance(score, Score) and score.pieces[-1] == "</s>"


def test_many_scores_are_those_of_one_by_one(shipped: Translator) -> None:
    pairs = [(PIZZA, "A pizza."), ("", ""), ("Ein Hund.", "A dog runs. " * 30), (PIZZA, PIZZA)]
    many = shipped.score_batch(pairs)
    for pair, found in zip(pairs, many, strict=True):
        alone = shipped.score(*pair)
        assert found.pieces == alone.pieces
        assert found.log_probs == pytest.approx(alone.log_probs, abs=1e-4)
    assert shipped.score_batch([]) == []


# Prefixes ----------------------------------------------------------------------------------------


def test_a_translation_begins_with_its_prefix(shipped: Translator) -> None:
    assert shipped.translate(PIZZA) == "The pizza came out of the oven and tasted good."
    found = shipped.translate(PIZZA, prefix=PREFIX)
    assert found == "A pizza came out of the oven and tasted good."
    assert shipped.translate(PIZZA, prefix="") == shipped.translate(PIZZA)
    assert shipped.translate(PIZZA, prefix=found).startswith(found)


@pytest.mark.parametrize(
    "prefix", ["A", "My", "Qqqq 未知", "?!", "In the", "A pizza came out of " * 20]
)
@pytest.mark.parametrize("beam_size", [1, 4, 7])
def test_any_prefix_is_gone_on_with(shipped: Translator, prefix: str, beam_size: int) -> None:
    """However unlikely it is, and though it fills no beam."""
    best = shipped.translate_batch(["Ein Hund."], prefixes=[prefix], beam_size=beam_size)[0]
    assert best[0].text.startswith(prefix.strip())


def test_each_line_has_its_own_prefix(shipped: Translator, german: list[str]) -> None:
    prefixes = ["A", "", "The other", "", HALF, "In"]
    together = shipped.translate_batch(german[:6], prefixes=prefixes)
    for line, prefix, [best] in zip(german, prefixes, together, strict=False):
        assert best.text == shipped.translate(line, prefix=prefix)
        assert best.text.startswith(prefix if prefix != HALF else "?")
    streamed = list(shipped.translate_stream(german[:6], prefix="The other"))
    assert all(best.text.startswith("The other") for [best] in streamed)


def test_only_the_first_sentence_of_a_line_has_the_prefix(shipped: Translator) -> None:
    two = "Die Pizza kam aus dem Ofen. Guten Morgen!"
    assert shipped.text.split == "always"
    assert shipped.translate(two, prefix=PREFIX) == "A pizza came out of the oven. Good morning!"
    assert shipped.translate("", prefix=PREFIX) == ""


@pytest.mark.parametrize("prefixes", [[], ["A"], ["A", "B", "C"]])
def test_as_many_prefixes_as_lines(shipped: Translator, prefixes: list[str]) -> None:
    with pytest.raises(ValueError, match=rf"2 lines have {len(prefixes)} prefixes"):
        shipped.translate_batch([PIZZA, PIZZA], prefixes=prefixes)


# Alternatives ------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "The", "The pizza came", "Qqqq"])
def test_alternatives_go_on_with_different_pieces(shipped: Translator, prefix: str) -> None:
    found = shipped.alternatives(PIZZA, prefix, 6)
    assert len(found) == len({translation.text for translation in found}) == 6
    assert all(translation.text.startswith(prefix) for translation in found)
    engine, tokenizer = shipped.engine, shipped.tokenizer
    assert isinstance(engine, TorchEngine)
    source = [*tokenizer.encode(PIZZA), tokenizer.eos_id]
    begins = tokenizer.encode(prefix)
    expected = engine.next_tokens(source, begins, 20)
    log_probs = [log_prob for _, log_prob in expected]
    assert log_probs == sorted(log_probs, reverse=True)
    tokens = [token for token, _ in expected if token != tokenizer.eos_id]
    for token, translation in zip(tokens, found, strict=False):
        assert translation.text.startswith(tokenizer.decode([*begins, token]))
    [alone] = engine.score([source], [[*begins, tokens[0]]])
    assert dict(expected)[tokens[0]] == pytest.approx(alone[-1], abs=1e-4)


def test_the_first_alternative_is_the_greedy_one(shipped: Translator) -> None:
    [first] = shipped.alternatives(PIZZA, "", 1)
    assert first.text == shipped.translate(PIZZA)


def test_the_end_is_no_alternative(shipped: Translator) -> None:
    whole = shipped.translate(PIZZA)
    found = shipped.alternatives(PIZZA, whole, 3)
    assert len(found) == 3 and all(t.text.startswith(whole) and t.text != whole for t in found)


def test_alternatives_of_strange_texts(shipped: Translator) -> None:
    assert shipped.alternatives("", "The", 3) == []
    assert len(shipped.alternatives(HALF, HALF, 3)) == 3


# Samples -----------------------------------------------------------------------------------------


def test_samples_are_sensible_and_differ(shipped: Translator) -> None:
    found = shipped.sample(PIZZA, 20, sampling=Sampling(temperature=1.0))
    texts = [translation.text for translation in found]
    assert len(set(texts)) > 3
    assert sum("pizza" in text for text in texts) > 10


def test_the_seed_decides(shipped: Translator) -> None:
    first = shipped.sample(PIZZA, 4, sampling=Sampling(seed=7))
    assert shipped.sample(PIZZA, 4, sampling=Sampling(seed=7)) == first
    assert shipped.sample(PIZZA, 4, sampling=Sampling(seed=8)) != first
    few = shipped.sample(PIZZA, 2, sampling=Sampling(seed=7))  # how many are drawn changes nothing
    assert [t.text for t in few] == [t.text for t in first[:2]]


def test_temperature_0_is_greedy(shipped: Translator, german: list[str]) -> None:
    for line in german[:5]:
        found = shipped.sample(line, 2, sampling=Sampling(temperature=0))
        assert [t.text for t in found] == [shipped.translate(line, beam_size=1)] * 2


def test_samples_of_any_line(shipped: Translator) -> None:
    assert shipped.sample("", 2) == [Translation("", 0.0)] * 2
    assert [t.text for t in shipped.sample("🐕", 2)] == ["🐕", "🐕"]
    assert all(t.text.startswith(PREFIX) for t in shipped.sample(PIZZA, 3, prefix=PREFIX))
    [both] = shipped.sample(f"{PIZZA} {PIZZA}", sampling=Sampling(temperature=0), prefix=PREFIX)
    assert both.text == " ".join(
        shipped.translate(PIZZA, prefix=prefix, beam_size=1) for prefix in (PREFIX, "")
    )


def test_long_samples_forget_nothing(exact: TorchEngine, sources: list[list[int]]) -> None:
    """Longer than a decoding state looks back at once."""
    settings = DecodingConfig(max_extra_tokens=120)
    wild = Sampling(temperature=3.0, seed=2)
    found = exact.sample(sources[:3], settings, wild)
    assert max(len(h.ids) for h in found) > 70
    eos = exact.tokenizer.eos_id
    for source, h in zip(sources, found, strict=False):
        [scores] = exact.score([source], [[*h.ids, *[eos] * h.finished]])
        assert h.log_prob == pytest.approx(sum(scores), abs=1e-4)


def test_no_samples_is_an_error(shipped: Translator) -> None:
    with pytest.raises(ValueError, match="n must be at least 1; found 0"):
        shipped.sample(PIZZA, 0)


# Settings and other engines ----------------------------------------------------------------------


def test_patience_reaches_the_search(exact: TorchEngine, sources: list[list[int]]) -> None:
    power: dict[str, Any] = {"length_penalty": "power", "alpha": 1.0}
    patient = exact.search(sources, DecodingConfig(**power))
    hasty = exact.search(sources, DecodingConfig(**power, patience=0.25))
    endless = exact.search(sources, DecodingConfig(**power, patience=1e3))
    assert [best[0].ids for best in endless] == [best[0].ids for best in patient]
    assert all(b[0].score <= a[0].score + 1e-6 for a, b in zip(patient, hasty, strict=True))
    assert [best[0].ids for best in hasty] != [best[0].ids for best in patient]


def test_no_repeat_ngram_size_reaches_the_search(
    exact: TorchEngine, sources: list[list[int]]
) -> None:
    found = exact.search(sources, DecodingConfig(no_repeat_ngram_size=1), n_best=4)
    assert all(len(set(h.ids)) == len(h.ids) for best in found for h in best)
    plain = exact.search(sources, DecodingConfig(), n_best=4)
    assert any(len(set(h.ids)) < len(h.ids) for best in plain for h in best)


@pytest.mark.parametrize("method", ["score", "sample", "alternatives", "model"])
def test_another_engine_only_translates(method: str, shipped: Translator) -> None:
    class Other:
        def search(self, *args: object) -> list[Any]:
            return []

    other = Translator(Other(), shipped.tokenizer)
    with pytest.raises(UserError, match=f"{method} needs a run directory; this engine only trans"):
        getattr(other, method)(PIZZA, *["x"] * (method == "score"))


# Overflow ----------------------------------------------------------------------------------------


def test_a_model_that_overflows_is_named(shipped: Translator) -> None:
    trained = Trained.load()
    for weight in trained.model.parameters():
        weight.data.fill_(3e38)
    broken = Translator(trained.model, trained.tokenizer)
    for call in (
        lambda: broken.translate(PIZZA),
        lambda: broken.sample(PIZZA),
        lambda: broken.score(PIZZA, "A pizza."),
        lambda: broken.alternatives(PIZZA),
    ):
        with pytest.raises(UserError, match="numbers that are infinite or not numbers"):
            call()


def test_a_mark_that_nobody_hid_never_comes_out(
    exact: TorchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = exact.tokenizer
    step = exact.model.step
    marks = [i for i in range(tokenizer.vocab_size) if "@" in tokenizer.decode([i])]
    assert marks

    def fond_of_marks(*args: Any) -> Any:
        logits, state = step(*args)
        logits[:, marks] += 20
        return logits, state

    monkeypatch.setattr(exact.model, "step", fond_of_marks)
    sources = [[*tokenizer.encode(text), tokenizer.eos_id] for text in ("Der Hund.", "Zu @1.")]
    found = exact.search(sources, CallSettings(placeholders=True, max_extra_tokens=5))
    with_marks = ["@" in tokenizer.decode(best.ids) for [best] in found]
    assert with_marks == [False, True]
    [[as_it_is], _] = exact.search(sources, CallSettings(max_extra_tokens=5))
    assert "@" in tokenizer.decode(as_it_is.ids)
