import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from transformer.errors import UserError
from transformer.lab import what_if
from transformer.lab.comparison import Comparison, Outcome
from transformer.lab.suite import Suite, Variant
from transformer.lab.what_if import OUTCOME, compare
from transformer.model.encoder_decoder import Transformer
from transformer.training.task import Change


@pytest.fixture
def suite(tiny: list[str]) -> Suite:
    return Suite(
        settings=tuple(tiny),
        variants=(
            Variant(name="paper"),
            Variant(name="no √", changes=("no_embedding_scale",), why="Since\nit is so."),
        ),
    )


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The folders of the runs that are really trained."""
    names: list[str] = []
    train = what_if.train

    def watched(config, **how):  # type: ignore[no-untyped-def]
        names.append(Path(config.run_dir).name)
        return train(config, **how)

    monkeypatch.setattr(what_if, "train", watched)
    yield names


@pytest.mark.slow
def test_what_is_trained_is_not_trained_again(
    suite: Suite, trained: list[str], tmp_path: Path
) -> None:
    heard: list[str] = []
    first = compare(suite, tmp_path, n_seeds=2, progress=heard.append)
    assert len(trained) == 4
    assert len({tuple(sorted(o.scores.items())) for o in first.outcomes["paper"]}) == 2
    assert heard[2] == "3 of 4: no √, seed 1"
    again = compare(suite, tmp_path, n_seeds=3, progress=heard.append)
    assert len(trained) == 6
    assert again.outcomes["paper"][:2] == first.outcomes["paper"]
    assert heard[4] == "1 of 6: paper, seed 1 (trained before)"
    assert not list(tmp_path.rglob("step-*"))


@pytest.mark.slow
def test_what_is_set_otherwise_or_learns_from_another_text_is_trained_again(
    suite: Suite, trained: list[str], tmp_path: Path, tiny: list[str]
) -> None:
    only = suite.only(["no √"]).model_copy(update={"variants": suite.variants[:1]})
    compare(only, tmp_path)
    compare(only, tmp_path, settings=["training.max_steps=11"])
    [data] = [line.removeprefix("data.train=") for line in tiny if line.startswith("data.train=")]
    longer = tmp_path / "longer.tsv"
    longer.write_bytes(Path(data).read_bytes())
    compare(only, tmp_path, settings=[f"data.train={longer}"])
    longer.write_bytes(Path(data).read_bytes() + b"Ja.\tYes.\n")
    compare(only, tmp_path, settings=[f"data.train={longer}"])
    assert len(set(trained)) == len(trained) == 4


@pytest.mark.slow
def test_the_table_shows_means_and_intervals_and_says_why(suite: Suite, tmp_path: Path) -> None:
    found = compare(suite, tmp_path, n_seeds=2)
    a, b = (outcome.scores["val_nll"] for outcome in found.outcomes["paper"])
    mean = found.mean("paper", "val_nll")
    assert mean is not None
    # Student's t with one degree of freedom: 12.706.
    assert mean == (pytest.approx((a + b) / 2), pytest.approx(12.706 * abs(a - b) / 2, rel=1e-4))
    text = str(found)
    assert f"| {mean[0]:.3f} ± {mean[1]:.3f} " in text
    assert text.endswith("no √: Since it is so.")
    assert found.example.split()
    assert json.loads(json.dumps(found.to_dict()))["outcomes"][3]["seed"] == 2


@pytest.mark.slow
def test_the_example_and_the_scores_are_those_of_the_changed_model(
    suite: Suite, tmp_path: Path
) -> None:
    compare(suite, tmp_path)
    [run] = [path.parent for path in tmp_path.rglob(OUTCOME) if path.parent.name.startswith("no-")]
    variant = suite.variants[1]
    model = what_if.trained_model(
        what_if.RunDirectory(run), suite.config(variant, ["seed=1"]), variant.change
    )
    assert isinstance(model, Transformer)
    assert model.output.scale == 1.0
    with pytest.raises(UserError, match="model of an experiment"):
        what_if.trained_model(what_if.RunDirectory(run), suite.config(variant), None)


@pytest.mark.slow
def test_an_interrupted_comparison_goes_on(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = compare(suite, tmp_path / "straight")
    real, updates = what_if.train, 0

    def interrupted(config, **how):  # type: ignore[no-untyped-def]
        from transformer.training import loop

        plain = loop.update_together

        def stop_at_5(*args, **kwargs):  # type: ignore[no-untyped-def]
            nonlocal updates
            updates += 1
            if updates == 5:
                raise KeyboardInterrupt
            return plain(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(loop, "update_together", stop_at_5)
            return real(config, **how)

    with monkeypatch.context() as patch:
        patch.setattr(what_if, "train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            compare(suite, tmp_path / "cut")
    after = compare(suite, tmp_path / "cut")
    for name, outcomes in straight.outcomes.items():
        assert after.outcomes[name][0].scores == outcomes[0].scores
        assert after.outcomes[name][0].curve == outcomes[0].curve


@pytest.mark.slow
def test_a_run_that_diverges_is_a_result(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(model: Transformer) -> None:
        with torch.no_grad():
            model.output.weight.fill_(math.inf)

    spoiled = Change("no_embedding_scale", spoil)
    monkeypatch.setattr("transformer.lab.suite.change", lambda names: spoiled if names else None)
    found = compare(suite, tmp_path)
    assert found.outcomes["no √"][0].diverged
    assert "| 1 of 1 diverged |" in " ".join(found.table().split())
    assert found.mean("no √", "val_nll") is None
    assert compare(suite, tmp_path).outcomes == found.outcomes


@pytest.mark.slow
def test_a_damaged_outcome_is_named(suite: Suite, tmp_path: Path) -> None:
    compare(suite, tmp_path)
    path = min(tmp_path.rglob(OUTCOME))
    path.write_text("{")
    with pytest.raises(UserError, match=f"{path} is damaged; delete .* to train it again"):
        compare(suite, tmp_path)


def outcome(variant: str, seed: int, values: list[float], **how: object) -> Outcome:
    curve = [(10 * (i + 1), value) for i, value in enumerate(values)]
    return Outcome(variant, seed, {"val_nll": values[-1]}, 5, 1.0, curve, **{"example": "", **how})  # type: ignore[arg-type]


def comparison(*outcomes: Outcome) -> Comparison:
    names = list(dict.fromkeys(o.variant for o in outcomes))
    variants = tuple(Variant(name=name, group=name[:1]) for name in names)
    return Comparison(
        Suite(variants=variants),
        "",
        "",
        {name: [o for o in outcomes if o.variant == name] for name in names},
    )


def test_a_picture_has_a_panel_for_each_group_with_the_first_in_all() -> None:
    pytest.importorskip("matplotlib")
    found = comparison(
        *(outcome("base", seed, [3, 2, 1 + seed]) for seed in (1, 2)),
        *(outcome("x1", seed, [4, 3, 2 + seed]) for seed in (1, 2)),
        *(outcome("x2", seed, [4.0] * seed) for seed in (1, 2)),
        *(outcome("y", seed, [1, 1, 1]) for seed in (1, 2)),
    )
    panels = [axes for axes in found.draw().axes if axes.lines]
    names = [[line.get_label() for line in axes.lines] for axes in panels]
    assert names == [["base", "x1", "x2"], ["base", "y"]]
    base, x1, x2 = panels[0].lines
    assert list(base.get_ydata()) == [3, 2, 2.5]
    assert list(base.get_xdata()) == [10, 20, 30]
    assert list(x1.get_ydata()) == [4, 3, 3.5]
    assert list(x2.get_xdata()) == [10]  # where both seeds still ran


def test_runs_too_short_for_a_curve_are_drawn_without_one() -> None:
    pytest.importorskip("matplotlib")
    from transformer.figures import as_bytes

    empty = [Outcome(name, 1, {"val_nll": 1.0}, 5, 1.0, [], "") for name in ("a", "b")]
    assert as_bytes(comparison(*empty).draw(), "png").startswith(b"\x89PNG")


def test_a_text_in_a_table_takes_one_line_and_no_column_more() -> None:
    written = "one\ntwo | three " + "x" * 100
    table = comparison(outcome("a", 1, [1.0], example=written)).table()
    assert "one two \\| three x" in table
    assert len(table.splitlines()) == 3
    assert table.splitlines()[2].endswith("… |")


@pytest.mark.parametrize("setting", ["seed=7", "run_dir=runs/mine"])
def test_what_the_experiment_sets_itself_is_refused(
    suite: Suite, tmp_path: Path, setting: str
) -> None:
    named = suite.model_copy(update={"settings": (*suite.settings, setting)})
    for given, settings in ((suite, [setting]), (named, [])):
        with pytest.raises(UserError, match=f"{setting}: seeds and run directories are set by"):
            compare(given, tmp_path, settings=settings)
    assert not list(tmp_path.iterdir())


def test_intervals_need_scipy(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(UserError, match=r"need scipy: pip install 'attention-transformer\[lab\]'"):
        compare(suite, tmp_path, n_seeds=2)
    assert not list(tmp_path.iterdir())
