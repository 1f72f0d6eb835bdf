"""Causes, on a model built by hand: head 1 of its encoder finds the noun of the pronoun's gender.

German has a person, a filler, a thing and a pronoun, such as "Mann aus Pizza sie"; English is
"because it" or "because he". The decoder copies what the pronoun has found. Nothing else happens.
"""

import pytest
import torch
from torch import Tensor

from transformer.config import ModelConfig
from transformer.inspection.attending import Kind
from transformer.model.encoder_decoder import Transformer
from transformer.model.layers import DecoderLayer, EncoderLayer
from transformer.pronouns.causes import (
    Mean,
    Noun,
    cut,
    cut_by_head,
    effect_of_cut,
    patch_by_head,
)
from transformer.pronouns.contrast import Contrast, Located

FEATURES = [
    "person",
    "thing",
    "m",
    "f",
    "pronoun",
    "er",
    "sie",
    "because",
    "means_thing",
    "means_person",
    "it",
    "he",
    "other",
]
WORDS = {
    "<pad>": "",
    "<s>": "other",
    "</s>": "other",
    "Mann": "person m",
    "Frau": "person f",
    "Pizza": "thing f",
    "Kuchen": "thing m",
    "er": "pronoun er",
    "sie": "pronoun sie",
    "aus": "other",
    "because": "because",
    "it": "it",
    "he": "he",
}
IDS = {word: i for i, word in enumerate(WORDS)}
SENTENCES = [
    # source, right, wrong, the antecedent's place, with another antecedent
    ("Mann aus Pizza sie", "it", "he", 2, "Mann aus Kuchen sie"),
    ("Mann aus Pizza er", "he", "it", 0, "Frau aus Pizza er"),
    ("Frau aus Kuchen er", "it", "he", 2, "Frau aus Pizza er"),
    ("Frau aus Kuchen sie", "he", "it", 0, "Mann aus Kuchen sie"),  # "he" stands for persons
]
D_MODEL = 16


def place(*names: str) -> list[int]:
    return [FEATURES.index(name) for name in names]


@pytest.fixture(scope="module")
@torch.no_grad()
def model() -> Transformer:
    config = ModelConfig(
        d_model=D_MODEL,
        d_ff=4,
        n_heads=2,
        n_encoder_layers=1,
        n_decoder_layers=1,
        dropout=0.0,
        norm_first=True,
    )
    model = Transformer(config, vocab_size=len(WORDS), pad_id=0).eval()
    for name, weight in model.named_parameters():
        weight.fill_(1.0 if name.endswith("norm.weight") else 0.0)
    for word, features in WORDS.items():
        model.tgt_embedding.weight[IDS[word], place(*features.split())] = 25.0
    encoder, decoder = model.encoder.layers[0], model.decoder.layers[0]
    assert isinstance(encoder, EncoderLayer) and isinstance(decoder, DecoderLayer)
    # Head 1: "er" looks for what is masculine, "sie" for what is feminine, and takes what it is.
    finds = encoder.self_attention
    finds.query.weight[[0, 1], place("er", "sie")] = 6.0
    finds.key.weight[[0, 1], place("m", "f")] = 6.0
    finds.value.weight[[0, 1], place("thing", "person")] = 10.0
    finds.output.weight[place("means_thing", "means_person"), [0, 1]] = 10.0
    # Head 1: "because" looks for the pronoun, and says what it has found.
    says = decoder.cross_attention
    says.query.weight[0, place("because")] = 6.0
    says.key.weight[0, place("pronoun")] = 6.0
    says.value.weight[[0, 1], place("means_thing", "means_person")] = 5.0
    says.output.weight[place("it", "he"), [0, 1]] = 10.0
    return model


def contrast(model: Transformer, *, exchanged: bool = False) -> Contrast:
    sources, targets = [], []
    columns: list[list[list[int]]] = [[], []]
    for german, right, wrong, antecedent, other in SENTENCES:
        words = (other if exchanged else german).split()
        ids = [*map(IDS.__getitem__, words), IDS["</s>"]]
        sources.append(Located(ids, [3], [antecedent], [2 - antecedent], [[1]]))
        for column, pronoun in zip(columns, (right, wrong), strict=True):
            column.append([IDS["<s>"], IDS["because"], IDS[pronoun], IDS["</s>"]])
        targets.append(Located(columns[0][-1][1:], [1], [0], [0], [[0]]))
    return Contrast(
        model,
        torch.tensor([source.ids for source in sources]),
        tuple(torch.tensor(column) for column in columns),
        tuple(sources),
        tuple(targets),
    )


@pytest.fixture(scope="module")
def sentences(model: Transformer) -> Contrast:
    return contrast(model)


@pytest.fixture(scope="module")
def before(sentences: Contrast) -> Tensor:
    return sentences.margins()


def test_the_model_knows_what_the_pronoun_means(before: Tensor) -> None:
    assert before.min() > 10


def test_without_the_right_edge_it_does_not_know(sentences: Contrast, before: Tensor) -> None:
    left = sentences.margins(cut(sentences, "encoder", "antecedent"))
    assert left.max() < 1 < before.min()


@pytest.mark.parametrize("noun", ["other", "random"])
def test_other_edges_do_not_matter(sentences: Contrast, before: Tensor, noun: Noun) -> None:
    effect = effect_of_cut(sentences, before, "encoder", noun)
    assert abs(effect.value) < 0.01 * before.mean()


@pytest.mark.parametrize("kind", ["cross", "decoder"])
def test_the_decoder_looks_at_the_pronoun_and_not_at_the_noun(
    sentences: Contrast, before: Tensor, kind: Kind
) -> None:
    effect = effect_of_cut(sentences, before, kind, "antecedent")
    assert abs(effect.value) < 0.01 * before.mean()


def test_one_head_must_do_it(sentences: Contrast, before: Tensor) -> None:
    effects = cut_by_head(sentences, before, "encoder")
    assert effects.shape == (1, 2)
    assert effects[0, 0] < -0.9 * before.mean()
    assert effects[0, 1] == 0


def test_a_patch_of_that_head_brings_the_other_meaning(
    model: Transformer, sentences: Contrast, before: Tensor
) -> None:
    other = contrast(model, exchanged=True)
    effects = patch_by_head(sentences, other, before, "encoder")
    assert effects[0, 0] < -0.5 * before.mean()
    assert effects[0, 1] == 0
    # In the decoder it is the head that reads the pronoun; the other one has nothing to say.
    of_cross = patch_by_head(sentences, other, before, "cross")
    assert of_cross[0, 0] < -0.5 * before.mean()
    assert of_cross[0, 1] == 0
    assert patch_by_head(sentences, other, before, "decoder").abs().max() == 0


def test_a_patch_of_itself_changes_nothing(sentences: Contrast, before: Tensor) -> None:
    assert patch_by_head(sentences, sentences, before, "encoder").abs().max() == 0


def test_a_mean_and_its_interval() -> None:
    mean = Mean.of(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert mean.value == 2.5
    assert mean.interval == pytest.approx(1.96 * 1.2909944 / 2)
    assert Mean.of(torch.tensor([1.0])).interval == float("inf")
