"""Each choice of the paper about the model, beside what the probes find."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import probes
from .subjects import Subject
from .traces import Traces

DROPOUT = "dropout on sublayers"

CODE = "code"
"""In place of a section: the paper does not say so, but its code (tensor2tensor) does."""


@dataclass(frozen=True)
class Finding:
    """One of the paper's choices, and what was found."""

    about: str  # the model, its training, its search
    section: str
    choice: str
    paper: str
    found: str
    agrees: bool


Row = tuple[str, str, str, str, bool]
"""A finding without what it is about."""


def findings(about: str, rows: Iterable[Row]) -> list[Finding]:
    """Rows as findings."""
    return [Finding(about, *row) for row in rows]


@dataclass(frozen=True)
class Size:
    """A number in which the paper's own models differ: a fact, and no choice."""

    name: str
    base: str
    big: str
    here: str


# The model ----------------------------------------------------------------------------------------


def of_model(subject: Subject, *, fresh: bool) -> list[Finding]:
    """What the model shows; with `fresh`, its first weights as well."""
    with torch.no_grad():
        traces = Traces(subject)
        rows = [
            *_of_layers(subject, traces),
            *_of_attention(subject),
            *(_of_masks(subject) if subject.pad_id is not None else ()),
            *_of_feed_forward(subject, traces),
            *(_of_embeddings(subject) if subject.tables else ()),
            *_of_dropout(subject, traces),
            *(_of_first_weights(subject) if fresh else ()),
        ]
    return findings("the model", rows)


def _of_layers(subject: Subject, traces: Traces) -> Iterator[Row]:
    sizes = [{len(la.sublayers) for la in stack} for stack in (subject.encoder, subject.decoder)]
    found = " and ".join("/".join(map(str, sorted(n))) for n in sizes)
    paper = "2 in the encoder, 3 in the decoder"
    yield "§3.1", "sublayers", paper, found, sizes == [{2}, {3}]

    places = [s.norm for s in traces.sums]
    agrees = set(places) == {"after the sum"}
    yield "§3.1", "norm", "LayerNorm(x + Sublayer(x))", counted(places), agrees

    added = [s.adds for s in traces.sums]
    found = "x is added" if all(added) else f"not added, in {added.count(False)} of {len(added)}"
    yield "§3.1", "residual connection", "x + Sublayer(x)", found, all(added)

    n = traces.outer_norms
    yield "fig. 1", "norm after a stack", "none", f"{n} more" if n else "none", n == 0

    errors = [probes.norm_error(norm, subject.d_model) for norm in subject.norms(subject.model)]
    if errors:
        agrees = max(errors) < 3e-4
        paper = "mean 0, mean square 1 (Ba et al. 2016)"
        found = "the same" if agrees else f"off by up to {max(errors):.1g}"
        yield "§3.1", "formula of the norm", paper, found, agrees


def _of_attention(subject: Subject) -> Iterator[Row]:
    d_head, attentions = subject.d_model // subject.n_heads, subject.attentions
    scales = [probes.attention_scale(subject, attention) for attention in attentions]
    said = [f"q · k · {s.factor:.4g}" if s.error < 1e-6 else "not q · k" for s in scales]
    agrees = all(s.error < 1e-6 and math.isclose(s.factor, d_head**-0.5) for s in scales)
    paper = f"q · k / √d_k, that is · {d_head**-0.5:.4g}"
    yield "§3.2.1", "scores", paper, counted(said), agrees

    matrices = [
        sum(p.numel() for p in a.parameters() if p.dim() == 2) / subject.d_model**2
        for a in attentions
    ]
    n_biases = probes.n_biases(attentions)
    found = f"{counted(f'{n:g} matrices' for n in matrices)}, " + (
        f"{n_biases} biases in {len(attentions)} attentions" if n_biases else "no bias"
    )
    agrees = n_biases == 0 and set(matrices) == {4}
    yield "§3.2.2", "projections", "4 matrices, no bias", found, agrees


