"""The section `training`: batches, schedule, loss, machine, validation and checkpoints."""

from typing import Literal

from pydantic import Field, model_validator

from .base import MAX_FACTOR, Count, PathText, PositiveInt, Settings, Share, Text, Threads, Tokens


class TrainingConfig(Settings):
    start_from: PathText | None = None
    """Begin with the weights and the tokenizer of another run, in place of random ones: its
    directory, `de-en` (or `shipped`) or `en-de` for a model in the package, or a folder of Hugging
    Face's GPT-2. Its model and decoding settings are taken over, except those that are given here.
    Those that decide the weights' shapes or meaning cannot be changed."""
    batch_tokens: Tokens = 25_000
    """Padded tokens of a batch, counted on the longer side, never exceeded; the paper has about
    25,000 on each side in an update. With `accumulate`, of each micro-batch."""
    accumulate: PositiveInt = 1
    """Batches whose gradients make one update, normalised by the target tokens of all of them."""
    max_steps: PositiveInt = 100_000
    """Updates; paper: 100,000 base, 300,000 big."""
    max_epochs: PositiveInt | None = None
    """Stop after this many passes over the data, if that comes first."""
    warmup_steps: PositiveInt = 4000
    """Updates of linear warm-up before the inverse square root decay; paper: 4000."""
    learning_rate_scale: float = Field(default=1.0, gt=0, le=1e6)
    """Factor on the paper's schedule; paper: 1."""
    peak_learning_rate: float | None = Field(default=None, gt=0, le=1000)
    """Learning rate at the end of the warm-up, in place of the paper's scaled one."""
    decay: Literal["inverse_sqrt", "linear", "cosine"] = "inverse_sqrt"
    """After the warm-up: the paper's inverse square root, or a fall from the same peak to
    `final_share` of it at `max_steps`."""
    final_share: Share = 0.0
    """Of the peak, where the decays `linear` and `cosine` end."""
    adam_beta1: Share = 0.9
    """Paper: 0.9."""
    adam_beta2: Share = 0.98
    """Paper: 0.98."""
    adam_eps: float = Field(default=1e-9, gt=0, le=1)
    """Paper: 1e-9."""
    weight_decay: float = Field(default=0.0, ge=0, le=1000)
    """Decoupled (AdamW), on matrices only; paper: none."""
    clip_norm: float | None = Field(default=None, gt=0, le=MAX_FACTOR)
    """Largest norm of the gradient of an update; null does not clip, like the paper."""
    label_smoothing: Share = 0.1
    """Share of the target distribution spread over all other tokens but padding; paper: 0.1."""
    consistency: float = Field(default=0.0, ge=0, le=1000)
    """Weight of the divergence between two passes with different dropout (R-Drop, Liang et al.
    2021, whose α is twice this); 0 makes one pass, like the paper. Both passes are made at once: a
    batch then holds `batch_tokens` twice, and costs as much."""
    consistency_start: Count = 0
    """Updates before `consistency` sets in: the beginning is learned faster in single passes."""
    parallel: Literal["ddp", "fsdp"] = "ddp"
    """How several processes, as torchrun starts them, share a model: each has a copy of it (`ddp`),
    or each a shard of every weight, gradient and moment (`fsdp`), which takes less memory. Every
    process reads its own batches: an update has `accumulate` from each."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of matrix products, and on a CPU of what flows between the layers; weights and optimiser stay
    fp32. auto: bf16 where the device is built for it, fp32 elsewhere."""
    attention_kernel: Literal["formula", "fused"] = "formula"
    """How attention is computed: by the formula written out, or by torch's `fused` kernel. On a GPU
    that saves most of its time and memory; on a CPU it is slower."""
    compile: bool = False
    """Run the layers as programs that torch.compile makes at the first update, which takes a minute
    or two and, on a CPU, a C++ compiler. On a GPU that makes fewer, larger operations; on a CPU it
    is rarely faster. Dropout then draws other random numbers."""
    device: Text = "auto"
    """auto (a GPU if there is one), cpu, cuda, cuda:1, mps."""
    threads: Threads | None = None
    """CPU threads; null leaves it to torch."""
    validate_every: PositiveInt = 1000
    """Updates between validations; one that is better than all before also saves a checkpoint."""
    checkpoint_every: PositiveInt = 1000
    """Updates between checkpoints to resume from."""
    keep_checkpoints: int = Field(default=5, ge=1, le=100_000)
    """How many of the newest checkpoints stay on disk."""
    average_checkpoints: int = Field(default=5, ge=0, le=100_000)
    """At the end, the weights of the last k checkpoints are averaged (§6.1: 5 base, 20 big). The
    best of this average, the last weights and those of the best validation are kept; 0 or 1 makes
    no average."""
    patience: PositiveInt | None = None
    """Stop after this many validations without a better one; null never stops early."""
    best_metric: Literal["auto", "bleu", "loss"] = "auto"
    """What makes a checkpoint the best: the highest validation BLEU or the lowest loss; auto: BLEU
    for a translation model, loss for a language model."""
    val_bleu_sentences: Count = 500
    """Pairs of the validation set translated greedily for the BLEU of the log; 0 for none."""
    log_every: PositiveInt = 50
    """Updates between lines of metrics.jsonl and TensorBoard."""
    tensorboard: bool = True
    """Write TensorBoard events into the run directory, if the tensorboard package is installed."""

    @model_validator(mode="after")
    def _consistent(self) -> "TrainingConfig":
        if self.average_checkpoints > self.keep_checkpoints:
            raise ValueError(
                f"average_checkpoints ({self.average_checkpoints}) must not exceed "
                f"keep_checkpoints ({self.keep_checkpoints}): older ones are deleted"
            )
        return self
