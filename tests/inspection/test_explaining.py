"""Explanations: their numbers are those of the pass that they are about."""

import json
import math
import re
from itertools import pairwise

import pytest
import torch
from torch import nn

from transformer.config import GPTConfig, ModelConfig
from transformer.data.characters import CharacterTokenizer
from transformer.errors import UserError
from transformer.inference.generator import Generator
from transformer.inference.translator import Translator
from transformer.inspection.explaining import explain_translation
from transformer.inspection.explanation import Explanation
from transformer.inspection.rollout import decoder_rollout, encoder_rollout
from transformer.model.encoder_decoder import Transformer
from transformer.model.gpt import GPT

GERMAN = "Der Mann las das Buch, weil es spannend war."


@pytest.fixture(scope="module")
def translator() -> Translator:
    return Translator.load()


@pytest.fixture(scope="module")
def explanation(translator: Translator) -> Explanation:
    return translator.explain(GERMAN)


@pytest.fixture(scope="module")
def generator() -> Generator:
    torch.manual_seed(1)
    tokenizer = CharacterTokenizer.train(["To be, or not to be: that is the question.\n"])
    sizes = {"d_model": 16, "d_ff": 32, "n_heads": 2, "n_decoder_layers": 3, "dropout": 0.0}
    gpt = GPT(GPTConfig(**sizes, context=32), vocab_size=tokenizer.vocab_size)
    for weight in gpt.parameters():
        if weight.dim() == 2:
            nn.init.normal_(weight, std=0.3)
    return Generator(gpt, tokenizer)


def test_rows_are_shares(explanation: Explanation) -> None:
    for view in explanation.views:
        if view in ("saliency", "rollout", "decoder-rollout"):
            continue
        for words in (True, False):
            found = explanation.map(view, words=words)
            assert found.values.shape == (len(found.rows), len(found.columns))
            torch.testing.assert_close(found.values.sum(-1), torch.ones(len(found.rows)))
    of_source, of_target = explanation.rollout, explanation.decoder_rollout
    assert of_source is not None
    whole = of_source.sum(-1) + of_target.sum(-1)
    torch.testing.assert_close(whole, torch.ones(len(explanation.target.pieces)))


def test_it_is_about_the_translation_that_is_found(
    translator: Translator, explanation: Explanation
) -> None:
    assert explanation.source is not None
    assert (
        " ".join(explanation.source.words) == "Der Mann las das Buch , weil es spannend war . </s>"
    )
    ids = [translator.tokenizer.encode(translator.translate(GERMAN))]
    assert explanation.target.pieces == (*translator.tokenizer.pieces(ids[0]), "</s>")


def test_log_probabilities_are_those_of_score(translator: Translator) -> None:
    english = "The man read the book because it was exciting."
    scored = translator.score(GERMAN, english)
    explained = translator.explain(GERMAN, english)
    assert explained.target.pieces == scored.pieces
    assert explained.log_probs == pytest.approx(scored.log_probs, abs=1e-3)


def test_precision_of_the_translator_does_not_matter(explanation: Explanation) -> None:
    quantised = Translator.load(precision="int8")
    target = "".join(explanation.target.pieces[:-1]).replace("▁", " ").strip()
    again = quantised.explain(GERMAN, target)
    torch.testing.assert_close(again.cross, explanation.cross)


def test_the_decoder_sees_nothing_later(explanation: Explanation) -> None:
    assert explanation.decoder.triu(1).abs().max() == 0
    assert explanation.map("decoder-rollout", words=False).values.triu(1).abs().max() == 0


def test_gradient_times_input_is_the_slope_when_a_word_grows() -> None:
    torch.manual_seed(1)
    sizes = {"d_model": 16, "d_ff": 24, "n_heads": 2, "dropout": 0.0, "tie": "none"}
    config = ModelConfig(**sizes, n_encoder_layers=2, n_decoder_layers=1)
    model = Transformer(config, vocab_size=12, pad_id=0).eval().double()
    for weight in model.parameters():
        if weight.dim() == 2:
            nn.init.normal_(weight, std=0.4)
    source, target = [5, 7, 4, 2], [3, 6, 2]

    def explained() -> Explanation:
        names = [str(i) for i in source], [str(i) for i in target]
        return explain_translation(model, source, target, names, begin=(1, "<s>"))

    saliency = explained().saliency
    step = 1e-5
    for i, token in enumerate(source):
        found = []
        for factor in (1 + step, 1 - step):
            with torch.no_grad():
                kept = model.src_embedding.weight[token].clone()
                model.src_embedding.weight[token] *= factor
            found.append(torch.tensor(explained().log_probs, dtype=torch.float64))
            with torch.no_grad():
                model.src_embedding.weight[token] = kept
        slope = (found[0] - found[1]) / (2 * step)
        torch.testing.assert_close(saliency[:, i].double(), slope, rtol=1e-3, atol=1e-4)


