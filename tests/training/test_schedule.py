import math
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer.training.schedule import learning_rate

Decay = Literal["inverse_sqrt", "linear", "cosine"]
DECAYS: tuple[Decay, ...] = ("inverse_sqrt", "linear", "cosine")
TO_ZERO: tuple[Decay, ...] = ("linear", "cosine")

WARMUP, MAX_STEPS = 4000, 20_000
PEAK = 512**-0.5 * WARMUP**-0.5  # 0.0007


def rate(step: int, decay: Decay = "inverse_sqrt", scale: float = 1.0) -> float:
    """The learning rate of the paper's base model."""
    return learning_rate(
        step, d_model=512, warmup_steps=WARMUP, decay=decay, max_steps=MAX_STEPS, scale=scale
    )


@pytest.mark.parametrize("step", [1, 2, 3999, 4000, 4001, 16_000, 100_000])
def test_equation_3(step: int) -> None:
    expected = 512**-0.5 * min(step**-0.5, step * 4000**-1.5)
    assert rate(step) == pytest.approx(expected, rel=1e-12)


def test_known_values() -> None:
    assert rate(1) == pytest.approx(1.747e-7, rel=1e-3)
    assert rate(WARMUP) == pytest.approx(6.988e-4, rel=1e-3)
    assert rate(4 * WARMUP) == pytest.approx(rate(WARMUP) / 2)


@pytest.mark.parametrize("decay", DECAYS)
def test_warm_up_is_a_straight_line_to_the_peak(decay: Decay) -> None:
    for step in (1, 1000, 2000, WARMUP):
        assert rate(step, decay) == pytest.approx(PEAK * step / WARMUP)


@pytest.mark.parametrize("decay", DECAYS)
def test_there_is_no_jump_after_the_peak(decay: Decay) -> None:
    assert 0 < PEAK - rate(WARMUP + 1, decay) < PEAK / 1000


@pytest.mark.parametrize("decay", TO_ZERO)
def test_linear_and_cosine_end_at_zero_and_stay_there(decay: Decay) -> None:
    assert rate(MAX_STEPS - 1, decay) > 0
    assert rate(MAX_STEPS, decay) == 0
    assert rate(MAX_STEPS + 1000, decay) == 0


@pytest.mark.parametrize(
    ("share", "linear", "cosine"),
    [(0.25, 0.75, (2 + math.sqrt(2)) / 4), (0.5, 0.5, 0.5), (0.75, 0.25, (2 - math.sqrt(2)) / 4)],
)
def test_the_shapes_of_the_descent(share: float, linear: float, cosine: float) -> None:
    step = WARMUP + round(share * (MAX_STEPS - WARMUP))
    assert rate(step, "linear") == pytest.approx(PEAK * linear)
    assert rate(step, "cosine") == pytest.approx(PEAK * cosine)


@given(
    warmup=st.integers(1, 30),
    more=st.integers(1, 30),
    d_model=st.sampled_from([64, 512]),
    decay=st.sampled_from(DECAYS),
)
def test_it_rises_to_the_peak_and_falls_from_there(
    warmup: int, more: int, d_model: int, decay: Decay
) -> None:
    last = warmup + more
    rates = [
        learning_rate(step, d_model=d_model, warmup_steps=warmup, decay=decay, max_steps=last)
        for step in range(1, last + 1)
    ]
    assert all(a < b for a, b in pairwise(rates[:warmup]))
    assert all(a > b for a, b in pairwise(rates[warmup - 1 :]))
    assert max(rates) == pytest.approx((d_model * warmup) ** -0.5)


@pytest.mark.parametrize("decay", DECAYS)
def test_scale_multiplies_everything(decay: Decay) -> None:
    for step in (1, WARMUP, 10_000):
        assert rate(step, decay, scale=2.5) == pytest.approx(2.5 * rate(step, decay))


def test_a_wider_model_learns_more_slowly() -> None:
    base = learning_rate(10, d_model=256, warmup_steps=100)
    assert learning_rate(10, d_model=1024, warmup_steps=100) == pytest.approx(base / 2)


@pytest.mark.parametrize("step", [0, -1])
def test_steps_are_counted_from_one(step: int) -> None:
    with pytest.raises(ValueError, match=rf"^steps are counted from 1; found step {step}$"):
        rate(step)


@pytest.mark.parametrize("decay", TO_ZERO)
@pytest.mark.parametrize("max_steps", [None, 50, 100])
def test_a_decay_to_zero_needs_an_end_after_the_peak(decay: Decay, max_steps: int | None) -> None:
    message = rf"^decay '{decay}' needs max_steps above warmup_steps; found {max_steps}$"
    with pytest.raises(ValueError, match=message):
        learning_rate(101, d_model=64, warmup_steps=100, decay=decay, max_steps=max_steps)


def test_the_papers_decay_needs_no_end() -> None:
    assert learning_rate(400, d_model=1, warmup_steps=100) == pytest.approx(1 / 20)


@pytest.mark.parametrize("decay", TO_ZERO)
def test_a_given_peak_and_end(decay: Decay) -> None:
    def given_rate(step: int) -> float:
        return learning_rate(
            step,
            d_model=512,
            warmup_steps=100,
            peak=1e-3,
            decay=decay,
            max_steps=1000,
            final_share=0.1,
        )

    assert given_rate(50) == pytest.approx(5e-4)
    assert given_rate(100) == pytest.approx(1e-3)
    assert given_rate(550) == pytest.approx(5.5e-4)  # half way from 1 to 0.1
    assert given_rate(1000) == given_rate(2000) == pytest.approx(1e-4)
