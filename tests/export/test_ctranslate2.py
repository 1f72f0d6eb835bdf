"""CTranslate2 with our weights finds what our own search finds."""

import itertools
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from transformer import Translator
from transformer.cli import export_main
from transformer.config import DecodingConfig, TokenizerConfig
from transformer.data.batching import pad_ids
from transformer.data.tokenizer import train_tokenizer
from transformer.errors import UserError
from transformer.export.ctranslate2 import QUANTIZATIONS, export_ctranslate2
from transformer.export.trained import ExportError, Trained
from transformer.inference.ctranslate2_engine import CTranslate2Engine
from transformer.inference.torch_engine import TorchEngine
from transformer.runs.directory import RunDirectory
from transformer.runs.errors import CheckpointError
from transformer.search.beam_search import beam_search
from transformer.search.hypothesis import Hypothesis, length_penalty

pytest.importorskip("ctranslate2")

DECODING = DecodingConfig(beam_size=4, max_extra_tokens=12)
POWER = DecodingConfig(beam_size=4, length_penalty="power", max_extra_tokens=12)
NONE = DecodingConfig(beam_size=4, length_penalty="none", max_extra_tokens=12)
GREEDY = DecodingConfig(beam_size=1, max_extra_tokens=12)
TIE = 1e-3
"""Log-probabilities, of a whole sentence, that are this near each other count as equal."""


@pytest.fixture(scope="module")
def shipped() -> Trained:
    """The model of the package."""
    return Trained.load()


def our_search(
    trained: Trained, batch: Sequence[list[int]], settings: DecodingConfig, n_best: int = 1
) -> list[list[Hypothesis]]:
    model, tokenizer = trained.model, trained.tokenizer
    kind = settings.length_penalty if settings.beam_size > 1 else "none"
    with torch.inference_mode():
        state = model.start(pad_ids(batch, model.pad_id))
    return beam_search(
        model.step,
        state,
        [len(ids) - 1 + settings.max_extra_tokens for ids in batch],
        bos_id=tokenizer.bos_id,
        eos_id=tokenizer.eos_id,
        forbidden=trained.tokenizer.forbidden_ids,
        beam_size=settings.beam_size,
        n_best=n_best,
        penalty=partial(length_penalty, kind, settings.alpha),
    )


@torch.inference_mode()
def log_probs(
    trained: Trained, sources: list[list[int]], hypotheses: list[Hypothesis]
) -> list[float]:
    """Of a hypothesis for each source, by our model all at once."""
    tokenizer, pad_id = trained.tokenizer, trained.model.pad_id
    outputs = [[*h.ids, *([tokenizer.eos_id] if h.finished else [])] for h in hypotheses]
    tgt_in = pad_ids([[tokenizer.bos_id, *out[:-1]] for out in outputs], pad_id)
    tgt_out = pad_ids(outputs, pad_id)
    steps = trained.model(pad_ids(sources, pad_id), tgt_in).log_softmax(dim=-1)
    taken = steps.gather(2, tgt_out.unsqueeze(-1)).squeeze(-1)
    found: list[float] = taken.masked_fill(tgt_out == pad_id, 0.0).sum(dim=1).tolist()
    return found


def exported(trained: Trained, folder: Path, **options: Any) -> CTranslate2Engine:
    export_ctranslate2(trained, folder, **options)
    return CTranslate2Engine.load(folder, threads=1)


ACTIVATIONS: list[dict[str, Any]] = [
    {"activation": "relu"},
    {"activation": "gelu", "attention_bias": True},
    {"activation": "silu"},
]
MODELS = [
    {"tie": tie, "norm_first": norm_first, **activation}
    for (tie, norm_first), activation in zip(
        itertools.product(("all", "target", "none"), (False, True)),
        itertools.cycle(ACTIVATIONS),
    )
]


