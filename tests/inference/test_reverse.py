"""A model of the other direction has a say in which hypothesis is the best."""

import math
import pickle
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from transformer.cli import translate_main
from transformer.config import DecodingConfig, ModelConfig, TokenizerConfig
from transformer.data.tokenizer import Tokenizer, train_tokenizer
from transformer.errors import UserError
from transformer.inference.engine import Ids
from transformer.inference.reverse import ReverseModel
from transformer.inference.torch_engine import TorchEngine
from transformer.inference.translator import Translator
from transformer.model.encoder_decoder import Transformer
from transformer.runs.directory import RunDirectory
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


def judged_by(
    exact: TorchEngine, other: Tokenizer | None = None, *, of_all: bool = True, **settings: Any
) -> TorchEngine:
    """The engine of `exact`, with a reverse model that judges all hypotheses, or as usual."""
    pieces = other or exact.tokenizer
    everything = {"margin": math.inf, "clear": 0.0} if of_all else {}
    reverse = ReverseModel(
        TorchEngine(other_model(pieces), pieces), exact.tokenizer, **{**everything, **settings}
    )
    return TorchEngine(exact.model, exact.tokenizer, reverse=reverse)


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
        said = {}
        for h in own:
            [log_probs] = other.score([[*h.ids, eos]], [source])
            penalty = length_penalty(settings.length_penalty, settings.alpha, len(source))
            said[h.ids] = sum(log_probs) / penalty
        most = max(said.values())
        expected = {h.ids: h.score + 20.0 * (said[h.ids] - most) for h in own}
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
    engine = judged_by(exact, other, weight=1.0)
    judge = TorchEngine(other_model(other), other)

    def theirs(ids: list[int]) -> list[int]:
        return [*other.encode(exact.tokenizer.decode(ids)), other.eos_id]

    own: dict[tuple[int, ...], Hypothesis] = {
        h.ids: h for best in exact.search(sources, BEAM, 4) for h in best
    }
    for source, both in zip(sources, engine.search(sources, BEAM, 4), strict=True):
        judged = {h.ids: h.score - own[h.ids].score for h in both}
        said = {}
        for h in both:
            [log_probs] = judge.score([theirs(list(h.ids))], [theirs(source[:-1])])
            said[h.ids] = sum(log_probs) / len(log_probs)
        most = max(said.values())
        expected = {ids: its - most for ids, its in said.items()}
        assert judged == pytest.approx(expected, abs=1e-9)


