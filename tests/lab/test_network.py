"""The network of numpy: its gradients are right, and it learns."""

import subprocess
import sys
from itertools import chain

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from transformer.lab.network import (
    Array,
    Cost,
    CrossEntropyCost,
    Network,
    QuadraticCost,
    sigmoid,
    sigmoid_slope,
)

COSTS = [QuadraticCost(), CrossEntropyCost()]
SHAPES = [[3, 2], [4, 5, 3], [6, 5, 4, 3], [1, 1, 1, 1, 1]]

over_costs = pytest.mark.parametrize("cost", COSTS, ids=lambda cost: type(cost).__name__)
over_shapes = pytest.mark.parametrize("sizes", SHAPES, ids=str)


def example(sizes: list[int], cost: Cost, batch: int = 7) -> tuple[Network, Array, Array]:
    """A network with biases, and a batch of random examples of random classes."""
    rng = np.random.default_rng(1)
    network = Network(sizes, cost, rng)
    for bias in network.biases:
        bias += rng.normal(size=bias.shape)
    y = np.eye(sizes[-1])[:, rng.integers(sizes[-1], size=batch)]
    return network, rng.normal(size=(sizes[0], batch)), y


# Gradients ----------------------------------------------------------------------------------------


@over_costs
@over_shapes
def test_backprop_finds_the_gradients_of_autograd(sizes: list[int], cost: Cost) -> None:
    network, x, y = example(sizes, cost)
    weights = [torch.tensor(w, requires_grad=True) for w in network.weights]
    biases = [torch.tensor(b, requires_grad=True) for b in network.biases]
    a = torch.tensor(x)
    for weight, bias in zip(weights, biases, strict=True):
        a = torch.sigmoid(weight @ a + bias)
    if isinstance(cost, QuadraticCost):
        expected = F.mse_loss(a, torch.tensor(y), reduction="sum") / 2 / x.shape[1]
    else:
        expected = F.binary_cross_entropy(a, torch.tensor(y), reduction="sum") / x.shape[1]
    expected.backward()
    np.testing.assert_allclose(network.feed_forward(x), a.detach().numpy())
    assert cost.value(network.feed_forward(x), y) == pytest.approx(expected.item())
    of_weights, of_biases = network.backprop(x, y)
    for found, parameter in zip(of_weights + of_biases, weights + biases, strict=True):
        assert parameter.grad is not None
        np.testing.assert_allclose(found, parameter.grad.numpy(), rtol=1e-9, atol=1e-15)


@over_costs
@over_shapes
def test_backprop_finds_the_slopes_of_the_cost(sizes: list[int], cost: Cost) -> None:
    network, x, y = example(sizes, cost)
    of_weights, of_biases = network.backprop(x, y)
    h = 1e-5
    for parameter, gradient in zip(
        network.weights + network.biases, of_weights + of_biases, strict=True
    ):
        assert gradient.shape == parameter.shape
        for place in np.ndindex(*parameter.shape):
            value, costs = parameter[place], []
            for moved in (value + h, value - h):
                parameter[place] = moved
                costs.append(cost.value(network.feed_forward(x), y))
            parameter[place] = value
            assert gradient[place] == pytest.approx((costs[0] - costs[1]) / (2 * h), abs=1e-8)


@over_costs
def test_the_gradient_of_a_batch_is_the_mean_over_its_examples(cost: Cost) -> None:
    network, x, y = example([4, 5, 3], cost)
    alone = [network.backprop(x[:, i : i + 1], y[:, i : i + 1]) for i in range(x.shape[1])]
    for kind, together in enumerate(network.backprop(x, y)):
        for layer, gradient in enumerate(together):
            mean = np.mean([each[kind][layer] for each in alone], axis=0)
            np.testing.assert_allclose(gradient, mean, rtol=1e-12, atol=1e-15)


# One neuron whose input is 1 and whose target is 1, with all weights 0, answers ½. So a − y is −½,
# times σ′(0) = ¼ for the quadratic cost.
@pytest.mark.parametrize(("cost", "step"), [(QuadraticCost(), 1 / 8), (CrossEntropyCost(), 1 / 2)])
def test_an_update_by_hand(cost: Cost, step: float) -> None:
    network = Network([1, 1], cost, np.random.default_rng(1))
    network.weights[0][:] = 0
    network.update_mini_batch(np.ones((1, 3)), np.ones((1, 3)), learning_rate=2.0)
    assert network.weights[0].item() == network.biases[0].item() == pytest.approx(2 * step)


def test_only_the_quadratic_cost_learns_slowly_from_what_is_surely_wrong() -> None:
    a, y = np.array([[0.999]]), np.array([[0.0]])
    assert QuadraticCost().delta(a, y).item() < 0.001
    assert CrossEntropyCost().delta(a, y).item() == 0.999


