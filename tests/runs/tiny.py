"""A model of a few weights, and a checkpoint of it."""

import torch

from transformer.config import ModelConfig
from transformer.model.encoder_decoder import Transformer
from transformer.runs.checkpoints import Checkpoint, TrainingState
from transformer.runs.weights import named_weights

TINY = ModelConfig(d_model=8, d_ff=16, n_heads=2, n_encoder_layers=1, n_decoder_layers=1)


def tiny_model(seed: int = 0) -> Transformer:
    torch.manual_seed(seed)
    return Transformer(TINY, vocab_size=20)


def checkpoint(step: int) -> Checkpoint:
    weights = {name: w + step for name, w in named_weights(tiny_model()).items()}
    moments = {f"exp_avg.{name}": w * 2 for name, w in weights.items()}
    return Checkpoint(weights, moments, TrainingState(step=step, best_score=1 / 3, window={"n": 7}))
