"""Scores a run on the held-out part of the built-in corpus, and prints what it says.

python scripts/score_builtin.py --model runs/quickstart
"""

import argparse

from transformer import Translator
from transformer.data.builtin.corpus import sample_pairs
from transformer.inference.evaluation import evaluate


def main() -> None:
    """Translates, scores, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="run directory")
    args = parser.parse_args()
    pairs = sample_pairs("test")
    translator = Translator.load(args.model)
    found = [best[0].text for best in translator.translate_batch([de for de, _ in pairs])]
    for (de, en), text in list(zip(pairs, found, strict=True))[:20]:
        print(f"  {de}\n    {text}" + ("" if text == en else f"   (reference: {en})"))
    exact = sum(text == en for text, (_, en) in zip(found, pairs, strict=True))
    print(f"{len(pairs):,} pairs, {exact:,} exactly as the reference")
    for score in evaluate(found, [en for _, en in pairs]):
        print(score)


if __name__ == "__main__":
    main()
