"""A neural network that learns by backpropagation, in numpy and nothing else.

    network = Network([64, 32, 10], CrossEntropyCost(), np.random.default_rng(1))
    network.train(x, y, epochs=30, batch_size=10, learning_rate=0.5, rng=np.random.default_rng(2))
    network.evaluate(x_test, y_test)

Every column is one example, so that the code reads as the formulas do: x is (n_inputs, batch) and
y, with a 1 for the right class, (n_outputs, batch). PyTorch and the rest of this package lay their
examples in rows.

The formulas are those of chapter 2 of Nielsen, "Neural Networks and Deep Learning", 2015;
backpropagation is from Rumelhart, Hinton and Williams 1986.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def sigmoid(z: Array) -> Array:
    """σ(z) = 1 / (1 + e⁻ᶻ), any shape. As a tanh it does not overflow."""
    return (1 + np.tanh(z / 2)) / 2


def sigmoid_slope(a: Array) -> Array:
    """σ′(z) = σ(z) (1 − σ(z)), from a = σ(z), any shape."""
    return a * (1 - a)


class Cost(Protocol):
    """How wrong the outputs are, as a mean over the batch."""

    def value(self, a: Array, y: Array) -> float:
        """C, of outputs a and targets y, both (n_outputs, batch)."""

    def delta(self, a: Array, y: Array) -> Array:
        """δᴸ = ∂C/∂zᴸ of every example: where backprop begins. (n_outputs, batch)."""


class QuadraticCost:
    """C = ½ ‖a − y‖². An output that is surely wrong learns slowly: there σ′(z) is almost 0."""

    def value(self, a: Array, y: Array) -> float:
        """C, of outputs a and targets y, both (n_outputs, batch)."""
        return float(np.sum((a - y) ** 2) / 2 / y.shape[1])

    def delta(self, a: Array, y: Array) -> Array:
        """δᴸ = (a − y) ⊙ σ′(zᴸ), (n_outputs, batch)."""
        return (a - y) * sigmoid_slope(a)


class CrossEntropyCost:
    """C = −Σ (y ln a + (1 − y) ln(1 − a)). Its σ′(z) cancels: the more wrong, the faster."""

    def value(self, a: Array, y: Array) -> float:
        """C, of outputs a and targets y, both (n_outputs, batch)."""
        tiny = np.finfo(np.float64).tiny  # a may have been rounded to 0 or 1
        right = y * np.log(np.maximum(a, tiny)) + (1 - y) * np.log(np.maximum(1 - a, tiny))
        return float(-np.sum(right) / y.shape[1])

    def delta(self, a: Array, y: Array) -> Array:
        """δᴸ = a − y, (n_outputs, batch)."""
        return a - y


class Network:
    """Layers of sigmoid neurons, each joined to all neurons of the layer before.

    Args:
        sizes: neurons of every layer, those of the input first.
        cost: what training makes small.
        rng: draws the first weights, with deviation 1 / √n_in, so that no neuron begins saturated.
    """

    def __init__(self, sizes: Sequence[int], cost: Cost, rng: np.random.Generator) -> None:
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(
                f"sizes must hold at least an input and an output, and a neuron in each; "
                f"found {sizes!r}"
            )
        self.cost = cost
        pairs = list(pairwise(sizes))
        # (n_out, n_in) and (n_out, 1) of each layer but the input.
        self.weights: list[Array] = [
            rng.normal(0, n_in**-0.5, (n_out, n_in)) for n_in, n_out in pairs
        ]
        self.biases: list[Array] = [np.zeros((n_out, 1)) for _, n_out in pairs]

    def feed_forward(self, x: Array) -> Array:
        """The outputs: (n_inputs, batch) → (n_outputs, batch)."""
        a = x
        for weight, bias in zip(self.weights, self.biases, strict=True):
            a = sigmoid(weight @ a + bias)  # (n_in, batch) → (n_out, batch)
        return a

    def backprop(self, x: Array, y: Array) -> tuple[list[Array], list[Array]]:
        """The gradients of the cost, as a mean over the batch.

        Args:
            x: (n_inputs, batch).
            y: (n_outputs, batch).

        Returns:
            ∂C/∂W and ∂C/∂b of every layer, with the shapes of `weights` and `biases`.
        """
        # Forward: a⁰ = x, and aˡ = σ(zˡ) with zˡ = Wˡ aˡ⁻¹ + bˡ; (neurons of layer l, batch).
        activations = [x]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            activations.append(sigmoid(weight @ activations[-1] + bias))

        # Backward: δˡ = ∂C/∂zˡ, what each neuron is to blame for; (neurons of layer l, batch).
        deltas = [self.cost.delta(activations[-1], y)]  # δᴸ of the last layer
        for weight, a in zip(reversed(self.weights[1:]), reversed(activations[1:-1]), strict=True):
            deltas.insert(0, weight.T @ deltas[0] * sigmoid_slope(a))  # δˡ = (Wˡ⁺¹)ᵀ δˡ⁺¹ ⊙ σ′(zˡ)

        # ∂C/∂Wˡ = δˡ (aˡ⁻¹)ᵀ; (n_out, batch) @ (batch, n_in) → (n_out, n_in) sums over the batch.
        batch = x.shape[1]
        of_weights = [d @ a.T / batch for d, a in zip(deltas, activations[:-1], strict=True)]
        # ∂C/∂bˡ = δˡ; (n_out, batch) → (n_out, 1).
        of_biases = [d.sum(axis=1, keepdims=True) / batch for d in deltas]
        return of_weights, of_biases

    def update_mini_batch(self, x: Array, y: Array, learning_rate: float) -> None:
        """One step of gradient descent: W ← W − η ∂C/∂W and b ← b − η ∂C/∂b."""
        of_weights, of_biases = self.backprop(x, y)
        for weight, gradient in zip(self.weights, of_weights, strict=True):
            weight -= learning_rate * gradient
        for bias, gradient in zip(self.biases, of_biases, strict=True):
            bias -= learning_rate * gradient

    def train(
        self,
        x: Array,
        y: Array,
        *,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        rng: np.random.Generator,
        after_epoch: Callable[[int], None] = lambda epoch: None,
    ) -> None:
        """Stochastic gradient descent: every epoch all examples, in another order.

        Args:
            x: (n_inputs, n_examples).
            y: (n_outputs, n_examples).
            epochs: how often each example is seen.
            batch_size: examples per step; the last step of an epoch may have fewer.
            learning_rate: η.
            rng: draws the order.
            after_epoch: called with 1, 2, ….
        """
        n_examples = x.shape[1]
        for epoch in range(1, epochs + 1):
            order = rng.permutation(n_examples)
            for start in range(0, n_examples, batch_size):
                chosen = order[start : start + batch_size]
                self.update_mini_batch(x[:, chosen], y[:, chosen], learning_rate)
            after_epoch(epoch)

    def evaluate(self, x: Array, y: Array) -> float:
        """The share of examples whose strongest output is the right one."""
        return float(np.mean(self.feed_forward(x).argmax(axis=0) == y.argmax(axis=0)))
