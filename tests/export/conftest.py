import random
from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from transformer.config import Config, ModelConfig
from transformer.data.batching import make_batch
from transformer.data.tokenizer import Tokenizer
from transformer.export.trained import Trained
from transformer.model.encoder_decoder import Transformer

TINY = {"d_model": 16, "d_ff": 32, "n_heads": 2, "n_encoder_layers": 2, "n_decoder_layers": 3}
IDS = range(4, 24)


@pytest.fixture(scope="session")
def make(tokenizer: Tokenizer) -> Callable[..., Trained]:
    """Makes a tiny model of the settings given, every weight random."""

    def make(**settings: object) -> Trained:
        config = Config(model=ModelConfig.model_validate({**TINY, **settings}))
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(5)
            model = Transformer(
                config.model, vocab_size=tokenizer.vocab_size, pad_id=tokenizer.pad_id
            )
            for name, weight in model.named_parameters():
                if "bias" in name or "norm" in name:
                    weight.add_(torch.randn_like(weight) / 5)
        return Trained(model.eval(), tokenizer, config, longest_src=40)

    return make


@pytest.fixture(scope="session")
def teach(make: Callable[..., Trained], tokenizer: Tokenizer) -> Callable[..., Trained]:
    """`make`, and two seconds of learning to copy: it ends its sentences, but is unsure of them."""

    def teach(**settings: object) -> Trained:
        trained = make(dropout=0.0, **settings)
        numbers = random.Random(3)
        optimiser = torch.optim.Adam(trained.model.parameters(), lr=0.01)
        for _ in range(120):
            rows = [numbers.choices(IDS, k=numbers.randint(1, 10)) for _ in range(32)]
            batch = make_batch(rows, rows, tokenizer)
            logits = trained.model(batch.src, batch.tgt_in)
            loss = F.cross_entropy(
                logits.flatten(0, 1), batch.tgt_out.flatten(), ignore_index=tokenizer.pad_id
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return trained

    return teach


@pytest.fixture(scope="session")
def sources(tokenizer: Tokenizer) -> list[list[int]]:
    """200 random sources of 1 to 12 pieces and EOS."""
    numbers = random.Random(7)
    return [[*numbers.choices(IDS, k=numbers.randint(1, 12)), tokenizer.eos_id] for _ in range(200)]
