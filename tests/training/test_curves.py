"""Curves: what metrics.jsonl says is what is drawn, and drawing never harms a run."""

import json
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transformer import load_config
from transformer.config import Config
from transformer.errors import UserError
from transformer.figures import as_bytes, new_figure
from transformer.runs.checkpoints import newest_checkpoint
from transformer.runs.directory import RunDirectory
from transformer.training import curves, loop
from transformer.training.history import History, best, read_history
from transformer.training.loop import train
from transformer.training.resuming import TrainingError
from transformer.training.translation import TranslationTask
from transformer.training.updating import NotFiniteError, update_together

pytest.importorskip("matplotlib")

PNG = b"\x89PNG\r\n\x1a\n"


def line(step: int, **values: float) -> str:
    return json.dumps({"step": step, "epoch": 0, **values}) + "\n"


def history_of(tmp_path: Path, *lines: str) -> History:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(lines))
    return read_history(path)


@pytest.fixture(scope="module")
def trained(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run of twelve updates that nothing disturbs."""
    run_dir = tmp_path_factory.mktemp("curves") / "whole"
    train(load_config(None, [f"run_dir={run_dir}", *tiny]))
    return RunDirectory(run_dir)


# metrics.jsonl ------------------------------------------------------------------------------------


def test_each_metric_is_a_series_over_updates_and_minutes(tmp_path: Path) -> None:
    found = history_of(
        tmp_path,
        line(50, nll=4.0, seconds=60),
        line(100, nll=3.0, seconds=120),
        line(100, val_nll=3.5, seconds=180),
    )
    assert found.series["nll"][:, [0, 1, 3]].tolist() == [[50, 1, 4.0], [100, 2, 3.0]]
    assert found.series["val_nll"][:, [0, 1, 3]].tolist() == [[100, 3, 3.5]]
    assert found.series.keys() == {"nll", "val_nll"}


def test_half_a_last_line_is_no_damage_but_other_lines_are(tmp_path: Path) -> None:
    whole = line(50, nll=4.0)
    found = history_of(tmp_path, whole, "half a li\n", "[1]\n", whole, '{"step": 7, "nl')
    assert found.unreadable == [2, 3] and len(found.series["nll"]) == 2
    found = history_of(tmp_path, '{"step": "7", "nll": 1}\n', '{"step": -1, "nll": 1}\n')
    assert found == History({}, [1, 2])


@pytest.mark.parametrize("value", ["NaN", "Infinity", "null", '"1"', "[1]", "true"])
def test_what_is_not_a_finite_number_is_left_out(tmp_path: Path, value: str) -> None:
    found = history_of(tmp_path, f'{{"step": 5, "nll": {value}, "lr": 0.5}}\n')
    assert found.series.keys() == {"lr"} and found.unreadable == []


def test_the_scores_of_the_chosen_weights_are_not_part_of_the_curve(trained: RunDirectory) -> None:
    assert '"finished"' in trained.metrics.read_text()
    series = read_history(trained.metrics).series
    assert series["val_nll"][:, 0].tolist() == [4, 8, 12]
    assert series["nll"][:, 0].tolist() == [2, 4, 6, 8, 10, 12]


def test_tokens_are_those_that_the_run_has_counted(trained: RunDirectory) -> None:
    checkpoint = newest_checkpoint(trained)
    assert checkpoint is not None
    tokens = read_history(trained.metrics).series["nll"][-1, 2] * 1e6
    assert tokens == pytest.approx(checkpoint.state.tokens_seen, rel=1e-6)


def test_tokens_do_not_count_the_time_of_a_validation_between_two_lines(tmp_path: Path) -> None:
    found = history_of(
        tmp_path,
        line(50, nll=4.0, tokens_per_second=100, seconds=10),
        line(75, val_nll=4.0, seconds=10 + 5 + 40),
        line(100, nll=3.0, tokens_per_second=100, seconds=10 + 5 + 40 + 5),
    )
    assert found.series["nll"][:, 2] * 1e6 == pytest.approx([1000, 2000])


def test_the_best_is_the_first_of_the_lowest_or_the_highest(tmp_path: Path) -> None:
    values = [(1, 3.0), (2, 1.0), (3, 5.0), (4, 1.0), (5, 5.0)]
    rows = [line(step, val_nll=v, val_bleu=v, lr=v) for step, v in values]
    series = history_of(tmp_path, *rows).series
    assert [best(series[m], m)[0] for m in ("val_nll", "val_bleu")] == [2, 3]  # type: ignore[index]
    assert best(series["lr"], "lr") is None


def test_a_hundred_thousand_lines_are_drawn_by_their_extremes() -> None:
    n = 100_000
    ys = np.random.default_rng(1).normal(size=n)
    xs = np.arange(n, dtype=np.float64)
    ys[54_321], ys[777] = 99, -99
    thin_xs, thin_ys = curves._thinned(xs, ys)
    assert len(thin_xs) <= curves.MOST_POINTS + 2 and (np.diff(thin_xs) > 0).all()
    assert thin_xs[0] == 0 and thin_xs[-1] == n - 1
    assert {99.0, -99.0} <= set(thin_ys.tolist())
    assert (ys[thin_xs.astype(int)] == thin_ys).all()
    few = xs[: curves.MOST_POINTS]
    assert curves._thinned(few, few)[0] is few


# Pictures -----------------------------------------------------------------------------------------


def test_a_picture_of_a_run_has_what_the_run_has(tmp_path: Path) -> None:
    def panels(*lines: str) -> list[str]:
        figure = curves.draw_run(history_of(tmp_path, *lines), "run")
        assert as_bytes(figure, "png").startswith(PNG)
        return [axes.get_ylabel() or axes.get_title(loc="left") for axes in figure.axes]

    losses = "NLL (nats per token)"
    training = line(2, nll=5.0, lr=0.1, gradient_norm=0.5)
    assert panels(training) == [losses, "learning rate", "gradient norm"]
    assert panels(training, line(2, val_nll=5.0, val_bpc=2.0))[1] == "validation bits per character"
    assert panels(line(2, val_nll=5.0, val_bleu=2.0)) == [losses, "validation BLEU (greedy)"]
    assert panels(line(2, ppl=5.0)) == [losses]


def test_the_legend_says_how_much_a_point_of_training_is_a_mean_of(tmp_path: Path) -> None:
    rows = [line(step, nll=5.0) for step in (20, 40, 60)]
    figure = curves.draw_run(history_of(tmp_path, *rows, line(40, val_nll=1.5)), "run")
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["training (means over 20 updates)", "validation (best 1.500 at update 40)"]


@pytest.mark.parametrize(
    ("metric", "values", "scale"),
    [
        ("nll", (8.0, 2.0), "log"),
        ("nll", (2.0, 1.5), "linear"),
        ("gradient_norm", (90.0, 0.1), "log"),
        ("gradient_norm", (90.0, 0.0), "linear"),
        ("val_bleu", (1.0, 30.0), "linear"),
    ],
)
def test_an_axis_is_logarithmic_where_values_lie_far_apart(
    tmp_path: Path, metric: str, values: tuple[float, float], scale: str
) -> None:
    rows = [line(step, **{metric: value}) for step, value in enumerate(values, start=1)]
    [axes] = curves.draw_runs({"a": history_of(tmp_path, *rows)}, [metric]).axes
    assert axes.get_yscale() == scale
    assert axes.get_xlim()[0] == 0


def test_every_run_has_its_line_and_its_name(tmp_path: Path) -> None:
    history = history_of(tmp_path, line(1, nll=2.0), line(2, nll=1.0))
    names = ["_a", "$x^2$", *(f"run {n}" for n in range(curves.MOST_RUNS - 2))]
    figure = curves.draw_runs(dict.fromkeys(names, history), ["nll"], "minutes")
    lines = figure.axes[0].lines
    assert len({(each.get_color(), each.get_linestyle()) for each in lines}) == len(names)
    texts = figure.legends[0].get_texts()
    assert [text.get_text() for text in texts] == names
    assert not any(text.get_parse_math() for text in texts)
    assert [text.get_color() for text in texts]
    assert figure.axes[0].get_xlabel() == "minutes of training"
    with pytest.raises(UserError, match=f"at most {curves.MOST_RUNS} runs; found"):
        curves.draw_runs(dict.fromkeys([*names, "one more"], history), ["nll"])


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_curves_are_the_same_file(tmp_path: Path, kind: str) -> None:
    history = history_of(tmp_path, line(1, nll=2.0), line(2, nll=1.0))
    one, two = (as_bytes(curves.draw_run(history, "run"), kind) for _ in range(2))
    assert one == two


def test_padding_is_that_of_the_batches_of_the_first_epoch(
    configure: Callable[..., Config],
) -> None:
    task = TranslationTask.prepare(configure())
    found = curves._padding(
        curves.lengths(task.train), curves.pair_weights(task.train), task.config
    )
    counts = [b.count_positions(task.tokenizer.pad_id) for b in task.batches(epoch=0, skip=0)]
    assert sorted(found) == pytest.approx(sorted(padding / n for n, padding in counts))
    left, right = curves.draw_lengths(task.train, task.config).axes
    assert left.get_xlabel() == "pieces in a sentence"
    drawn = [patch.get_data().values.sum() for patch in left.patches]
    assert drawn == pytest.approx([len(task.train.pairs)] * 2)
    assert sum(bar.get_height() for bar in right.patches) == len(counts)


# While training -----------------------------------------------------------------------------------


def test_a_run_leaves_pictures_and_goes_on_beside_them(trained: RunDirectory) -> None:
    assert trained.curves.name == "curves.png" and trained.lengths.name == "lengths.png"
    before = trained.curves.read_bytes()
    assert before.startswith(PNG) and trained.lengths.read_bytes().startswith(PNG)
    trained.curves.unlink()
    train(trained.load_config(), resume=True)  # finished already
    assert trained.curves.read_bytes() == before


def test_an_interrupted_run_is_drawn_and_a_resumed_one_from_its_beginning(
    configure: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[list[float]] = []
    draw = curves.draw_run

    def noted(history: History, title: str) -> Any:
        drawn.append(history.series["nll"][:, 0].tolist())
        return draw(history, title)

    def interrupts(*args: Any) -> Any:
        if args[3] == 7:
            signal.raise_signal(signal.SIGINT)
        return update_together(*args)

    monkeypatch.setattr(curves, "draw_run", noted)
    config = configure()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "update_together", interrupts)
        assert train(config).interrupted
    assert RunDirectory(config.run_dir).curves.is_file()
    train(config, resume=True)
    assert drawn == [[2, 4, 6], [2, 4, 6, 8, 10, 12]]


def test_a_run_that_diverges_is_drawn(
    configure: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverges(*args: Any) -> Any:
        if args[3] == 5:
            raise NotFiniteError("the loss is nan", args[2].batches[0])
        return update_together(*args)

    monkeypatch.setattr(loop, "update_together", diverges)
    config = configure()
    with pytest.raises(TrainingError, match="the loss is nan"):
        train(config)
    assert RunDirectory(config.run_dir).curves.is_file()


def test_whoever_asks_twice_to_stop_does_not_wait_for_pictures(
    configure: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupts(*args: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "update_together", interrupts)
    config = configure()
    with pytest.raises(KeyboardInterrupt):
        train(config)
    run = RunDirectory(config.run_dir)
    assert run.metrics.parent.is_dir() and not run.curves.exists() and not run.lengths.exists()


@pytest.mark.parametrize(
    "error", [RuntimeError("no ink"), MemoryError("no ink"), OSError("no ink")]
)
def test_what_prevents_drawing_ends_nothing(
    configure: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    def fails(*args: Any) -> Any:
        raise error

    monkeypatch.setattr(curves, "draw_run", fails)
    config = configure("training.max_steps=2", "training.val_bleu_sentences=0")
    assert train(config).step == 2
    told = [r for r in caplog.records if "no ink" in r.message]
    assert len(told) == 1 and told[0].levelno == logging.WARNING
    assert not RunDirectory(config.run_dir).curves.exists()


def test_without_matplotlib_nothing_is_drawn(
    configure: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    caplog.set_level(logging.INFO)
    config = configure("training.max_steps=2", "training.val_bleu_sentences=0")
    assert train(config).step == 2
    told = [r for r in caplog.records if "pictures" in r.message]
    assert len(told) == 1 and told[0].levelno == logging.INFO
    assert not list(Path(config.run_dir).glob("*.png"))
    with pytest.raises(
        UserError, match=r"need matplotlib: pip install 'attention-transformer\[plot"
    ):
        new_figure((1, 1))


def test_a_language_model_has_curves_but_no_lengths(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Die Pizza kam aus dem Ofen.\n" * 100)
    config = load_config(
        None,
        [
            *(f"run_dir={tmp_path / 'run'}", f"data.train={text}", f"data.val={text}"),
            *("task=language_modeling", "tokenizer.kind=characters", "model.context=16"),
            *("model.d_model=16", "model.d_ff=32", "model.n_heads=2", "model.n_decoder_layers=1"),
            *("training.batch_tokens=64", "training.max_steps=4", "training.warmup_steps=2"),
            *("training.validate_every=2", "training.log_every=2", "training.threads=1"),
            *("training.tensorboard=false", "training.label_smoothing=0.0"),
        ],
    )
    train(config)
    run = RunDirectory(config.run_dir)
    assert run.curves.is_file() and not run.lengths.exists()
    assert "pictures" not in caplog.text
