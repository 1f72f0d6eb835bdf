"""A model of the other direction has a say in which hypothesis is the best."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from transformer.cli import translate_main
from transformer.config import DecodingConfig, ModelConfig, TokenizerConfig
from transformer.data.tokenizer import Tokenizer, train_tokenizer
from transformer.errors import UserError
from transformer.inference.reverse import ReverseEngine
from transformer.inference.torch_engine import TorchEngine
from transformer.inference.translator import Translator
from transformer.model.encoder_decoder import Transformer
from transformer.search.hypothesis import Hypothesis, length_penalty
from transformer.text.joining import Translation

BEAM = DecodingConfig(beam_size=4, length_penalty="power", alpha=1.0)


def other_model(tokenizer: Tokenizer) -> Transformer:
    """It knows nothing, but has its preferences."""
    torch.manual_seed(3)
    config = ModelConfig(d_model=16, d_ff=32, n_heads=2, n_encoder_layers=1, n_decoder_layers=1)
    model = Transformer(config, vocab_size=tokenizer.vocab_size, pad_id=tokenizer.pad_id)
    return model.double().eval()


@pytest.fixture(scope="module")
def sources(exact: TorchEngine, german: list[str]) -> list[list[int]]:
    return [[*ids, exact.tokenizer.eos_id] for ids in exact.tokenizer.encode_batch(german[:12])]


def judged_by(exact: TorchEngine, **settings: Any) -> ReverseEngine:
    other = exact.tokenizer
    given = {"reverse": other_model(other), "reverse_tokenizer": other, **settings}
    return ReverseEngine(exact.model, exact.tokenizer, **given)


PAPER = DecodingConfig(beam_size=4)


@pytest.mark.parametrize("settings", [BEAM, PAPER])
def test_scores_are_those_of_both_models(
    exact: TorchEngine, sources: list[list[int]], settings: DecodingConfig
) -> None:
    engine = judged_by(exact, weight=20.0)
    eos = exact.tokenizer.eos_id
    other = TorchEngine(other_model(exact.tokenizer), exact.tokenizer)
    plain = exact.search(sources, settings, n_best=4)
    changed = 0
    found = engine.search(sources, settings, 4)
    for source, own, both in zip(sources, plain, found, strict=True):
        expected = {}
        for h in own:
            [said] = other.score([[*h.ids, eos]], [source])
            penalty = length_penalty(settings.length_penalty, settings.alpha, len(source))
            expected[h.ids] = h.score + 20.0 * sum(said) / penalty
        assert {h.ids: h.score for h in both} == pytest.approx(expected, abs=1e-9)
        assert {(h.ids, h.log_prob, h.finished) for h in both} == {
            (h.ids, h.log_prob, h.finished) for h in own
        }
        scores = [h.score for h in both if h.finished]
        assert scores == sorted(scores, reverse=True)
        changed += both[0].ids != own[0].ids
    assert changed


def test_the_best_alone_is_the_first_of_several(
    exact: TorchEngine, sources: list[list[int]]
) -> None:
    engine = judged_by(exact, weight=20.0)
    several = engine.search(sources, BEAM, 4)
    alone = engine.search(sources, BEAM)
    assert [best.ids for [best] in alone] == [best[0].ids for best in several]


def test_without_weight_the_search_is_as_it_was(
    exact: TorchEngine, sources: list[list[int]]
) -> None:
    assert judged_by(exact, weight=0.0).search(sources, BEAM, 3) == exact.search(sources, BEAM, 3)


def test_neighbours_have_no_say(exact: TorchEngine, sources: list[list[int]]) -> None:
    engine = judged_by(exact)
    small = BEAM.model_copy(update={"batch_tokens": 30})
    together = engine.search(sources, BEAM, 2)
    for source, best in zip(sources, together, strict=True):
        [alone] = engine.search([source], small, 2)
        assert [h.ids for h in alone] == [h.ids for h in best]
        assert [h.score for h in alone] == pytest.approx([h.score for h in best], abs=1e-9)


def test_a_model_with_other_pieces_reads_the_same_text(
    exact: TorchEngine, sources: list[list[int]], lines: list[str]
) -> None:
    other = train_tokenizer(lines, TokenizerConfig(vocab_size=400), seed=5)
    assert other.fingerprint != exact.tokenizer.fingerprint
    engine = judged_by(exact, reverse=other_model(other), reverse_tokenizer=other, weight=1.0)
    judge = TorchEngine(other_model(other), other)

    def theirs(ids: list[int]) -> list[int]:
        return [*other.encode(exact.tokenizer.decode(ids)), other.eos_id]

    own: dict[tuple[int, ...], Hypothesis] = {
        h.ids: h for best in exact.search(sources, BEAM, 4) for h in best
    }
    for source, both in zip(sources, engine.search(sources, BEAM, 4), strict=True):
        for h in both:
            [said] = judge.score([theirs(list(h.ids))], [theirs(source[:-1])])
            mean = sum(said) / len(said)
            assert h.score == pytest.approx(own[h.ids].score + mean, abs=1e-9)


# The models of the package -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def both() -> Translator:
    return Translator.load("de-en", reverse="en-de")


def test_the_models_of_the_package_judge_each_other(both: Translator, german: list[str]) -> None:
    alone = Translator.load("de-en")
    texts = [*german[:6], "Ich habe <b>gestern</b> bei https://example.org 1.234,56 € bezahlt."]
    found = [translations[0] for translations in both.translate_batch(texts)]
    assert [t.text for t in found] == [both.translate(text) for text in texts]
    assert "€1,234.56" in found[-1].text and "https://example.org" in found[-1].text
    plain = [translations[0] for translations in alone.translate_batch(texts)]
    assert all(f.score < p.score for f, p in zip(found, plain, strict=True))
    again = pickle.loads(pickle.dumps(both))
    assert again.translate(texts[0]) == found[0].text
    assert [t[0].text for t in both.translate_batch(texts, workers=2)] == [t.text for t in found]


def test_what_cannot_judge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="goes from en to de; de-en goes from de to en"):
        Translator.load("de-en", reverse="de-en")
    with pytest.raises(UserError, match="needs reverse"):
        Translator.load("de-en", reverse_weight=0.3)
    for weight in (-1, 11, float("nan"), "much", True):
        with pytest.raises(UserError, match="reverse_weight must be"):
            Translator.load("de-en", reverse="en-de", reverse_weight=weight)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sample", "--reverse", "en-de"], "--sample takes no --reverse"),
        (["--reverse-weight", "11"], "--reverse-weight"),
        (["--reverse-weight", "0.2"], "reverse_weight needs reverse"),
        (["--reverse", "de-en"], "goes from en to de"),
    ],
)
def test_the_command_explains_mistakes(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = translate_main([*arguments, "Hallo"])
    except SystemExit as end:
        status = int(str(end.code))
    assert status in (1, 2)
    assert message in capsys.readouterr().err


def test_another_judge_is_another_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = tmp_path / "a.de", tmp_path / "a.en"
    source.write_text("Guten Morgen!\n" * 3)
    arguments = ["--model", "de-en", "--input", str(source), "--output", str(output)]
    with monkeypatch.context() as patch:
        patch.setattr(Translator, "translate_stream", _interrupted)
        assert translate_main([*arguments, "--reverse", "en-de"]) != 0
    capsys.readouterr()
    assert translate_main([*arguments, "--resume-output"]) == 1
    assert "reverse" in capsys.readouterr().err
    assert translate_main([*arguments, "--reverse", "en-de", "--resume-output"]) == 0
    assert output.read_text().count("\n") == 3


def _interrupted(self: Translator, lines: Any, **_: Any) -> Any:
    next(iter(lines))
    yield [Translation("Good morning!", -0.1, 1.0)]
    raise UserError("stopped")
