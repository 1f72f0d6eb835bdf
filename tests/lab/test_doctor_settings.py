"""The doctor's look at settings and the schedule."""

from pathlib import Path

import pytest

from transformer.config import Config, load_config
from transformer.lab.doctor.findings import Finding
from transformer.lab.doctor.settings import check_schedule, check_settings
from transformer.training.updating import learning_rate_at

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
QUICK = Path(__file__).parents[2] / "configs" / "quickstart.yaml"


def _schedule(config: Config, epoch_steps: int = 200) -> list[Finding]:
    return list(check_schedule(config, config.training.max_steps, epoch_steps))


def _wrong(findings: list[Finding], level: str = "fault") -> list[str]:
    assert all(finding.advice for finding in findings if finding.level != "ok")
    return [finding.found for finding in findings if finding.level == level]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_no_configuration_of_the_package_is_blamed(path: Path) -> None:
    config = load_config(path)
    findings = _schedule(config, epoch_steps=max(200, config.training.max_steps // 100))
    findings += check_settings(config, config.training.max_steps)
    assert all(finding.level == "ok" for finding in findings)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (["training.peak_learning_rate=1.0"], "the peak is 1.0e+00"),
        (["training.learning_rate_scale=10"], "the peak is 5.6e-02"),
        (["training.warmup_steps=10"], "the peak is 2.8e-02"),
        (["training.warmup_steps=4000", "training.max_steps=600"], "warm-up of 4,000 of 600"),
        (["training.peak_learning_rate=1e-7"], "all learning rates add up to 4.7e-05"),
    ],
)
def test_a_schedule_that_cannot_train_is_found(settings: list[str], named: str) -> None:
    assert any(named in found for found in _wrong(_schedule(load_config(QUICK, settings))))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (["training.warmup_steps=600"], "warm-up of 600 of 940"),
        (["training.decay=linear", "training.final_share=0.9"], "the last update has 90%"),
        (["model.n_encoder_layers=6", "training.peak_learning_rate=3e-3"], "normalise last"),
        (["training.max_steps=90000"], "are 450.0 epochs"),
        (["training.warmup_steps=1", "training.peak_learning_rate=1e-3"], "the very first update"),
    ],
)
def test_a_schedule_that_is_doubtful_is_a_warning(settings: list[str], named: str) -> None:
    found = _wrong(_schedule(load_config(QUICK, settings)), "warning")
    assert any(named in each for each in found), found


def test_a_learning_rate_that_falls_before_it_grows_is_found() -> None:
    config = load_config(QUICK)
    warmup = config.training.warmup_steps

    def upside_down(step: int, config: Config) -> float:
        return learning_rate_at(max(1, warmup - step), config)

    [found] = _wrong([next(check_schedule(config, 940, 200, upside_down))])
    assert "not a warm-up and then a decay" in found


def test_a_run_that_goes_on_from_another_may_have_low_rates() -> None:
    low = ["training.peak_learning_rate=1e-6"]
    assert _wrong(_schedule(load_config(QUICK, low)))
    assert not _wrong(_schedule(load_config(QUICK, [*low, "training.start_from=de-en"])))


@pytest.mark.parametrize(
    ("settings", "level", "named"),
    [
        (["model.dropout=0.8"], "fault", "model.dropout is 0.8"),
        (["training.label_smoothing=0.6"], "fault", "training.label_smoothing is 0.6"),
        (["training.adam_eps=0.1"], "fault", "training.adam_eps is 0.1"),
        (["training.weight_decay=50"], "fault", "training.weight_decay is 50"),
        (["training.clip_norm=1e-3"], "warning", "training.clip_norm is 0.001"),
        (["model.n_heads=32"], "warning", "each head is 4 wide"),
        (["model.d_ff=64"], "warning", "narrower than d_model (128)"),
        (["training.validate_every=5000"], "warning", "validated only at its end"),
        (["training.consistency=1", "training.consistency_start=2000"], "warning", "never sets in"),
        (["training.patience=1", "training.validate_every=100"], "warning", "may stop before"),
        (["training.final_share=0.1", "training.decay=inverse_sqrt"], "warning", "without effect"),
        (
            ["training.batch_tokens=300", "data.cleaning.max_tokens=100"],
            "warning",
            "an update sees 300 tokens",
        ),
        (["tokenizer.sampling_alpha=0.01"], "warning", "almost at random"),
    ],
)
def test_settings_far_from_the_usual_are_found(settings: list[str], level: str, named: str) -> None:
    findings = list(check_settings(load_config(QUICK, settings), 940))
    assert any(named in found for found in _wrong(findings, level)), findings
