"""Alignment by cross-attention, and what it is for: tags in their places."""

from pathlib import Path

import pytest
import torch

import transformer
from transformer import Translator
from transformer.inference.alignment import LONGEST, align, cross_attention
from transformer.inference.torch_engine import TorchEngine
from transformer.inspection.attending import recording

QUICKSTART = Path(__file__).parents[1] / "quickstart"


@pytest.fixture(scope="module")
def translator() -> Translator:
    return Translator.load(QUICKSTART)


def test_the_weights_are_those_of_the_pass(translator: Translator) -> None:
    model = translator.model
    src = torch.tensor([[5, 6, 7, 8, 3], [9, 5, 3, model.pad_id, model.pad_id]])
    tgt_in = torch.tensor([[2, 7, 8, 9], [2, 8, 5, 6]])
    with torch.inference_mode(), recording(model) as seen:
        model(src, tgt_in)
    expected = [weights for place, weights in seen.items() if place.kind == "cross"]
    torch.testing.assert_close(cross_attention(model, src, tgt_in), torch.stack(expected))


def test_words_look_at_words(translator: Translator) -> None:
    assert isinstance(translator.engine, TorchEngine)
    text = "Der Hund schläft, und die Katze schläft auch."
    said = translator.translate(text)
    found = align(translator.engine.model, translator.tokenizer, text, said)
    assert found is not None
    assert [text[a:b] for a, b in found.source] == [
        *("Der", "Hund", "schläft", ",", "und", "die", "Katze", "schläft", "auch", ".")
    ]
    assert "".join(said[a:b] for a, b in found.target) == said.replace(" ", "")
    assert all(sum(row) == pytest.approx(1, abs=1e-4) for row in found.weights)
    words = [said[a:b] for a, b in found.target]
    for german, english in (("Hund", "dog"), ("Katze", "cat")):
        row = found.weights[words.index(english)]
        assert text[slice(*found.source[row.index(max(row))])] == german


def test_what_cannot_be_aligned(translator: Translator) -> None:
    assert isinstance(translator.engine, TorchEngine)
    model, tokenizer = translator.engine.model, translator.tokenizer
    for text, said in (("", "x"), ("x", ""), ("x " * LONGEST, "x")):
        assert align(model, tokenizer, text, said) is None


@pytest.fixture(scope="module")
def shipped() -> Translator:
    """Whose vocabulary has all the signs of tags."""
    return Translator.load(Path(transformer.__file__).parent / "pretrained" / "de-en")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_text_is_translated_as_if_it_had_no_tags(shipped: Translator, workers: int) -> None:
    text = "Der <b>Hund</b> schläft, und die <i>Katze</i> <a href='x'>schläft auch</a>."
    [[found]] = shipped.translate_batch([text], workers=workers)
    said = shipped.translate("Der Hund schläft, und die Katze schläft auch.")
    bare = found.text
    for tag in ("<b>", "</b>", "<i>", "</i>", "<a href='x'>", "</a>"):
        assert found.text.count(tag) == 1
        bare = bare.replace(tag, "")
    assert bare == said
    assert "<b>dog</b>" in found.text and "<i>cat</i>" in found.text
    assert not found.warnings


def test_without_attention_the_pieces_between_tags_are_translated(
    shipped: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Der <b>Hund</b> schläft."
    assert "<b>dog</b>" in shipped.translate(text)
    monkeypatch.setattr("transformer.inference.alignment.align", lambda *_: None)
    found = shipped.translate(text)
    assert "<b>" in found and "</b>" in found
