"""The same loop with a GPT: it learns, resumes exactly, starts from others, and explains itself."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from transformer import GPT, Generator, Sampling, Translator, load_config
from transformer.cli import export_main
from transformer.config import Config
from transformer.data.builtin.corpus import sample_pairs
from transformer.data.corpus import CorpusError
from transformer.data.tokenizer import TokenizerError
from transformer.errors import UserError
from transformer.export.gpt2 import gpt2_files
from transformer.model.gpt2 import gpt2_config
from transformer.runs.checkpoints import TrainingState
from transformer.runs.directory import RunDirectory
from transformer.runs.errors import CheckpointError
from transformer.runs.weights import named_weights
from transformer.training import loop
from transformer.training.dry_run import describe_run
from transformer.training.loop import train
from transformer.training.profiling import describe_update
from transformer.training.resuming import TrainingError
from transformer.training.starting import prepare
from transformer.training.updating import build, update_together, updates

FinalBytes = Callable[[Config], dict[str, bytes]]

TINY = (
    "task=language_modeling",
    "data.holdout=0.1",
    "tokenizer.kind=characters",
    "model.d_model=16",
    "model.d_ff=32",
    "model.n_heads=2",
    "model.n_decoder_layers=2",
    "model.context=16",
    "model.positions=learned",
    "model.scale_embedding=false",
    "model.initialisation=gpt2",
    "model.norm_first=true",
    "model.dropout=0.1",
    "training.batch_tokens=128",
    "training.accumulate=2",
    "training.max_steps=12",
    "training.warmup_steps=3",
    "training.peak_learning_rate=0.01",
    "training.decay=cosine",
    "training.label_smoothing=0.0",
    "training.checkpoint_every=3",
    "training.validate_every=4",
    "training.average_checkpoints=2",
    "training.log_every=2",
    "training.tensorboard=false",
    "training.threads=1",
)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some thousand characters of English and German."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("".join(f"{de}\n{en}\n\n" for de, en in sample_pairs("train", 120)))
    return path


@pytest.fixture
def configure_lm(text: Path, tmp_path: Path) -> Callable[..., Config]:
    """The settings of a run of a second."""

    def make(*overrides: str, run: str = "run") -> Config:
        settings = [f"run_dir={tmp_path / run}", f"data.train={text}", *TINY, *overrides]
        return load_config(None, settings)

    return make


@pytest.mark.parametrize("step", [2, 7, 12])
@pytest.mark.slow
def test_killed_and_resumed_it_ends_in_the_same_bits(
    configure_lm: Callable[..., Config],
    final_bytes: FinalBytes,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    class Killed(BaseException):
        pass

    def dies(*args: Any) -> Any:
        if args[3] == step:
            raise Killed
        return update_together(*args)

    whole, killed = configure_lm(run="whole"), configure_lm(run="killed")
    train(whole)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "update_together", dies)
        with pytest.raises(Killed):
            train(killed)
    train(killed, resume=True)
    assert final_bytes(whole) == final_bytes(killed)


@pytest.mark.slow
def test_it_goes_on_into_the_next_epoch_as_one_that_was_never_stopped(
    configure_lm: Callable[..., Config], final_bytes: FinalBytes, text: Path, tmp_path: Path
) -> None:
    short = tmp_path / "short.txt"
    short.write_text(text.read_text()[:1500])  # an epoch of 10 batches
    settings = (f"data.train={short}", "training.decay=inverse_sqrt")
    whole, parts = (configure_lm(*settings, run=name) for name in ("whole", "parts"))
    train(whole)
    for steps in (4, 7, 12):
        again = configure_lm(*settings, f"training.max_steps={steps}", run="parts")
        train(again, resume=steps > 4)
    state = json.loads(final_bytes(whole)["state"])
    assert state["epoch"] == 2 and state["tokens_seen"] == 12 * 2 * 128
    assert final_bytes(whole) == final_bytes(parts)


@pytest.mark.slow
def test_a_small_text_is_really_learned(
    configure_lm: Callable[..., Config], tmp_path: Path
) -> None:
    file = tmp_path / "abc.txt"
    file.write_text("Eins, zwei, Polizei. Drei, vier, Grenadier. " * 200)
    config = configure_lm(
        f"data.train={file}",
        "model.d_model=32",
        "model.d_ff=64",
        "model.dropout=0.0",
        "training.max_steps=300",
        "training.validate_every=300",
    )
    run = train(config)
    assert run.metrics["val_bpc"] < 0.2
    generator = Generator.load(run.directory)
    found = generator.generate("Eins, ", max_tokens=80, sampling=Sampling(temperature=0))
    assert found == [("Eins, zwei, Polizei. Drei, vier, Grenadier. " * 3)[:86]]
    ours = generator.score("Drei, vier, Grenadier.").bits_per_character
    assert ours < 1 < generator.score("rei,D vi rGer,enadier.").bits_per_character


def test_scores_are_of_the_whole_text_whatever_the_batch(
    configure_lm: Callable[..., Config],
) -> None:
    config = configure_lm()
    task = prepare(config)
    model, _ = build(task, torch.device("cpu"))
    scores = task.validate(model)
    other = replace(task, config=configure_lm("training.batch_tokens=16"))
    assert scores == pytest.approx(other.validate(model), rel=1e-5)
    # By hand: every character but the first, in blocks of 16.
    ids = torch.tensor(task.val.ids.astype("int64"))
    nll = 0.0
    with torch.no_grad():
        for start in range(0, len(ids) - 1, 16):
            block = ids[start : start + 17]
            log_probs = model(block[None, :-1])[0].log_softmax(dim=-1)
            nll -= log_probs.gather(1, block[1:, None]).sum().item()
    assert scores["val_nll"] == pytest.approx(nll / (len(ids) - 1), rel=1e-4)
    assert scores["val_bpc"] == pytest.approx(nll / math.log(2) / len(ids), rel=1e-4)
    assert scores["val_ppl"] == pytest.approx(math.exp(scores["val_nll"]))


@pytest.mark.parametrize("kind", ["characters", "unigram", "byte_bpe"])
def test_every_tokenizer_trains_and_writes(configure_lm: Callable[..., Config], kind: str) -> None:
    config = configure_lm(f"tokenizer.kind={kind}", "tokenizer.vocab_size=400")
    run = train(config)
    generator = Generator.load(run.directory)
    assert len(generator.generate("Der", 2, max_tokens=30)) == 2
    assert all(text.startswith("Der") for text in generator.generate("Der", 2, max_tokens=30))
    assert (
        "".join(generator.stream("Der", max_tokens=30))
        == generator.generate("Der", max_tokens=30)[0]
    )


def test_it_starts_from_another_run(configure_lm: Callable[..., Config], tmp_path: Path) -> None:
    first = configure_lm(run="first")
    train(first)
    again = configure_lm(f"training.start_from={tmp_path / 'first'}", "model.dropout=0.3", run="2")
    weights: dict[str, torch.Tensor] = {}

    def notes(spread: Any, *args: Any) -> Any:
        if not weights:
            weights.update({name: w.clone() for name, w in spread.weights().items()})
        return update_together(spread, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "update_together", notes)
        train(again)
    generator = Generator.load(tmp_path / "first")
    expected = named_weights(generator.gpt)
    # What `convert` packed is no longer among the weights.
    assert expected.keys() <= weights.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    run = RunDirectory(tmp_path / "2")
    assert run.tokenizer.read_bytes() == RunDirectory(tmp_path / "first").tokenizer.read_bytes()
    shutil.rmtree(tmp_path / "first")  # what follows needs only its own checkpoint
    train(again, resume=True)


def test_it_starts_from_gpt_2(configure_lm: Callable[..., Config], tmp_path: Path) -> None:
    library = pytest.importorskip("tokenizers")
    from safetensors.torch import save_file

    from transformer.data.byte_bpe import ByteBPETokenizer

    assert library
    folder = tmp_path / "gpt2"
    folder.mkdir()
    tokenizer = ByteBPETokenizer.train(["Ein Hund. Eine Katze."] * 5, 280)
    gpt = GPT(
        gpt2_config(d_model=16, n_heads=2, n_decoder_layers=2, context=16),
        vocab_size=tokenizer.vocab_size,
    )
    settings, weights = gpt2_files(gpt)
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "tokenizer.json").write_bytes(tokenizer.model)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(TrainingError, match=r"another model\. To begin with it, ") as error:
        train(configure_lm(f"training.start_from={folder}"))
    wanted = str(error.value).splitlines()[1:]
    assert [line.strip() for line in wanted] == ["model.d_ff=64"]  # the others follow by themselves
    config = configure_lm(f"training.start_from={folder}", *(line.strip() for line in wanted))
    assert f"{gpt.n_parameters():,}" in describe_run(config)
    run = train(config)
    assert RunDirectory(run.directory).tokenizer.read_bytes() == tokenizer.model
    assert Generator.load(folder).generate("Ein", max_tokens=5)[0].startswith("Ein")


def test_an_exported_run_goes_with_its_own_tokenizer_only(
    configure_lm: Callable[..., Config], tmp_path: Path
) -> None:
    pytest.importorskip("tokenizers")

    settings = (
        *("tokenizer.kind=byte_bpe", "tokenizer.vocab_size=300", "model.positions=learned"),
        *("model.norm_first=true", "model.attention_bias=true", "model.activation=gelu_tanh"),
        *("model.scale_embedding=false", "training.max_steps=1"),
    )
    run = train(configure_lm(*settings))
    other = train(configure_lm(*settings, "data.holdout=0.5", run="other"))
    folder = tmp_path / "exported"
    assert (
        export_main(f"--format huggingface --model {run.directory} --output {folder}".split()) == 0
    )
    expected = Generator.load(run.directory).generate("Der", max_tokens=5)
    assert Generator.load(folder).generate("Der", max_tokens=5) == expected
    for place in (folder, run.directory):
        shutil.copy(RunDirectory(other.directory).tokenizer, place / "tokenizer.json")
        with pytest.raises(CheckpointError, match="are not of the same run"):
            Generator.load(place)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"device": "nonsense"}, "device 'nonsense'"), ({"precision": "fp8"}, "precision must be")],
)
def test_nonsense_is_refused_before_weights_are_read(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    for load in (Generator.load, Translator.load):
        with pytest.raises(UserError, match=message):
            load(tmp_path / "nowhere", **settings)


def test_the_device_may_be_chosen_automatically(
    configure_lm: Callable[..., Config],
) -> None:
    run = train(configure_lm("training.max_steps=1"))
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    if not torch.backends.mps.is_available():
        assert Generator.load(run.directory, device="auto").gpt.device.type == expected
        assert Translator.load(device="auto").model.device.type == "cpu"


def test_what_it_cannot_start_from(
    configure_lm: Callable[..., Config], configure: Callable[..., Config], tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="is not a run directory, nor a folder of Hugging Face"):
        train(configure_lm(f"training.start_from={tmp_path / 'nothing'}"))
    train(configure(run="pairs"))
    with pytest.raises(TrainingError, match="a run of task 'translation', and this one is"):
        train(configure_lm(f"training.start_from={tmp_path / 'pairs'}"))
    with pytest.raises(TrainingError, match=r"is not a run directory$"):
        train(configure(f"training.start_from={tmp_path / 'nothing'}", run="other"))
    with pytest.raises(TrainingError, match=r"set\n  model\.d_ff=32$"):
        train(configure(f"training.start_from={tmp_path / 'pairs'}", "model.d_ff=48", run="other"))
    assert not (tmp_path / "run").exists() and not (tmp_path / "other").exists()


@pytest.mark.slow
def test_a_translation_run_starts_from_another(
    configure: Callable[..., Config], tmp_path: Path
) -> None:
    first = train(configure(run="first"))
    config = configure(
        f"training.start_from={first.directory}",
        "training.warmup_steps=1",
        "training.learning_rate_scale=1e-9",
        run="second",
    )
    second = train(config)
    assert second.metrics["val_loss"] == pytest.approx(first.metrics["val_loss"], rel=1e-4)


@pytest.mark.slow
def test_the_dry_run_and_the_profile(configure_lm: Callable[..., Config]) -> None:
    config = configure_lm()
    told = describe_run(config)
    assert "training text" in told and "characters" in told and "0.0% of all positions" in told
    headline, parts, _ = describe_update(config).split("\n\n")
    assert headline.startswith("an update takes")
    assert "decoder, self attention, projections" in parts and "embedding" in parts
    assert not Path(config.run_dir).exists()


def test_too_little_text(configure_lm: Callable[..., Config], tmp_path: Path) -> None:
    (tmp_path / "few.txt").write_text("Guten Morgen, wie geht es dir?\n")
    with pytest.raises(
        CorpusError, match=r"the val part of data\.train has 4 tokens, and one block"
    ):
        train(configure_lm(f"data.train={tmp_path / 'few.txt'}"))


def test_a_loss_that_is_not_finite_names_the_text(
    configure_lm: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        TrainingError, match=r"8 blocks and 128 tokens; its first block begins with"
    ):
        train(configure_lm("training.peak_learning_rate=1e3", "training.weight_decay=1e3"))


@pytest.mark.slow
def test_a_run_of_the_other_task_is_named(
    configure_lm: Callable[..., Config], configure: Callable[..., Config], tmp_path: Path
) -> None:
    train(configure_lm(run="text"))
    train(configure(run="pairs"))
    with pytest.raises(CheckpointError, match="holds a language model; use transformer-generate"):
        Translator.load(tmp_path / "text")
    with pytest.raises(CheckpointError, match="holds a translation model; use transformer-transl"):
        Generator.load(tmp_path / "pairs")


def test_an_unknown_character_of_a_prompt(configure_lm: Callable[..., Config]) -> None:
    run = train(configure_lm())
    with pytest.raises(TokenizerError, match="has no character 'λ'"):
        Generator.load(run.directory).generate("λ")


def test_batches_are_a_pure_function_of_seed_and_step(configure_lm: Callable[..., Config]) -> None:
    config = configure_lm()
    task = prepare(config)
    first = [next(updates(task, TrainingState())) for _ in range(2)]
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(*first, strict=True))
    other = next(updates(replace(task, config=configure_lm("seed=2")), TrainingState()))
    assert not torch.equal(first[0][0].ids, other[0].ids)


def test_settings_that_do_not_count_are_named(
    configure_lm: Callable[..., Config], caplog: pytest.LogCaptureFixture
) -> None:
    config = configure_lm("decoding.beam_size=9", "training.learning_rate_scale=2.0")
    train(config)
    told = "settings that have no effect here: decoding, training.learning_rate_scale"
    assert told in caplog.text
    steep = ["training.peak_learning_rate=0.1", "training.learning_rate_scale=2.0"]
    assert load_config(None, steep).ignored() == ["training.learning_rate_scale"]
    assert load_config(None, []).ignored() == []
