"""The plan on paper: memory as torch counts it, and figures that follow from one another."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from transformer import UserError, load_config
from transformer.cli import train_main
from transformer.config import Config
from transformer.runs.checkpoints import TrainingState
from transformer.training.dry_run import Devices, describe_run
from transformer.training.memory_needs import Memory, update_memory
from transformer.training.planning import KINDS, Timing, Work, describe_plan, find_kind
from transformer.training.starting import prepare
from transformer.training.updating import build, update, updates


def peak_bytes(work: Callable[[], Any]) -> int:
    """The most that torch had allocated at once while it did the work."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        work()
    now = highest = 0
    for event in profile.profiler.kineto_results.events():  # type: ignore[union-attr]
        if event.name() == "[memory]":
            now += event.nbytes()
            highest = max(highest, now)
    return highest


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    "sizes",
    [
        ("model.d_model=64", "model.d_ff=256", "model.n_encoder_layers=2"),
        ("model.d_model=128", "model.d_ff=256", "model.n_decoder_layers=3", "model.n_heads=4"),
        ("model.d_model=128", "training.batch_tokens=4000", "model.dropout=0"),
        ("model.d_model=64", "training.consistency=1.0", "training.batch_tokens=2000"),
    ],
    ids=["encoder", "decoder", "batch", "consistency"],
)
def test_memory_is_what_torch_allocates(
    sizes: tuple[str, ...], precision: Any, configure: Callable[..., Config]
) -> None:
    config = configure("training.accumulate=1", "training.batch_tokens=3000", *sizes)
    task = prepare(config)
    found = list(islice(updates(task, TrainingState()), 2))
    model, optimizer = build(task, torch.device("cpu"))
    update(task, model, optimizer, found[0], 1, precision)  # makes the moments
    batches = found[-1]
    told = update_memory(task, batches, precision, gpu=False)
    highest = peak_bytes(lambda: update(task, model, optimizer, batches, 2, precision))
    assert told.gradients + told.activations + told.logits == pytest.approx(highest, rel=0.15)
    assert told.weights == 4 * model.n_parameters() and told.moments == 2 * told.weights


def test_nothing_fake_stays_behind(configure: Callable[..., Config]) -> None:
    task = prepare(configure())
    batches = next(updates(task, TrainingState()))
    update_memory(task, batches[:1], "fp32", gpu=False)
    state = torch.get_rng_state()
    update_memory(task, batches[:1], "bf16", gpu=True)
    assert torch.equal(state, torch.get_rng_state())
    model, optimizer = build(task, torch.device("cpu"))
    assert update(task, model, optimizer, batches, 1, "fp32").n_tokens > 0


WORK = Work(
    operations=4e13,
    n_tokens=25_000,
    n_parameters=60_000_000,
    memory=Memory(0.24e9, 0.24e9, 0.48e9, 9e9, 2e9),
    memory_sharded=Memory(0.03e9, 0.03e9, 0.06e9, 9e9, 2e9),
)


def test_one_device_exchanges_nothing() -> None:
    timing = Timing.of(WORK, 1, KINDS["h100"], sharded=False, share=1.0)
    assert timing.exchange == 0 and timing.busy == 1
    assert timing.compute == pytest.approx(4e13 / (0.35 * 989e12))


def test_more_devices_are_busy_for_less_of_the_time() -> None:
    for kind in KINDS.values():
        busy = [
            Timing.of(WORK, n, kind, sharded=False, share=1 / n).busy for n in (1, 2, 8, 64, 512)
        ]
        assert busy == pytest.approx(sorted(busy, reverse=True)) and busy[-1] < 0.5


def test_slower_links_take_longer() -> None:
    near, far = (Timing.of(WORK, n, KINDS["l4"], sharded=False, share=1.0) for n in (8, 16))
    assert far.exchange > 2 * near.exchange


def test_the_plan_says_what_does_not_fit(configure: Callable[..., Config]) -> None:
    config = configure()
    assert "TOO MUCH" not in describe_plan(config, WORK, 8, KINDS["h100"], 1000)
    large = replace(WORK, memory=Memory(20e9, 20e9, 40e9, 9e9, 2e9))
    told = describe_plan(config, large, 8, KINDS["h100"], 1000)
    assert "91.0 GB of 72.0 GB" in told and "set training.parallel=fsdp" in told
    sharded = configure("training.parallel=fsdp")
    assert "TOO MUCH" not in describe_plan(sharded, large, 8, KINDS["h100"], 1000)
    full = replace(large, memory_sharded=Memory(1e9, 1e9, 1e9, 90e9, 2e9))
    assert "lower training.batch_tokens" in describe_plan(sharded, full, 8, KINDS["h100"], 1000)


@pytest.mark.parametrize("task", ["translation", "gpt"])
def test_the_dry_run_plans(task: str, configure: Callable[..., Config], tmp_path: Path) -> None:
    config = configure()
    if task == "gpt":
        (tmp_path / "text.txt").write_text("To be, or not to be, that is the question. " * 100)
        text = [f"data.train={tmp_path / 'text.txt'}", "data.holdout=0.1", "model.context=32"]
        small = ["model.d_model=16", "model.n_heads=2", "tokenizer.kind=characters"]
        config = load_config(
            None, ["task=language_modeling", *text, *small, "training.batch_tokens=64"]
        )
    told = describe_run(config, Devices(8, find_kind("a100")))
    assert "on 8 × a100, on paper: 312 TFLOP/s" in told
    assert re.search(r"\n +1 +[\d,]+ .*100%", told) and re.search(r"\n +64 ", told)
    assert "None of it was measured" in told


def test_unknown_kinds_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=r"must be one of a100, h100, .*; found 'tpu'"):
        find_kind("tpu")
    with pytest.raises(SystemExit):
        train_main(["--config", "x.yaml", "--devices", "8"])
    assert "--devices and --device-kind are for --dry-run" in capsys.readouterr().err