def test_what_is_shown_of_it_is_short(explanation: Explanation) -> None:
    assert re.fullmatch(r"<Explanation: \d+ source words, \d+ target words>", repr(explanation))
    assert explanation != object()


def test_layers_and_heads_can_be_chosen(explanation: Explanation) -> None:
    assert explanation.cross is not None
    assert explanation.shape("cross") == explanation.cross.shape[:2]
    one = explanation.map("cross", layer=2, head=3, words=False)
    assert one.title == "attention to the source, layer 2, head 3"
    assert one.values.equal(explanation.cross[1, 2])
    mean = explanation.map("cross", words=False).values
    torch.testing.assert_close(mean, explanation.cross.mean(dim=(0, 1)))


@pytest.mark.parametrize(
    ("view", "how", "message"),
    [
        ("cross", {"layer": 3}, "layer must be between 1 and 2; found 3"),
        ("cross", {"head": 0}, "head must be between 1 and 4; found 0"),
        (
            "cross",
            {"head": True},
            r"between 1 and 4 \(None is the mean of all\); found True",
        ),
        ("rollout", {"layer": 1}, "rollout has no layers and heads; only cross, encoder, decoder"),
        ("memory", {}, "the view must be one of cross, encoder, .*; found 'memory'"),
    ],
)
def test_what_is_not_there_is_named(
    explanation: Explanation, view: str, how: dict[str, int], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        explanation.map(view, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "translation", "message"),
    [
        ("", None, "there is nothing to explain in an empty text"),
        (3, None, "text must be a str"),
        ("Hallo", 3, "translation must be a str"),
        ("und " * 600, None, "at most 512 pieces, .* can be looked into at once; found 601"),
        ("und", "and " * 600, "at most 512 pieces"),
    ],
)
def test_texts_that_cannot_be_explained(
    translator: Translator, text: str, translation: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        translator.explain(text, translation)


def test_json_holds_all_of_it(explanation: Explanation) -> None:
    found = json.loads(json.dumps(explanation.to_dict()))
    assert explanation.cross is not None
    cross = torch.tensor(found["cross"])
    torch.testing.assert_close(cross, explanation.cross, rtol=0, atol=6e-5)
    words = [word["text"] for word in found["source"]["words"]]
    assert words[:3] == ["Der", "Mann", "las"]
    last = found["source"]["words"][-1]
    assert last == {"text": "</s>", "first": len(found["source"]["pieces"]) - 1} | {
        "last": len(found["source"]["pieces"]) - 1
    }


# A language model --------------------------------------------------------------------------------


def test_a_language_model_explains_a_text(generator: Generator) -> None:
    found = generator.explain("that is\nto be")
    assert found.source is None and found.cross is None
    assert found.views == ("decoder", "decoder-rollout", "saliency")
    assert found.map("decoder").rows == ("that", "is", "⏎", "to", "be")
    assert found.map("decoder").columns[:2] == ("⏎", "that")
    torch.testing.assert_close(
        found.map("decoder-rollout").values.sum(-1), torch.ones(len(found.target.words))
    )
    score = generator.score("that is\nto be")
    assert -sum(found.log_probs) == pytest.approx(score.nll, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the text must have at least 2 pieces; found 1"),
        ("to be " * 8, "the text must have at most 33 pieces, .*; found 49"),
    ],
)
def test_texts_that_a_language_model_cannot_explain(
    generator: Generator, text: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        generator.explain(text)


# Rollout -----------------------------------------------------------------------------------------


def test_rollout_of_one_layer_by_hand() -> None:
    attention = torch.tensor([[[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]]])
    expected = torch.tensor([[0.75, 0.25], [0.25, 0.75]])
    torch.testing.assert_close(encoder_rollout(attention), expected)


def test_rollout_without_mixing_stays_where_it_is() -> None:
    alone = torch.eye(4).expand(3, 2, 4, 4)
    torch.testing.assert_close(encoder_rollout(alone), torch.eye(4))
    cross = torch.eye(4).expand(3, 2, 4, 4)
    of_source, of_target = decoder_rollout(alone, cross, torch.eye(4))
    assert of_source is not None
    # Each layer halves what is left of the target.
    torch.testing.assert_close(of_target, torch.eye(4) / 8)
    torch.testing.assert_close(of_source, torch.eye(4) * 7 / 8)


def test_rollout_is_the_product_of_layers() -> None:
    torch.manual_seed(1)
    layers = torch.rand(3, 2, 5, 5).softmax(dim=-1)
    factors = [(layer.mean(0) + torch.eye(5)) / 2 for layer in layers]
    expected = factors[2] @ factors[1] @ factors[0]
    torch.testing.assert_close(encoder_rollout(layers), expected)
    assert all(a.isfinite().all() for a, _ in pairwise(factors))
    assert math.isclose(float(encoder_rollout(layers).sum()), 5, rel_tol=1e-5)