@pytest.mark.parametrize("settings", MODELS, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.slow
def test_the_best_hypothesis_is_ours(
    settings: dict[str, Any],
    teach: Callable[..., Trained],
    sources: list[list[int]],
    tmp_path: Path,
) -> None:
    trained = teach(**settings)
    engine = exported(trained, tmp_path)
    for decoding in (DECODING, POWER, NONE, GREEDY):
        theirs = [best[0] for best in engine.search(sources, decoding)]
        ours = [best[0] for best in our_search(trained, sources, decoding)]
        assert len({hypothesis.ids for hypothesis in ours}) > 100
        assert sum(hypothesis.finished for hypothesis in ours) > 100
        assert [h.log_prob for h in theirs] == pytest.approx(
            log_probs(trained, sources, theirs), abs=TIE
        )
        n_different = 0
        for our, their in zip(ours, theirs, strict=True):
            # Where they differ, neither is better.
            assert their.score == pytest.approx(our.score, abs=TIE)
            assert their.finished == our.finished
            n_different += their.ids != our.ids
        assert n_different <= 2


def test_the_n_best_are_ours(
    teach: Callable[..., Trained], sources: list[list[int]], tmp_path: Path
) -> None:
    """Nearly all: the search of CTranslate2 may end before the last of them is found."""
    trained = teach()
    theirs = exported(trained, tmp_path).search(sources, DECODING, n_best=3)
    ours = our_search(trained, sources, DECODING, n_best=3)
    for best in theirs:
        assert len(best) == len({h.ids for h in best}) == 3
        assert [h.score for h in best if h.finished] == sorted(
            (h.score for h in best if h.finished), reverse=True
        )
    same = sum(
        our.ids == their.ids
        for pair in zip(ours, theirs, strict=True)
        for our, their in zip(*pair, strict=True)
    )
    assert same > 0.95 * 3 * len(sources)


def test_batch_changes_nothing(
    teach: Callable[..., Trained], sources: list[list[int]], tmp_path: Path
) -> None:
    """Though CTranslate2 has one length limit for a whole batch."""
    engine = exported(teach(), tmp_path)
    settings = DECODING.model_copy(update={"max_extra_tokens": 1})
    together = engine.search(sources[:60], settings, n_best=2)
    alone = [engine.search([ids], settings, n_best=2)[0] for ids in sources[:60]]
    assert [[h.ids for h in best] for best in together] == [[h.ids for h in best] for best in alone]
    for ids, best in zip(sources, together, strict=False):
        assert all(len(h.ids) + h.finished <= len(ids) for h in best)
    assert any(not h.finished for best in together for h in best)


def test_what_is_forbidden_is_not_found(
    make: Callable[..., Trained], sources: list[list[int]], tmp_path: Path
) -> None:
    trained = make(tie="none")
    with torch.no_grad():
        trained.model.output.weight[trained.tokenizer.forbidden_ids] *= 4
    engine = exported(trained, tmp_path)
    for settings in (DECODING, GREEDY):
        found = engine.search(sources[:20], settings)
        assert not {i for best in found for h in best for i in h.ids} & set(
            trained.tokenizer.forbidden_ids
        )


def test_longest_source_and_output_have_positions(
    make: Callable[..., Trained], tmp_path: Path
) -> None:
    trained = make()
    engine = exported(trained, tmp_path)
    ids = [9] * (trained.n_positions - 1) + [trained.tokenizer.eos_id]
    [[found]] = engine.search([ids], GREEDY)
    [[ours]] = our_search(trained, [ids], GREEDY.model_copy(update={"max_extra_tokens": 1}))
    assert len(found.ids) + found.finished <= trained.n_positions
    assert found.ids == ours.ids
    with pytest.raises(UserError, match=r"a source has 513 pieces, .* takes 512"):
        engine.search([[9, *ids]], GREEDY)


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_other_arithmetic_translates_nearly_the_same(
    quantization: str, shipped: Trained, lines: list[str], tmp_path: Path
) -> None:
    engine = exported(shipped, tmp_path, quantization=quantization)
    eos = shipped.tokenizer.eos_id
    batch = [[*shipped.tokenizer.encode(line), eos] for line in lines[::2]]
    theirs = [best[0].ids for best in engine.search(batch, DECODING)]
    ours = [best[0].ids for best in our_search(shipped, batch, DECODING)]
    same = sum(a == b for a, b in zip(ours, theirs, strict=True))
    assert same >= (len(batch) if quantization == "float32" else len(batch) // 2)


# Prefixes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("decoding", [DECODING, NONE, GREEDY])
@pytest.mark.slow
def test_prefixes_are_gone_on_with(
    decoding: DecodingConfig,
    teach: Callable[..., Trained],
    sources: list[list[int]],
    tmp_path: Path,
) -> None:
    """The log-probability is that of what follows the prefix."""
    trained = teach()
    engine = exported(trained, tmp_path)
    sources = sources[:60]
    prefixes = [
        ids[:-1][: i % 3] if i % 2 else [9, 11, 9][: i % 4] for i, ids in enumerate(sources)
    ]
    assert {len(prefix) for prefix in prefixes} == {0, 1, 2}
    theirs = [best[0] for best in engine.search(sources, decoding, 1, prefixes)]
    for prefix, h in zip(prefixes, theirs, strict=True):
        assert list(h.ids[: len(prefix)]) == prefix
    whole = log_probs(trained, sources, theirs)
    begun = [Hypothesis(tuple(prefix), 0.0, 0.0, False) for prefix in prefixes]
    of_prefix = [
        log_probs(trained, [ids], [h])[0] if h.ids else 0.0
        for ids, h in zip(sources, begun, strict=True)
    ]
    expected = [a - b for a, b in zip(whole, of_prefix, strict=True)]
    assert [h.log_prob for h in theirs] == pytest.approx(expected, abs=TIE)


def test_greedy_search_without_repetition_is_ours(
    make: Callable[..., Trained], sources: list[list[int]], tmp_path: Path
) -> None:
    trained = make()  # random weights say the same again and again
    settings = GREEDY.model_copy(update={"no_repeat_ngram_size": 2})
    theirs = exported(trained, tmp_path).search(sources, settings)
    engine = TorchEngine(trained.model, trained.tokenizer)
    ours = engine.search(sources, settings)
    different = [a[0] for a, b in zip(theirs, ours, strict=True) if a[0].ids != b[0].ids]
    assert len(different) <= 2
    plain = engine.search(sources, GREEDY)
    assert sum(a[0].ids != b[0].ids for a, b in zip(plain, ours, strict=True)) > len(sources) / 2


def test_greedy_search_after_a_prefix_is_ours(
    teach: Callable[..., Trained], sources: list[list[int]], tmp_path: Path
) -> None:
    trained = teach()
    prefixes = [ids[:-1][:2] for ids in sources]
    theirs = exported(trained, tmp_path).search(sources, GREEDY, 1, prefixes)
    ours = TorchEngine(trained.model, trained.tokenizer).search(sources, GREEDY, 1, prefixes)
    different = [a[0] for a, b in zip(theirs, ours, strict=True) if a[0].ids != b[0].ids]
    assert len(different) <= 2


@pytest.mark.parametrize("length", [5, 60])
@pytest.mark.slow
def test_a_prefix_longer_than_the_limit_stays_whole(
    length: int, teach: Callable[..., Trained], tmp_path: Path
) -> None:
    trained = teach()
    engine, eos = exported(trained, tmp_path), trained.tokenizer.eos_id
    batch, prefixes = [[9, eos], [9, 10, 11, eos]], [[12] * length, []]
    settings = DECODING.model_copy(update={"max_extra_tokens": 1})
    first, second = engine.search(batch, settings, 2, prefixes)
    assert all(h.ids[:length] == (12,) * length for h in first) and len(first) == 2
    assert all(len(h.ids) + h.finished <= length + 1 for h in first)
    assert all(len(h.ids) + h.finished <= 4 for h in second) and len(second) == 2


def test_a_patience_of_ones_own(make: Callable[..., Trained], tmp_path: Path) -> None:
    engine = exported(make(), tmp_path)
    assert engine.search([[9]], DECODING.model_copy(update={"patience": 1.0}))


def test_pruning_is_of_our_own_search_only(make: Callable[..., Trained], tmp_path: Path) -> None:
    engine = exported(make(), tmp_path)
    for pruning in ({"relative_threshold": 2.0}, {"max_per_parent": 3}):
        with pytest.raises(UserError, match="CTranslate2 does not prune its beam; leave out"):
            engine.search([[9]], DECODING.model_copy(update=pruning))
    given = ["--format", "ctranslate2", "--output", str(tmp_path / "shipped")]
    assert export_main(given) == 0  # whose run prunes
    shipped, text = Translator.load_ctranslate2(tmp_path / "shipped"), "Ein Hund schläft."
    assert shipped.translate(text) == Translator.load().translate(text)


def test_int8_takes_less_than_half_the_space(make: Callable[..., Trained], tmp_path: Path) -> None:
    sizes = []
    for quantization in ("float32", "int8"):
        folder = tmp_path / quantization
        folder.mkdir()
        export_ctranslate2(make(d_model=64, d_ff=256), folder, quantization=quantization)
        sizes.append((folder / "model.bin").stat().st_size)
    assert sizes[1] < sizes[0] / 2


def test_exporting_leaves_the_model_as_it_was(make: Callable[..., Trained], tmp_path: Path) -> None:
    trained, untouched = make(), make()
    export_ctranslate2(trained, tmp_path, quantization="int8")
    for name, weight in trained.model.state_dict().items():
        assert torch.equal(weight, untouched.model.state_dict()[name]), name


def test_folder_holds_what_is_needed(make: Callable[..., Trained], tmp_path: Path) -> None:
    trained = make()
    engine = exported(trained, tmp_path)
    assert RunDirectory(tmp_path).load_config() == trained.config
    assert engine.tokenizer.model == trained.tokenizer.model
    assert engine.longest_src == trained.longest_src == 40
    assert engine.n_positions == trained.n_positions == 512
    moved = tmp_path.with_name("moved")
    tmp_path.rename(moved)
    assert CTranslate2Engine.load(moved).search([[9, trained.tokenizer.eos_id]], DECODING)


def test_no_sources_no_hypotheses(make: Callable[..., Trained], tmp_path: Path) -> None:
    assert exported(make(), tmp_path).search([], DECODING) == []


def test_n_best_above_the_beam_is_an_error(make: Callable[..., Trained], tmp_path: Path) -> None:
    engine = exported(make(), tmp_path)
    with pytest.raises(ValueError, match=r"n_best must be between 1 and beam_size \(4\); found 5"):
        engine.search([[9]], DECODING, n_best=5)


def test_what_is_no_export_is_not_loaded(make: Callable[..., Trained], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a model for CTranslate2; transformer-export"):
        CTranslate2Engine.load(tmp_path)
    export_ctranslate2(make(), tmp_path)
    (tmp_path / "model.bin").write_bytes(b"nothing")
    with pytest.raises(UserError, match="CTranslate2 cannot load"):
        CTranslate2Engine.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "is not a model for CTranslate2"),
        ("null", "is not a model for CTranslate2"),
        ("[" * 10**5, "is not a model for CTranslate2"),
        ('{"n_positions": -5}', "is not a model for CTranslate2"),
        ('{"n_positions": -5, "longest_src": 9}', "n_positions must be a whole number from 2"),
        ('{"n_positions": 1e9, "longest_src": 9}', "n_positions must be a whole number from 2"),
        ('{"n_positions": 512, "longest_src": 1}', "longest_src must be a whole number from 2"),
        ('{"n_positions": 512, "longest_src": "9"}', "longest_src must be a whole number from 2"),
        ('{"n_positions": 512, "longest_src": 9, "tokenizer": 5}', "not of the same run"),
    ],
)
def test_an_export_that_something_has_damaged_is_not_loaded(
    make: Callable[..., Trained], tmp_path: Path, content: str, message: str
) -> None:
    export_ctranslate2(make(), tmp_path)
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match=message):
        CTranslate2Engine.load(tmp_path)


