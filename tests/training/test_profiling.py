import re
from collections.abc import Callable
from pathlib import Path

import pytest

from transformer.cli import train_main
from transformer.config import Config
from transformer.training.profiling import describe_update


def milliseconds(table: str) -> dict[str, float]:
    """The first words of each line that has times, and the sum of its times."""
    times = {}
    for line in table.splitlines():
        if match := re.match(r"(.+?) {2,}([\d.]+ ms.*)", line):
            times[match[1]] = sum(float(t) for t in re.findall(r"([\d.]+) ms", match[2]))
    return times


@pytest.mark.slow
def test_the_time_of_an_update_by_part_and_by_kind(configure: Callable[..., Config]) -> None:
    config = configure("model.norm_first=true", "training.consistency=1.0")
    headline, parts, kinds = describe_update(config).split("\n\n")
    assert re.match(r"an update takes \d+ ms, \d+ ms while it is profiled: cpu, ", headline)
    by_part, by_kind = milliseconds(parts), milliseconds(kinds)
    assert {
        "encoder, self attention, projections",
        "decoder, cross attention, projections",
        "decoder, feed forward residual, norm",
        "output projection",
        "optimiser",
        "batches",
    } <= by_part.keys()
    assert {"matrix products", "dropout", "loss", "optimiser"} <= by_kind.keys()
    # Both tables share out the same time, up to rounding.
    total = sum(by_part.values())
    assert total > 0
    assert sum(by_kind.values()) == pytest.approx(total, abs=0.1 * (len(by_part) + len(by_kind)))
    assert not Path(config.run_dir).exists()


@pytest.mark.slow
def test_the_command_profiles_and_trains_nothing(
    configure: Callable[..., Config], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(configure().to_yaml())
    assert train_main(["--config", str(path), "--profile"]) == 0
    assert "output projection" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()
    with pytest.raises(SystemExit):
        train_main(["--config", str(path), "--profile", "--dry-run"])
    assert "not allowed with argument" in capsys.readouterr().err
