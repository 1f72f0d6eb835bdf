"""Makes the vocabulary shortlist of a run from its training corpus, for `--shortlist`.

    python scripts/build_shortlist.py --model runs/multi30k_de_en

It is written into the run directory. Measure what it costs with your own text:
`transformer-evaluate` with and without --shortlist.
"""

import argparse

from transformer.data.corpus import encode_corpus, load_corpus
from transformer.data.tokenizer import Tokenizer
from transformer.inference.shortlist import NAME, build_shortlist
from transformer.runs.directory import RunDirectory


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="run directory")
    parser.add_argument("--pairs", type=int, default=200_000, help="sentence pairs at most")
    parser.add_argument("--each", type=int, default=20, help="translations of each source piece")
    parser.add_argument("--always", type=int, default=200, help="frequent pieces on every list")
    args = parser.parse_args()

    run = RunDirectory(args.model)
    config = run.load_config()
    tokenizer = Tokenizer.load(run.tokenizer)
    cleaning = config.data.cleaning
    corpus = encode_corpus(load_corpus(config.data, "train"), tokenizer, cleaning.max_tokens)
    n_pairs = min(args.pairs, len(corpus.pairs))
    rows = corpus.pairs[:n_pairs]
    shortlist = build_shortlist(
        rows["src_ids"], rows["tgt_ids"], tokenizer, n_each=args.each, n_always=args.always
    )
    shortlist.save(run.path / NAME)
    print(f"{run.path / NAME}: from {n_pairs:,} pairs, {len(shortlist.ids):,} translations")


if __name__ == "__main__":
    main()
