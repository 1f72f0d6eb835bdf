"""This package, by `train` as `transformer-train` calls it."""

import json
from typing import Any

from meter import Meter, read_job

import transformer
from transformer import Translator, load_config, train
from transformer.training import loop


def main() -> None:
    job, folder = read_job()
    meter = Meter(job)
    counted = loop.update_together

    def update(spread: Any, optimizer: Any, share: Any, *rest: Any) -> Any:
        meter.count(sum(batch.n_tokens for batch in share.batches))
        return counted(spread, optimizer, share, *rest)

    loop.update_together = update  # type: ignore[assignment]
    settings = json.loads((folder / "ours.json").read_text())
    settings += [f"run_dir={folder / 'ours'}", f"training.precision={job.precision}"]
    run = train(load_config(None, settings))
    n_weights = Translator.load(run.directory).model.n_parameters()
    meter.write(folder, run.metrics["val_nll"], n_weights, f"{transformer.__version__}")


if __name__ == "__main__":
    main()
