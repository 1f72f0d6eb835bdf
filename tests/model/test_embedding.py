import math

import pytest
import torch

from transformer.model.embedding import Embedding, sinusoidal_positions
from transformer.model.layout import Padded


def embedding(vocab_size: int, d_model: int, dropout: float = 0.0) -> Embedding:
    torch.manual_seed(1)
    made = Embedding(vocab_size, d_model, dropout=dropout)
    torch.nn.init.normal_(made.weight)
    return made


@pytest.mark.parametrize("d_model", [2, 6, 512])
def test_positions_follow_the_formula(d_model: int) -> None:
    table = sinusoidal_positions(50, d_model)
    assert table.shape == (50, d_model)
    for pos in (0, 1, 7, 49):
        for i in range(d_model // 2):
            angle = pos / 10000 ** (2 * i / d_model)
            assert table[pos, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-5)
            assert table[pos, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-5)


def test_sine_and_cosine_take_turns() -> None:
    first, second = sinusoidal_positions(2, 4)
    assert first.tolist() == [0.0, 1.0, 0.0, 1.0]
    # Not (0.84, 0.01, 0.54, 1.00), the two halves that tensor2tensor and fairseq put side by side.
    assert [round(x, 2) for x in second.tolist()] == [0.84, 0.54, 0.01, 1.00]


@pytest.mark.parametrize("start", [0, 1, 13])
def test_positions_may_start_later(start: int) -> None:
    expected = sinusoidal_positions(20, 8)[start : start + 5]
    torch.testing.assert_close(sinusoidal_positions(5, 8, start=start), expected, rtol=0, atol=0)


def test_what_positions_have_in_common_depends_on_their_distance_alone() -> None:
    # §3.5: PE(pos + k) is a linear function of PE(pos), namely a rotation.
    table = sinusoidal_positions(64, 32)
    similarity = table @ table.T
    for distance in (0, 1, 10):
        diagonal = similarity.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=0, atol=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_tokens_are_scaled_and_positions_are_not(training: bool) -> None:
    made = embedding(10, 16).train(training)
    ids = torch.tensor([[3, 3, 9], [0, 1, 2]])
    expected = 4.0 * made.weight[ids] + sinusoidal_positions(3, 16)
    torch.testing.assert_close(made(ids, Padded(3)), expected)


def test_a_token_further_on_gets_its_own_position() -> None:
    made = embedding(10, 16)
    ids = torch.tensor([[3, 7, 9, 1]])
    torch.testing.assert_close(made(ids[:, 2:], Padded(2, start=2)), made(ids, Padded(4))[:, 2:])


def test_dropout_acts_on_the_sum_and_only_while_training() -> None:
    made = embedding(10, 64, dropout=0.5)
    ids = torch.tensor([[3, 7, 9, 1]])
    dropped = made(ids, Padded(4))
    whole = made.eval()(ids, Padded(4))
    kept = dropped != 0
    assert 0.3 < kept.float().mean().item() < 0.7
    torch.testing.assert_close(dropped[kept], 2 * whole[kept])


def test_the_same_matrix_turns_vectors_into_logits() -> None:
    made = embedding(10, 16)
    x = torch.randn(2, 3, 16)
    logits = made.logits(x)
    assert logits.shape == (2, 3, 10)
    for token in range(10):  # no scale here, no bias
        torch.testing.assert_close(logits[..., token], (x * made.weight[token]).sum(dim=-1))
    assert [name for name, _ in made.named_parameters()] == ["weight"]