def test_an_export_with_the_tokenizer_of_another_is_not_loaded(
    make: Callable[..., Trained], lines: list[str], tmp_path: Path
) -> None:
    export_ctranslate2(make(), tmp_path)
    other = train_tokenizer(lines, TokenizerConfig(vocab_size=360, kind="bpe"))
    (tmp_path / "sentencepiece.model").write_bytes(other.model)
    with pytest.raises(CheckpointError, match="not of the same run"):
        CTranslate2Engine.load(tmp_path)


@pytest.mark.parametrize("device", ["nonsense", "cuda:x", "cuda:99999999999999", ""])
def test_a_device_that_is_not_there_is_explained(
    make: Callable[..., Trained], tmp_path: Path, device: str
) -> None:
    export_ctranslate2(make(), tmp_path)
    with pytest.raises(UserError, match="CTranslate2 cannot load"):
        CTranslate2Engine.load(tmp_path, device=device)
    with pytest.raises(UserError, match="threads must be at most"):
        CTranslate2Engine.load(tmp_path, threads=40_000)


def test_unknown_quantization_is_refused(make: Callable[..., Trained], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"must be one of float32, .*found 'int4'"):
        export_ctranslate2(make(), tmp_path, quantization="int4")


def test_without_ctranslate2_it_says_what_to_install(
    make: Callable[..., Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    for work in (lambda: export_ctranslate2(make(), tmp_path), lambda: CTranslate2Engine.load("")):
        with pytest.raises(UserError, match=r"pip install .attention-transformer\[export\]"):
            work()