# Numbers ------------------------------------------------------------------------------------------


def test_the_sigmoid_and_its_slope() -> None:
    z = np.linspace(-8, 8, 101)
    np.testing.assert_allclose(sigmoid(z), 1 / (1 + np.exp(-z)), rtol=1e-12)
    slope = (sigmoid(z + 1e-6) - sigmoid(z - 1e-6)) / 2e-6
    np.testing.assert_allclose(sigmoid_slope(sigmoid(z)), slope, atol=1e-9)


def test_nothing_overflows_however_sure_a_neuron_is() -> None:
    with np.errstate(all="raise"):
        a = sigmoid(np.array([[-1e4], [1e4]]))
        assert a.tolist() == [[0.0], [1.0]]
        y = np.array([[1.0], [0.0]])
        assert 1000 < CrossEntropyCost().value(a, y) < np.inf
        assert CrossEntropyCost().value(a, a) == 0


def test_the_first_weights_keep_the_sums_small_however_many_inputs_there_are() -> None:
    network = Network([1000, 500, 10], CrossEntropyCost(), np.random.default_rng(1))
    assert [w.shape for w in network.weights] == [(500, 1000), (10, 500)]
    assert [b.shape for b in network.biases] == [(500, 1), (10, 1)]
    z = network.weights[0] @ np.random.default_rng(2).normal(size=(1000, 100))
    assert z.std() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("sizes", [[], [3], [3, 0, 2]])
def test_a_network_without_layers_is_refused(sizes: list[int]) -> None:
    with pytest.raises(
        ValueError, match="at least an input and an output, and a neuron in each; found"
    ):
        Network(sizes, QuadraticCost(), np.random.default_rng(1))


# Training -----------------------------------------------------------------------------------------


def trained(cost: Cost, *, seed: int = 1, epochs: int = 2) -> Network:
    """On random examples, 2 at a time."""
    network, x, y = example([4, 5, 3], cost)
    rng = np.random.default_rng(seed)
    network.train(x, y, epochs=epochs, batch_size=2, learning_rate=0.5, rng=rng)
    return network


@over_costs
def test_the_cost_falls(cost: Cost) -> None:
    before, x, y = example([4, 5, 3], cost)
    after = trained(cost, epochs=50)
    assert cost.value(after.feed_forward(x), y) < 0.7 * cost.value(before.feed_forward(x), y)


def test_same_seed_same_numbers() -> None:
    first, second, other = (trained(CrossEntropyCost(), seed=seed) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first.weights, second.weights, strict=True))
    assert not (first.weights[0] == other.weights[0]).all()


def test_an_epoch_shows_every_example_once_and_each_epoch_in_another_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[list[int]] = []

    def watch(self: Network, x: Array, y: Array, learning_rate: float) -> None:
        assert (y == -x).all()
        seen.append(x[0].astype(int).tolist())

    monkeypatch.setattr(Network, "update_mini_batch", watch)
    network = Network([1, 1], QuadraticCost(), np.random.default_rng(1))
    x, epochs = np.arange(10.0)[None], []
    network.train(
        x,
        -x,
        epochs=2,
        batch_size=4,
        learning_rate=1.0,
        rng=np.random.default_rng(1),
        after_epoch=epochs.append,
    )
    assert [len(batch) for batch in seen] == [4, 4, 2, 4, 4, 2] and epochs == [1, 2]
    first, second = list(chain(*seen[:3])), list(chain(*seen[3:]))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


@over_costs
def test_it_learns_xor_which_no_single_layer_can(cost: Cost) -> None:
    x = np.array([[0.0, 0, 1, 1], [0, 1, 0, 1]])
    y = np.eye(2)[:, [0, 1, 1, 0]]
    network = Network([2, 8, 2], cost, np.random.default_rng(3))
    rng = np.random.default_rng(1)
    network.train(x, y, epochs=2000, batch_size=4, learning_rate=5.0, rng=rng)
    assert network.evaluate(x, y) == 1
    assert abs(network.feed_forward(x) - y).max() < 0.2


def test_evaluate_is_the_share_of_right_answers() -> None:
    network = Network([2, 2], CrossEntropyCost(), np.random.default_rng(1))
    network.weights[0][:] = np.eye(2)  # the larger input wins
    x = np.array([[2.0, 0, 3, 1], [1, 5, 0, 4]])
    assert network.evaluate(x, np.eye(2)[:, [0, 1, 1, 1]]) == 0.75


@pytest.mark.slow
def test_numpy_is_all_it_needs() -> None:
    code = "import sys, transformer.lab.network; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    modules = set(done.stdout.split())
    assert "numpy" in modules and not {"torch", "sklearn", "scipy", "pydantic"} & modules
