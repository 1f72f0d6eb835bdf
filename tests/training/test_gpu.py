"""What a GPU does otherwise. Where there is none, these tests say so and are skipped."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch

from transformer import Translator
from transformer.config import Config
from transformer.runs.checkpoints import TrainingState
from transformer.training.loop import train
from transformer.training.memory_needs import update_memory
from transformer.training.starting import prepare
from transformer.training.updating import build, update, updates

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")

GPU = torch.device("cuda")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kernel", ["formula", "fused"])
def test_an_update_is_that_of_a_cpu(
    precision: str, kernel: str, configure: Callable[..., Config]
) -> None:
    config = configure("model.dropout=0", f"training.attention_kernel={kernel}")
    task = prepare(config)
    batches = next(updates(task, TrainingState()))
    expected = update(task, *build(task, torch.device("cpu")), batches, 1, "fp32")
    found = update(task, *build(task, GPU), batches, 1, precision)  # type: ignore[arg-type]
    near = 1e-4 if precision == "fp32" else 2e-2
    assert found.nll == pytest.approx(expected.nll, rel=near)
    assert found.gradient_norm == pytest.approx(expected.gradient_norm, rel=10 * near)


def test_compiled_layers_have_the_same_losses(configure: Callable[..., Config]) -> None:
    given = ["model.dropout=0", "training.device=cuda", "training.precision=fp32"]
    runs = [train(configure(*given, f"training.compile={on}", run=on)) for on in ("true", "false")]
    scores = [run.metrics["val_loss"] for run in runs]
    assert scores[0] == pytest.approx(scores[1], rel=1e-3)


def test_a_batch_arrives_whole(configure: Callable[..., Config]) -> None:
    batch = next(updates(prepare(configure()), TrainingState()))[0]
    there = batch.to(GPU)
    assert there.src.is_cuda and torch.equal(there.src.cpu(), batch.src)


def test_a_run_translates(configure: Callable[..., Config]) -> None:
    run = train(configure("training.device=cuda", "training.attention_kernel=fused"))
    assert isinstance(Translator.load(run.directory, device="cuda").translate("Ein Hund."), str)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_memory_is_what_is_allocated(precision: str, configure: Callable[..., Config]) -> None:
    sizes = ["model.d_model=256", "model.d_ff=1024", "training.batch_tokens=8000"]
    task = prepare(configure(*sizes, "training.accumulate=1"))
    model, optimizer = build(task, GPU)
    batches = next(updates(task, TrainingState()))
    told = update_memory(task, batches, precision, gpu=True)  # type: ignore[arg-type]
    update(task, model, optimizer, batches, 1, precision)  # type: ignore[arg-type]
    torch.cuda.reset_peak_memory_stats()
    update(task, model, optimizer, batches, 2, precision)  # type: ignore[arg-type]
    assert told.total == pytest.approx(torch.cuda.max_memory_allocated(), rel=0.15)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are no two GPUs here")
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_gpus_train(parallel: str, configure: Callable[..., Config]) -> None:
    config = configure("training.device=cuda", f"training.parallel={parallel}")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    code = f"{config.run_dir}.yaml"
    with open(code, "w", encoding="utf-8") as file:
        file.write(config.to_yaml())
    train_it = ["-m", "transformer", "train", "--config", code]
    subprocess.run([*torchrun, "--nproc-per-node", "2", *train_it], check=True, timeout=600)
    assert isinstance(Translator.load(config.run_dir).translate("Ein Hund."), str)
