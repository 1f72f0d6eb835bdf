import pytest
import torch
from torch.nn import functional as F

from transformer.model.feed_forward import FeedForward


def test_equation_2_by_hand() -> None:
    feed_forward = FeedForward(2, 3)
    feed_forward.load_state_dict(
        {
            "expand.weight": torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
            "expand.bias": torch.tensor([0.0, 1.0, -5.0]),
            "contract.weight": torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 0.0]]),
            "contract.bias": torch.tensor([10.0, 20.0]),
        }
    )
    # x = (4, -3): inside (4, -2, -4), after relu (4, 0, 0), back (4, 0), biases (14, 20).
    # x = (-1, 2): inside (-1, 3, -4), after relu (0, 3, 0), back (6, -3), biases (16, 17).
    x = torch.tensor([[4.0, -3.0], [-1.0, 2.0]])
    assert feed_forward(x).tolist() == [[14.0, 20.0], [16.0, 17.0]]


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
def test_the_activation_stands_between_the_two_layers(activation: str) -> None:
    torch.manual_seed(1)
    feed_forward, x = FeedForward(4, 8, activation=activation), torch.randn(2, 3, 4)
    function = {"relu": F.relu, "gelu": F.gelu, "silu": F.silu}[activation]
    inside = function(x @ feed_forward.expand.weight.T + feed_forward.expand.bias)
    expected = inside @ feed_forward.contract.weight.T + feed_forward.contract.bias
    torch.testing.assert_close(feed_forward(x), expected)


def test_every_position_is_treated_alike_and_alone() -> None:
    torch.manual_seed(1)
    feed_forward, x = FeedForward(4, 8), torch.randn(1, 5, 4)
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(feed_forward(x[:, order]), feed_forward(x)[:, order])


def test_dropout_acts_on_the_inner_layer_and_only_while_training() -> None:
    torch.manual_seed(1)
    feed_forward = FeedForward(64, 64, dropout=0.5)
    for layer in (feed_forward.expand, feed_forward.contract):
        torch.nn.init.eye_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    with torch.no_grad():
        feed_forward.contract.bias.fill_(1.0)  # comes after dropout, so it is always there
    x = torch.ones(4, 64)
    assert feed_forward(x).unique().tolist() == [1.0, 3.0]
    assert feed_forward.eval()(x).unique().tolist() == [2.0]


def test_an_unknown_activation_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"^activation must be one of relu, gelu, gelu_tanh, silu; found 'elu'$"
    ):
        FeedForward(4, 8, activation="elu")
