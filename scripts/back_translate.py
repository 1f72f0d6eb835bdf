"""Makes pairs for de-en of English lines that nobody has translated (Sennrich et al. 2016).

    python scripts/back_translate.py --input FOLDER --output data/everyday/back_translated.tsv

FOLDER holds `*.en.gz`, a sentence a line; of each file, --lines are drawn. The package's en-de
translates them, with a beam of 2 in int8; stopped, it goes on where it was. Left out are lines
whose German lost something, is half or twice as long, or of which the model was not sure, and what
documents, card and tests show a model with. Each German line begins with † (Caswell et al. 2019),
so that the model that learns from it can tell it from what people write.
"""

import argparse
import gzip
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from check_examples import never_trained_on, normalised

from transformer.files import write_atomically

TAG = "†"
"""The first piece of a German line that a model made; `tokenizer.required_characters` has it."""


def main() -> None:
    """Draws, translates, filters, tells."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=115_000, help="of each file, at most")
    parser.add_argument("--min-confidence", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    english = args.output.with_suffix(".en")
    if not english.is_file():
        write_atomically(english, "".join(draw(args.input, args.lines, args.seed)).encode())
    translated = args.output.with_suffix(".jsonl")
    if not translated.is_file():
        translate(english, translated)
    pairs, left_out = kept(translated, args.min_confidence)
    write_atomically(args.output, "".join(f"{TAG} {de}\t{en}\n" for de, en in pairs).encode())
    english.unlink()
    translated.unlink()
    print(f"{args.output}: {len(pairs):,} pairs; left out: ", end="")
    print(", ".join(f"{n:,} {why}" for why, n in left_out.most_common()))
    for pair in random.Random(args.seed).sample(pairs, min(5, len(pairs))):
        print(f"    {' | '.join(pair)}")


def draw(folder: Path, n: int, seed: int) -> list[str]:
    """Lines of each file, in their order."""
    paths = sorted(folder.glob("*.en.gz"))
    if not paths:
        raise SystemExit(f"no *.en.gz in {folder}")
    drawn: list[str] = []
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = file.readlines()
        chosen = sorted(random.Random(seed).sample(range(len(lines)), min(n, len(lines))))
        drawn += [lines[i] for i in chosen]
    return drawn


def translate(english: Path, output: Path) -> None:
    """The lines with their translations, as `transformer-translate --json` writes them."""
    program = Path(sys.executable).with_name("transformer-translate")
    command = [str(program), "--to", "de", "--json"]
    command += ["--beam-size", "2", "--patience", "1", "--precision", "int8", "--workers", "2"]
    command += ["--input", str(english), "--output", str(output)]
    if output.with_name(f"{output.name}.partial").exists():
        command.append("--resume-output")
    if subprocess.run(command).returncode:  # it has said why
        sys.exit(1)


def kept(translated: Path, min_confidence: float) -> tuple[list[tuple[str, str]], Counter[str]]:
    """German and English of the lines that can be used, and how many cannot, by why."""
    unwanted = {normalised(text) for text in never_trained_on()}
    left_out: Counter[str] = Counter()
    pairs: list[tuple[str, str]] = []
    for line in translated.read_text(encoding="utf-8").splitlines():
        found = json.loads(line)
        english, best = found["source"], found["translations"][0]
        german = best["text"]
        ratio = len(german) / len(english) if english else 0
        if best["warnings"]:
            left_out["lost something"] += 1
        elif not 0.5 <= ratio <= 2:
            left_out["of another length"] += 1
        elif best["confidence"] < min_confidence:
            left_out["unsure"] += 1
        elif {normalised(german), normalised(english)} & unwanted:
            left_out["shown elsewhere"] += 1
        else:
            pairs.append((german, english))
    return pairs, left_out


if __name__ == "__main__":
    main()
