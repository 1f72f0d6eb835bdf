"""This package, by `Translator`, prepared as `transformer-translate` prepares it."""

import gc

from transformer.memory import keep_compiled_products, keep_freed_memory

keep_compiled_products()
keep_freed_memory()

import torch  # noqa: E402
from stopwatch import measure, read_job  # noqa: E402

import transformer  # noqa: E402
from transformer import Translator  # noqa: E402


def main() -> None:
    job, folder = read_job()
    torch.set_num_threads(job.threads // job.workers)
    translator = Translator.load(job.model, precision=job.precision, shortlist=job.shortlist)
    gc.freeze()
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
        results = translator.translate_batch(lines, workers=job.workers)
        return [best[0].text for best in results]

    measure(job, folder, translate, transformer.__version__, alone=job.workers == 1)


if __name__ == "__main__":
    main()
