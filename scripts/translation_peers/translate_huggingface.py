"""Hugging Face's MarianMTModel by `generate`, in batches of sentences of about equal length."""

import sentencepiece
import torch
import transformers
from stopwatch import batches_by_length, measure, read_job
from transformers import MarianMTModel


def main() -> None:
    job, folder = read_job()
    torch.set_num_threads(job.threads)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[job.precision]
    model = MarianMTModel.from_pretrained(job.huggingface, dtype=dtype).eval()
    tokenizer = sentencepiece.SentencePieceProcessor()
    tokenizer.Load(str(folder / "sentencepiece.model"))
    # MarianTokenizer, in Python, would only be slower than sentencepiece itself, which it calls.
    never = [tokenizer.pad_id(), tokenizer.unk_id(), tokenizer.bos_id()]

    size = job.huggingface_batch if job.beam_size == 1 else job.huggingface_batch // 2

    @torch.inference_mode()
    def translate(lines: list[str]) -> list[str]:
        sources = [[*ids, tokenizer.eos_id()] for ids in tokenizer.encode(lines)]
        found = [""] * len(lines)
        for places in batches_by_length([len(ids) for ids in sources], size):
            batch = [torch.tensor(sources[i]) for i in places]
            ids = torch.nn.utils.rnn.pad_sequence(
                batch, batch_first=True, padding_value=tokenizer.pad_id()
            )
            output = model.generate(
                input_ids=ids,
                attention_mask=(ids != tokenizer.pad_id()).long(),
                num_beams=job.beam_size,
                do_sample=False,
                length_penalty=1.0,
                early_stopping=True,  # the quickest of its three rules
                max_new_tokens=ids.size(1) - 1 + job.max_extra_tokens,
                suppress_tokens=never,
            )
            for place, row in zip(places, output.tolist(), strict=True):
                found[place] = tokenizer.decode(row)
        return found

    measure(
        job,
        folder,
        translate,
        f"transformers {transformers.__version__}, {model.config._attn_implementation}",
    )


if __name__ == "__main__":
    main()
