"""Wrong settings in words: what must hold, what was found, and the nearest right name."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError

from ..errors import cut, shown

_MOST = 10
"""Problems that are explained; the others are counted."""


def found_in(error: ValidationError) -> list[Any]:
    """Pydantic's problems, the first few."""
    return list(error.errors(include_url=False)[:_MOST])


def joined(lines: Iterable[str], n_problems: int) -> str:
    """The lines of a message, as many as a person reads."""
    kept = [cut(line, 1000) for line in lines]
    while len(kept) > 1 and sum(map(len, kept)) > 2500:
        kept.pop()
    if n_problems > len(kept):
        kept.append(f"and {n_problems - len(kept):,} more")
    return "\n".join(kept)


def explain(problem: Any, known: Sequence[str], of_source: Sequence[str]) -> str:
    """One of pydantic's problems in our words.

    Args:
        problem: an entry of `ValidationError.errors()`.
        known: the dotted names of all settings there are.
        of_source: those of a source in the lists of sources.
    """
    # Positions in a list of sources stand in the path as numbers; names are what people typed.
    path = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        inner = problem["input"]
        # trainin.max_steps=500, unless a mapping holds itself
        while isinstance(inner, dict) and len(inner) == 1 and len(path) < 200:
            [(name, inner)] = inner.items()
            path = f"{path}.{name}"
        if any(isinstance(part, int) for part in problem["loc"]):  # in a list of sources
            hint = _suggestion(str(problem["loc"][-1]), of_source)
        else:
            hint = _suggestion(path, known)
        return f"unknown key {shown(path)}; {hint}"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{path}: {message}" if path else message
    if problem["type"] == "model_type":
        return f"{path} must be a mapping of settings; found {shown(problem['input'])}"
    return f"{path}: {message[:1].lower()}{message[1:]}; found {shown(problem['input'])}"


# ------------------------------------------------------------------------------------------------
# Which name was meant
# ------------------------------------------------------------------------------------------------

MOVED = {
    f"decoding.{name}": f"text.{name}"
    for name in ("split", "placeholders", "restore_umlauts", "lower_shouting")
}
"""Settings that were in another section once, and where they are now."""