class _Told:
    """An engine whose scores are given, and that remembers what it was asked."""

    def __init__(self, tokenizer: Tokenizer, said: dict[tuple[int, ...], float]) -> None:
        self.tokenizer = tokenizer
        self.reverse = None
        self.said = said
        self.asked: list[tuple[int, ...]] = []

    def score(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> list[list[float]]:
        """The same for every piece."""
        given = [tuple(ids[:-1]) for ids in sources]
        self.asked += given
        return [[self.said[ids]] * len(tgt) for ids, tgt in zip(given, targets, strict=True)]


SOURCE = [21, 22, 23]


def hypotheses(tokenizer: Tokenizer, *scores: float, finished: bool = True) -> list[Hypothesis]:
    """Of three pieces and EOS each, with these scores under `BEAM`."""
    return [
        Hypothesis((30 + i, 40, 50), score, score * 4, finished) for i, score in enumerate(scores)
    ]


@pytest.mark.parametrize(
    ("said", "scores", "asked", "order"),
    [
        # What is far below the best is not asked, and stays behind.
        ([-2.0, -1.0, -0.1], [-0.5, -0.6, -0.75], [0, 1], [1, 0, 2]),
        # From the best, the source can be guessed.
        ([-0.7, -0.1, -0.1], [-0.5, -0.51, -0.52], [0], [0, 1, 2]),
        # It cannot.
        ([-0.9, -0.1, -0.2], [-0.5, -0.51, -0.52], [0, 1, 2], [1, 2, 0]),
        # There is no other.
        ([-3.0], [-0.5], [], [0]),
        ([-3.0, -0.1], [-0.5, -0.9], [], [0, 1]),
        ([], [], [], []),
    ],
)
def test_only_what_may_win_is_judged(
    exact: TorchEngine,
    said: list[float],
    scores: list[float],
    asked: list[int],
    order: list[int],
) -> None:
    found = hypotheses(exact.tokenizer, *scores)
    engine = _Told(exact.tokenizer, {h.ids: x for h, x in zip(found, said, strict=True)})
    judge = ReverseModel(engine, exact.tokenizer)
    source = [*SOURCE, exact.tokenizer.eos_id]
    [best, empty] = judge.reordered([source, source], [found, []], BEAM)
    assert sorted(engine.asked) == [found[i].ids for i in asked]
    assert [h.ids for h in best] == [found[i].ids for i in order]
    assert [h.score for h in best] == sorted((h.score for h in best), reverse=True)
    assert empty == []


def test_what_was_cut_off_is_not_judged_beside_what_ended(exact: TorchEngine) -> None:
    ended = hypotheses(exact.tokenizer, -0.5, -0.55)
    cut = [replace(h, ids=(60, *h.ids[1:]), finished=False) for h in ended]
    engine = _Told(exact.tokenizer, {ended[0].ids: -2.0, ended[1].ids: -1.0})
    source = [*SOURCE, exact.tokenizer.eos_id]
    [best] = ReverseModel(engine, exact.tokenizer).reordered([source], [[*ended, *cut]], BEAM)
    assert [h.ids for h in best] == [ended[1].ids, ended[0].ids, cut[0].ids, cut[1].ids]


def test_a_judgement_drops_nothing(exact: TorchEngine, sources: list[list[int]]) -> None:
    usual = judged_by(exact, of_all=False).search(sources, BEAM, 4)
    plain = exact.search(sources, BEAM, 4)
    for both, own in zip(usual, plain, strict=True):
        assert {h.ids for h in both} == {h.ids for h in own}
        scores = [h.score for h in both if h.finished]
        assert scores == sorted(scores, reverse=True)


# The models of the package -----------------------------------------------------------------------


OMITTED = "Meine Tochter hat morgen ihren ersten Schultag."
"""A sentence of which one model alone leaves a word out."""


def test_whose_other_direction_is_in_the_package(tmp_path: Path) -> None:
    back = RunDirectory.find("de-en").reverse()
    assert back is not None and back.path == RunDirectory.find("en-de").path
    shutil.copytree(RunDirectory.find("de-en").path, tmp_path / "de-en")
    assert RunDirectory(tmp_path / "de-en").reverse() is None
    assert RunDirectory(tmp_path / "nowhere").reverse() is None


@pytest.fixture(scope="module")
def both() -> Translator:
    return Translator.load("de-en")


def test_the_models_of_the_package_judge_each_other(both: Translator, german: list[str]) -> None:
    alone = Translator.load("de-en", reverse=None)
    texts = [*german[:6], "Ich habe <b>gestern</b> bei https://example.org 1.234,56 € bezahlt."]
    found = [translations[0] for translations in both.translate_batch(texts)]
    assert [t.text for t in found] == [both.translate(text) for text in texts]
    assert "€1,234.56" in found[-1].text and "https://example.org" in found[-1].text
    plain = [translations[0] for translations in alone.translate_batch(texts)]
    assert all(f.score <= p.score for f, p in zip(found, plain, strict=True))
    assert both.translate(OMITTED) != alone.translate(OMITTED)
    again = pickle.loads(pickle.dumps(both))
    assert again.translate(texts[0]) == found[0].text
    assert [t[0].text for t in both.translate_batch(texts, workers=2)] == [t.text for t in found]


def test_two_translators_judge_each_other_without_a_second_copy(both: Translator) -> None:
    there, back = (Translator.load(name, reverse=None) for name in ("de-en", "en-de"))
    there.judge_by(back, 0.4)
    back.judge_by(there)
    assert there.translate(OMITTED) == both.translate(OMITTED)
    assert pickle.loads(pickle.dumps(there)).translate(OMITTED) == both.translate(OMITTED)
    judge = there.engine.reverse._engine  # type: ignore[attr-defined]
    assert judge.model is back.engine.model and judge.reverse is None  # type: ignore[attr-defined]
    with pytest.raises(UserError, match=r"goes from en to de; .*de-en goes from de to en"):
        there.judge_by(both)
    with pytest.raises(UserError, match="reverse_weight must be"):
        there.judge_by(back, -1.0)


def test_what_cannot_judge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"goes from en to de; .*de-en goes from de to en"):
        Translator.load("de-en", reverse="de-en")
    for none in (None, "auto"):  # of the tests' own model there is no other direction
        with pytest.raises(UserError, match="needs reverse"):
            Translator.load(reverse=none, reverse_weight=0.3)
    for weight in (-1, 11, float("nan"), "much", True):
        with pytest.raises(UserError, match="reverse_weight must be"):
            Translator.load("de-en", reverse="en-de", reverse_weight=weight)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sample", "--reverse", "en-de"], "--sample takes no --reverse"),
        (["--reverse-weight", "11"], "--reverse-weight"),
        (["--reverse-weight", "0.2"], "reverse_weight needs reverse"),
        (["--reverse", "none", "--reverse-weight", "0.2"], "reverse_weight needs reverse"),
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
    assert translate_main([*arguments, "--reverse", "none", "--resume-output"]) == 1
    assert "reverse" in capsys.readouterr().err
    assert translate_main([*arguments, "--resume-output"]) == 0  # as usual: by en-de
    assert output.read_text().count("\n") == 3


def _interrupted(self: Translator, lines: Any, **_: Any) -> Any:
    next(iter(lines))
    yield [Translation("Good morning!", -0.1, 1.0)]
    raise UserError("stopped")