def _of_masks(subject: Subject) -> Iterator[Row]:
    stacks: list[tuple[str, probes.Sentence]]
    stacks = [("encoder sees", "src"), ("decoder sees of source", "tgt")]
    for choice, on in stacks:
        seen = probes.influence(subject, of="src", on=on)
        found = "all tokens" if seen.all() else f"{float(seen.float().mean()):.0%} of them"
        yield "§3.2.3", choice, "all tokens", found, bool(seen.all())
    seen = probes.influence(subject, of="tgt", on="tgt")
    wanted = torch.ones_like(seen).triu()
    paper = "each token and those before it"
    found = paper if torch.equal(seen, wanted) else _leaks(seen, wanted)
    yield "§3.2.3", "decoder sees of target", paper, found, torch.equal(seen, wanted)
    stacks = [("padding of the source", "src"), ("padding of the target", "tgt")]
    for choice, where in stacks:
        moves = probes.padding_moves(subject, where)
        yield CODE, choice, "hidden", "seen" if moves else "hidden", not moves


def _leaks(seen: Tensor, wanted: Tensor) -> str:
    found = ["later tokens as well"] if (seen & ~wanted).any() else []
    return ", ".join(found + ["not all of the earlier"] * bool((wanted & ~seen).any()))


def _of_feed_forward(subject: Subject, traces: Traces) -> Iterator[Row]:
    networks = [s for s in traces.sums if s.sublayer.attention is None]
    if not networks:
        return
    names = [probes.activation(s.calm) for s in networks]
    yield "§3.3", "activation", "ReLU", counted(names), set(names) == {"ReLU"}
    biases = [
        probes.n_biases([s.sublayer.reads]) + probes.n_biases([s.sublayer.writes]) for s in networks
    ]
    found = counted(f"{n} biases" for n in biases)
    yield "§3.3", "feed-forward biases", "2 biases, b₁ and b₂", found, set(biases) == {2}


def _of_embeddings(subject: Subject) -> Iterator[Row]:
    assert subject.tables is not None
    storages = [table.untyped_storage().data_ptr() for table in subject.tables]
    found = {3: "three matrices", 2: "two matrices", 1: "one matrix"}[len(set(storages))]
    agrees = found == "one matrix"
    yield "§3.4", "embeddings and output", "one matrix", found, agrees

    stacks, root = probes.embedded(subject), subject.d_model**0.5
    factors = [stack.factor for stack in stacks]
    agrees = all(math.isclose(s.factor, root, rel_tol=1e-4) and s.error < 1e-4 for s in stacks)
    found = counted(f"· {factor:.4g}" for factor in factors)
    yield "§3.4", "factor on embeddings", f"√d_model, that is · {root:.4g}", found, agrees

    said = [_describe_positions(stack.positions) for stack in stacks]
    paper = "sin at 2i, cos at 2i+1, 10000^(2i/d)"
    found = counted(said)
    yield "§3.5", "positions", paper, found, set(said) == {"the same"}


def _describe_positions(found: Tensor) -> str:
    formula = probes.position_formula(*found.shape)
    halves = torch.cat((formula[:, ::2], formula[:, 1::2]), dim=1)
    if float(found.abs().max()) < 1e-3:
        return "none"
    for name, table in (("the same", formula), ("all sines, then all cosines", halves)):
        if float((found - table).abs().max()) < 1e-3:
            return name
    return "others"


def _of_dropout(subject: Subject, traces: Traces) -> Iterator[Row]:
    places = {DROPOUT: [s.dropout for s in traces.sums]}
    if subject.tables:
        places["dropout on embeddings"] = traces.embedding_dropout
    for choice, rates in places.items():
        paper = "on outputs, before the sum" if choice == DROPOUT else "on sums with positions"
        found = counted(_rate(rate) for rate in rates)
        yield "§5.4", choice, paper, found, all(rates)
    random = [probes.weights_are_random(subject, a) for a in subject.attentions]
    found = "yes" if any(random) else "none"
    yield "§5.4", "dropout on weights", "none", found, not any(random)
    lost = [
        probes.activations_lost(s.training) for s in traces.sums if s.sublayer.attention is None
    ]
    if lost:
        share = sum(lost) / len(lost)
        found = f"about {share:.2f}" if share else "none"
        yield "§5.4", "dropout on activations", "none", found, share == 0