_ELSEWHERE = {
    "run_dir": "output_dir out_dir save_dir model_dir log_dir checkpoint_dir",
    "seed": "random_seed manual_seed rng_seed",
    "data.src_lang": "src source source_lang source_language src_language",
    "data.tgt_lang": "tgt trg target target_lang target_language tgt_language trg_lang",
    "data.train": "train_data train_file train_path train_set dataset dataset_name corpus",
    "data.val": "dev valid validation dev_data dev_file valid_data val_data val_file eval_data "
    "validation_file",
    "data.cleaning.max_tokens": "max_len max_length max_sent_length max_sentence_length "
    "max_source_length max_source_positions max_target_length max_target_positions",
    "tokenizer.kind": "tokenizer_type model_type subword_type spm_type",
    "tokenizer.vocab_size": "vocab n_vocab voc_limit num_embeddings vocabulary_size "
    "bpe_operations num_merges",
    "tokenizer.path": "tokenizer_name tokenizer_file spm_model sentencepiece_model",
    "model.d_model": "hidden_size hidden_dim model_dim dim embed_dim embedding_dim emb_dim "
    "emb_size embed_size embedding_size encoder_embed_dim decoder_embed_dim n_embd rnn_size",
    "model.d_ff": "ff_size ff_dim ffn_dim ffn_size intermediate_size dim_feedforward "
    "feed_forward_dim transformer_ff ffn_embed_dim encoder_ffn_dim decoder_ffn_dim "
    "encoder_ffn_embed_dim decoder_ffn_embed_dim n_inner",
    "model.n_heads": "heads num_heads n_head nheads attention_heads num_attention_heads "
    "encoder_attention_heads decoder_attention_heads",
    "model.n_encoder_layers": "layers num_layers n_layers n_layer num_hidden_layers depth "
    "encoder_layers enc_layers num_encoder_layers",
    "model.n_decoder_layers": "layers num_layers n_layers n_layer num_hidden_layers depth "
    "decoder_layers dec_layers num_decoder_layers",
    "model.context": "block_size n_ctx n_positions context_length context_size seq_len seq_length "
    "sequence_length max_seq_len max_seq_length max_position_embeddings",
    "model.positions": "position_encoding positional_encoding pos_encoding learned_pos",
    "model.initialisation": "init initialization initializer init_method",
    "model.dropout": "dropout_rate dropout_prob dropout_p p_dropout hidden_dropout "
    "hidden_dropout_prob residual_dropout resid_pdrop embd_pdrop embed_dropout",
    "model.attention_dropout": "attn_dropout attn_pdrop attention_probs_dropout_prob",
    "model.activation_dropout": "relu_dropout ffn_dropout ff_dropout",
    "model.norm_first": "pre_norm pre_ln normalize_before encoder_normalize_before "
    "layer_norm_first",
    "model.activation": "activation_fn activation_function hidden_act hidden_activation",
    "model.attention_bias": "bias use_bias qkv_bias",
    "model.tie": "tie_weights tied_embeddings tie_embeddings tie_word_embeddings weight_tying "
    "share_embeddings share_all_embeddings tied_softmax",
    "training.start_from": "init_from init_checkpoint pretrained pretrained_model load_model "
    "from_pretrained finetune_from restore_file train_from",
    "training.batch_tokens": "batch_size train_batch_size per_device_train_batch_size bs "
    "mini_batch_size tokens_per_batch max_tokens_per_batch",
    "training.accumulate": "accum_count accum_steps grad_accum gradient_accumulation "
    "gradient_accumulation_steps accumulation_steps update_freq batch_multiplier",
    "training.max_steps": "steps n_steps num_steps total_steps train_steps num_train_steps "
    "num_training_steps iterations iters n_iters num_iters max_iters updates max_update "
    "max_updates",
    "training.max_epochs": "epoch epochs n_epochs num_epochs num_train_epochs max_epoch",
    "training.warmup_steps": "warmup warmup_updates warmup_iters num_warmup_steps "
    "learning_rate_warmup lr_warmup",
    "training.peak_learning_rate": "lr learning_rate base_lr max_lr peak_lr initial_lr",
    "training.decay": "lr_decay decay_lr scheduler scheduling lr_schedule lr_scheduler "
    "lr_scheduler_type learning_rate_decay schedule",
    "training.final_share": "min_lr end_lr min_learning_rate learning_rate_min lr_min",
    "training.adam_beta1": "beta1 adam_beta_1 betas adam_betas",
    "training.adam_beta2": "beta2 adam_beta_2 betas adam_betas",
    "training.adam_eps": "eps epsilon adam_epsilon optimizer_eps",
    "training.weight_decay": "wd l2 l2_penalty",
    "training.clip_norm": "clip grad_clip gradient_clip gradient_clipping gradient_clip_val "
    "clip_grad_norm max_grad_norm",
    "training.label_smoothing": "smoothing label_smoothing_factor label_smooth ls",
    "training.consistency": "r_drop rdrop_alpha reg_alpha",
    "training.precision": "fp16 bf16 amp mixed_precision dtype torch_dtype",
    "training.attention_kernel": "attn_implementation attention_implementation flash_attention "
    "flash_attn use_flash_attention sdpa",
    "training.device": "gpu gpus n_gpu use_cuda use_gpu cuda accelerator",
    "training.threads": "n_threads num_threads cpu_threads cpus",
    "training.validate_every": "eval_every eval_steps eval_interval eval_freq valid_every "
    "valid_steps val_every val_interval validation_freq validate_interval validation_steps",
    "training.checkpoint_every": "save_every save_steps save_freq save_interval "
    "save_interval_updates save_checkpoint_steps checkpoint_interval",
    "training.keep_checkpoints": "save_total_limit keep_last_ckpts keep_last_epochs max_to_keep "
    "keep_interval_updates",
    "training.average_checkpoints": "average avg_checkpoints num_avg_checkpoints average_last",
    "training.patience": "early_stopping early_stopping_patience early_stop",
    "training.best_metric": "metric_for_best_model best_checkpoint_metric early_stopping_metric "
    "eval_metric",
    "training.log_every": "log_interval log_steps log_freq logging_steps logging_freq "
    "print_every report_every",
    "training.tensorboard": "use_tensorboard tensorboard_dir tensorboard_logdir",
    "decoding.beam_size": "beam beams beam_width num_beams n_beams",
    "decoding.length_penalty": "lenpen length_norm normalize",
    "decoding.alpha": "length_alpha beam_alpha length_penalty_alpha",
    "decoding.no_repeat_ngram_size": "no_repeat_ngram block_ngram_repeat",
    "decoding.max_extra_tokens": "max_len max_length max_new_tokens max_output_length "
    "max_decoding_length max_len_b",
    "decoding.batch_tokens": "batch_size eval_batch_size beam_batch_size",
}
"""Our settings, and what they are called in Hugging Face, fairseq, Joey NMT, OpenNMT, Marian and
nanoGPT, or by people who try."""


def _suggestion(path: str, known: Sequence[str]) -> str:
    """What to write in place of an unknown name.

    Args:
        path: the dotted name that was given.
        known: the dotted names of all settings that could have been meant.
    """
    for moved in MOVED.values():
        if path == _last(moved) and moved not in known:  # DecodingConfig(split="always")
            return f"it is now {moved}"
    section, _, name = path.rpartition(".")
    ours = [] if name in {_last(key) for key in known} else _named_elsewhere(path)
    # Of one section only, in Python, settings are known by their last part.
    meant = [key for key in ours if key in known] or [_last(k) for k in ours if _last(k) in known]
    if meant:
        return f"did you mean {' or '.join(map(repr, dict.fromkeys(meant)))}?"
    # By the last part first, since settings are more often misplaced than sections misspelled.
    sections = {key.rpartition(".")[0] for key in known}
    places = [place for place in sorted(sections) if place and place.rpartition(".")[0] == section]
    names = [*known, *places]

    def likeness(key: str) -> float:
        its_section, _, its_name = key.rpartition(".")
        return _alike(name, its_name) + _alike(section, its_section) / 4

    near = max(names, key=likeness)
    if _alike(name, _last(near)) >= 0.6:
        return f"did you mean {near!r}?"
    there = [key for key in names if key.rpartition(".")[0] == section]
    return f"known here: {', '.join(there or dict.fromkeys(key.split('.')[0] for key in names))}"


def _named_elsewhere(path: str) -> list[str]:
    """Our names for one of another program's; those of the same section if there are any."""
    section, _, name = path.rpartition(".")
    ours = [
        key for key, theirs in _ELSEWHERE.items() if _plain(name) in map(_plain, theirs.split())
    ]
    return [key for key in ours if section and key.startswith(f"{section}.")] or ours


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _plain(name: str) -> str:
    """max-len, MaxLen and max_len are the same name."""
    return name.lower().replace("_", "").replace("-", "")


def _alike(one: str, other: str) -> float:
    if len(one) > 100:  # not a name, and comparing takes long
        return 0.0
    return difflib.SequenceMatcher(None, one, other).ratio()
