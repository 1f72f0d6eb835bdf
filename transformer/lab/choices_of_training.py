"""Each choice of the paper about training and search, beside what they are seen to do."""

import math
from collections.abc import Iterator, Mapping

from ..config import Config
from ..model.encoder_decoder import Transformer
from ..training.translation import TranslationTask
from . import recipe
from .choices import CODE, Finding, Row, findings

WARMUP = 4000
STEPS = (1, WARMUP // 2, WARMUP, WARMUP + 1, 4 * WARMUP, 100_000)
"""Updates whose learning rate is compared with the paper's."""

WAITS = "when no other can win"


def of_training(task: TranslationTask, model: Transformer) -> list[Finding]:
    """What the optimiser, the loss and the average of checkpoints do."""
    rows = [*_of_updates(task.config), *_of_loss(task, model), _of_average(task.config)]
    return findings("training", rows)


def _of_updates(config: Config) -> Iterator[Row]:
    adam = recipe.optimiser(config)
    wanted = ((adam.beta1, 0.9), (adam.beta2, 0.98), (adam.eps, 1e-9))
    agrees = all(math.isclose(*pair, rel_tol=1e-6) for pair in wanted)
    found = f"β₁ {adam.beta1:.4g}, β₂ {adam.beta2:.4g}, ε {adam.eps:.1g}"
    yield "§5.3", "Adam", "β₁ 0.9, β₂ 0.98, ε 1e-09", found, agrees

    decays = abs(adam.weight_decay) > 1e-9
    found = f"{adam.weight_decay:.3g}" if decays else "none"
    yield "§5.3", "weight decay", "none", found, not decays
    found = "none" if adam.clip_norm is None else f"to a norm of {adam.clip_norm:.4g}"
    yield "§5.3", "gradient clipping", "none", found, adam.clip_norm is None

    rates = [recipe.one_update(config, step=step, gradient=1.0).lr for step in STEPS]
    d_model = config.model.d_model
    formula = [d_model**-0.5 * min(step**-0.5, step * WARMUP**-1.5) for step in STEPS]
    agrees = all(map(math.isclose, rates, formula))
    found = ", ".join(f"{rates[i]:.1e} at {STEPS[i]:,}" for i in (0, 2, -1))
    paper = f"d_model^-½ · min(n^-½, n · {WARMUP}^-1.5)"
    yield "§5.3", "learning rate", paper, found, agrees


def _of_loss(task: TranslationTask, model: Transformer) -> Iterator[Row]:
    target = recipe.target_distribution(task, model, task.config.training.max_steps)
    epsilon, (least, most) = 1 - target.true, target.others
    found = f"{epsilon:.2g}" if epsilon > 1e-4 else "none"
    if most > 1.1 * least > 0:
        found += f", in shares of {least:.1g} to {most:.1g}"
    # Szegedy et al. 2016 give the true token its share as well.
    agrees = -1e-5 < 0.1 - epsilon < 0.1 / model.vocab_size + 1e-5 and most < 1.1 * least
    yield "§5.4", "label smoothing", "0.1, the same for all others", found, agrees
    if epsilon > 1e-4:
        share = target.padding / least
        found = "the same" if share > 0.9 else f"{share:.0%} of that" if share > 0.01 else "none"
        yield CODE, "smoothing on padding", "as on the others", found, share > 0.9
    found = f"{target.passes:g}"
    yield "§5.4", "passes per update", "1", found, target.passes == 1


def _of_average(config: Config) -> Row:
    n, is_big = config.training.average_checkpoints, config.model.d_model == 1024
    wanted = 20 if is_big else 5
    found = f"the last {n}" if n > 1 else "no average"
    is_mean = recipe.average_of_two() == 2.5
    found += "" if is_mean or n < 2 else ", not their mean"
    agrees = n == wanted and is_mean
    return "§6.1", "checkpoints averaged", f"the last {wanted}", found, agrees


def of_search(config: Config) -> list[Finding]:
    """What the search does."""
    search = recipe.search(config.decoding)
    compared = [
        ("§6.1", "beam", "4", f"{search.beam_size}"),
        ("§6.1", "length penalty", "((5 + n) / 6)^0.6", _describe_penalty(search.divisors)),
        ("§6.1", "longest output", "source + 50", f"source + {search.extra_tokens}"),
        ("§6.1", "search ends", WAITS, WAITS if search.waits else "earlier"),
        ("§6.1", "pruning", "none", "hypotheses given up" if search.gives_up else "none"),
        (CODE, "repetition", "allowed", "allowed" if search.repeats else "barred"),
    ]
    rows = [(*row, row[-2] == row[-1]) for row in compared]
    return findings("search", rows)


def _describe_penalty(divisors: Mapping[int, float]) -> str:
    """The formula that gives these divisors of the log-probability by length."""
    if all(divisor == 1 for divisor in divisors.values()):
        return "none"
    for base, text in ((lambda n: (5 + n) / 6, "((5 + n) / 6)"), (float, "n")):
        exponents = [math.log(divisor) / math.log(base(n)) for n, divisor in divisors.items()]
        if math.isclose(min(exponents), max(exponents), rel_tol=1e-4):
            return f"{text}^{exponents[0]:.4g}"
    return "another formula"