def _rate(rate: float | None) -> str:
    if rate is None:
        return "another noise"
    return f"{rate:.3g}" if rate else "none"


def _of_first_weights(subject: Subject) -> Iterator[Row]:
    # tensor2tensor: uniform_unit_scaling with a gain of 1 is Glorot uniform.
    matrices = [
        matrix
        for layer in subject.layers
        for s in layer.sublayers
        for module in ([s.attention] if s.attention else [s.reads, s.writes])
        for matrix in _matrices(module)
    ]
    bounds = [math.sqrt(6 / sum(matrix.shape)) for matrix in matrices]
    spread = [float(m.std()) / bound * 3**0.5 for m, bound in zip(matrices, bounds, strict=True)]
    agrees = all(
        float(m.abs().max()) <= 1.0001 * bound and abs(ratio - 1) < 5 * math.sqrt(0.2 / m.numel())
        for m, bound, ratio in zip(matrices, bounds, spread, strict=True)
    )
    found = "the same" if agrees else f"{min(spread):.2f} to {max(spread):.2f} times as wide"
    if any(float(m.abs().max() / m.std()) > 1.1 * 3**0.5 for m in matrices):
        found += ", not uniform"
    yield CODE, "first matrices", "Glorot uniform", found, agrees
    if subject.tables:
        large = [float(table.std()) * subject.d_model**0.5 for table in subject.tables]
        slack = 5 * math.sqrt(0.5 / min(table.numel() for table in subject.tables))
        agrees = all(abs(ratio - 1) < slack for ratio in large)
        found = "the same" if agrees else f"{counted(f'{r:.2f}' for r in large)} times as large"
        yield CODE, "first embeddings", "normal, deviation d_model^-½", found, agrees


def _matrices(module: nn.Module) -> Iterator[Tensor]:
    for p in module.parameters():
        if p.dim() == 2:  # torch has the projections of query, key and value in one
            stacked = p.size(0) == 3 * p.size(1) and isinstance(module, nn.MultiheadAttention)
            yield from p.chunk(3) if stacked else (p,)


# Sizes --------------------------------------------------------------------------------------------


def sizes_of(subject: Subject, found: Sequence[Finding]) -> Iterator[Size]:
    """The numbers of the paper's table 3, its vocabulary of English-German, and the model's own."""
    networks = subject.feed_forwards
    d_ff = {p.size(0) for s in networks for p in s.reads.parameters() if p.dim() == 2}
    yield Size("layers", "6 + 6", "6 + 6", f"{len(subject.encoder)} + {len(subject.decoder)}")
    yield Size("d_model", "512", "1024", str(subject.d_model))
    yield Size("d_ff", "2048", "4096", counted(map(str, d_ff)) or "none")
    yield Size("heads", "8", "16", str(subject.n_heads))
    yield Size("d_k = d_v", "64", "64", str(subject.d_model // subject.n_heads))
    dropout = next(finding.found for finding in found if finding.choice == DROPOUT)
    yield Size("P_drop", "0.1", "0.3", dropout)
    if subject.tables:
        yield Size("vocabulary", "about 37,000", "about 37,000", f"{subject.vocab_size:,}")
    n = sum(p.numel() for p in subject.model.parameters())
    yield Size("weights", "65 million", "213 million", f"{n:,}")


def counted(values: Iterable[str]) -> str:
    """Each value once, with how often there is which; alone, without."""
    counts = Counter(values).most_common()
    if len(counts) < 2:
        return "".join(value for value, _ in counts)
    return ", ".join(f"{value} ({n})" for value, n in counts)
