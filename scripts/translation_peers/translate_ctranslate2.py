"""CTranslate2 by `translate_batch`, which sorts and batches all that it is given."""

import ctranslate2
import sentencepiece
from stopwatch import measure, read_job


def main() -> None:
    job, folder = read_job()
    translator = ctranslate2.Translator(
        job.ctranslate2,
        device="cpu",
        compute_type={"fp32": "float32", "int8": "int8"}[job.precision],
        inter_threads=job.workers,
        intra_threads=job.threads // job.workers,
    )
    tokenizer = sentencepiece.SentencePieceProcessor()
    tokenizer.Load(str(folder / "sentencepiece.model"))
    eos = tokenizer.IdToPiece(tokenizer.eos_id())

    def translate(lines: list[str]) -> list[str]:
        results = translator.translate_batch(
            [[*pieces, eos] for pieces in tokenizer.encode(lines, out_type=str)],
            max_batch_size=job.ctranslate2_batch,
            batch_type="tokens",
            beam_size=job.beam_size,
            length_penalty=1.0,  # of length^1; nothing comes of it in a beam of one
            max_input_length=0,  # or else it cuts off long sources
            max_decoding_length=job.max_length,
            disable_unk=True,
        )
        return [tokenizer.decode(result.hypotheses[0]) for result in results]

    measure(
        job,
        folder,
        translate,
        f"ctranslate2 {ctranslate2.__version__}, {translator.compute_type}",
        alone=job.workers == 1,
    )


if __name__ == "__main__":
    main()
