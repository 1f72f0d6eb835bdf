"""This package, by `Translator`."""

import torch
from stopwatch import measure, read_job

import transformer
from transformer import Translator


def main() -> None:
    job, folder = read_job()
    torch.set_num_threads(job.threads)
    translator = Translator.load(job.model, precision=job.precision)
    settings = {
        "beam_size": job.beam_size,
        "length_penalty": "power",
        "alpha": 1.0,
        "patience": 1.0,  # as the others
        "max_extra_tokens": job.max_extra_tokens,
        "batch_tokens": job.ours_batch,
    }
    translator.decoding = translator.decoding.model_copy(update=settings)

    def translate(lines: list[str]) -> list[str]:
        return [best[0].text for best in translator.translate_batch(lines)]

    measure(job, folder, translate, transformer.__version__)


if __name__ == "__main__":
    main()
