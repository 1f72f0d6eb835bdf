"""Trains the model that ships with the package and writes it, with its card, into the package.

    python scripts/build_pretrained.py --config configs/quickstart.yaml --run runs/pretrained

An existing, finished run is taken as it is.
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

from transformer import Translator, load_config, train
from transformer.checkpoint import RunDirectory
from transformer.cli import hardware
from transformer.data.sample_corpus import sample_pairs
from transformer.inference.evaluation import evaluate

PACKAGE = Path(__file__).parents[1] / "transformer" / "pretrained"

CARD = """\
# The model in the package

German → English, trained with `{config}` on the built-in corpus only: sentences that a small
hand-written grammar makes about kitchen, family, town, weather and travel. It knows those words and
that grammar, gender and pronouns above all. It is a demonstration, not a general translator: words
it has never seen become words it has.

| | |
|---|---|
| weights | {weights:,}, fp32, {megabytes:.1f} MB with the vocabulary |
| training | {steps:,} updates, {minutes:.1f} minutes on {hardware} |
| data | {pairs:,} generated pairs; no text by others |
| held-out pairs | {held_out:,}, of combinations of words that are in no training sentence |
| score on them | {scores} |
| decoding | beam {beam}, length penalty {penalty} {alpha} |
| licence | Apache-2.0, as the package |

Made by `python scripts/build_pretrained.py --config {config}`.
"""


def main() -> None:
    """Trains if need be, scores on the held-out split, copies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="configs/quickstart.yaml")
    parser.add_argument("--run", default="runs/pretrained")
    args = parser.parse_args()

    run = RunDirectory(args.run)
    config = load_config(args.config, [f"run_dir={args.run}"])
    if not run.model.exists():
        train(config)
    last = json.loads(run.metrics.read_text().splitlines()[-1])
    state = json.loads((max(run.checkpoints.glob("step-*")) / "state.json").read_text())

    translator = Translator.load(args.run)
    pairs = sample_pairs("test")
    started = time.perf_counter()
    found = [best[0].text for best in translator.translate_batch([de for de, _ in pairs])]
    seconds = time.perf_counter() - started
    scores = evaluate(found, [en for _, en in pairs])
    exact = sum(text == en for text, (_, en) in zip(found, pairs, strict=True)) / len(pairs)

    with tempfile.TemporaryDirectory() as folder:
        shipped = RunDirectory(folder)
        for path in (run.tokenizer, run.model):
            shutil.copy(path, folder)
        # Nothing of the machine it was trained on.
        moved = config.model_copy(update={"run_dir": "pretrained"})
        shipped.config.write_text(moved.to_yaml(), encoding="utf-8")
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        card = CARD.format(
            config=args.config,
            weights=translator.model.n_parameters(),
            megabytes=size / 1e6,
            steps=last["step"],
            minutes=state["seconds"] / 60,
            hardware=hardware(),
            pairs=len(sample_pairs("train")),
            held_out=len(pairs),
            scores="; ".join(str(score) for score in scores)
            + f"; {exact:.1%} exactly as the reference",
            beam=config.decoding.beam_size,
            penalty=config.decoding.length_penalty,
            alpha=config.decoding.alpha,
        )
        (Path(folder) / "README.md").write_text(card, encoding="utf-8")
        PACKAGE.mkdir(exist_ok=True)
        for path in Path(folder).iterdir():
            shutil.copy(path, PACKAGE)
    print(card)
    print(f"{len(pairs)} sentences in {seconds:.1f} s; {PACKAGE} holds {size / 1e6:.2f} MB")
    for (de, en), text in list(zip(pairs, found, strict=True))[:20]:
        print(f"  {de}\n    {text}" + ("" if text == en else f"   (reference: {en})"))


if __name__ == "__main__":
    main()
