"""The section `model`: the Transformer, or the GPT."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from .base import Layers, Settings, Share


class BlockConfig(Settings):
    """What the Transformer and the GPT have in common."""

    d_model: int = Field(default=512, ge=1, le=65_536)
    """Width of every layer's input and output; paper: 512 base, 1024 big."""
    d_ff: int = Field(default=2048, ge=1, le=1_048_576)
    """Inner width of the feed-forward networks; paper: 2048 base, 4096 big."""
    n_heads: int = Field(default=8, ge=1, le=1024)
    """Attention heads, each d_model / n_heads wide; paper: 8 base, 16 big."""
    n_decoder_layers: Layers = 6
    """Layers of the decoder; paper: 6. The GPT is a decoder only."""
    dropout: Share = 0.1
    """On every sublayer's output and on the embeddings; paper: 0.1 base, 0.3 big."""
    attention_dropout: Share = 0.0
    """On the attention weights; paper: none."""
    activation_dropout: Share = 0.0
    """After the feed-forward activation; paper: none."""
    norm_first: bool = False
    """Normalise each sublayer's input, not the sum, plus once after each stack; paper: false."""
    activation: Literal["relu", "gelu", "gelu_tanh", "silu"] = "relu"
    """Of the feed-forward networks; paper: relu. GPT-2: gelu_tanh, gelu approximated by tanh."""
    attention_bias: bool = False
    """Biases in the four attention projections; the paper's own code has none."""

    @model_validator(mode="after")
    def _fits(self) -> "BlockConfig":
        if self.d_model % self.n_heads:
            raise ValueError(
                f"d_model ({self.d_model}) must be divisible by n_heads ({self.n_heads})"
            )
        if self.d_model % 2:
            raise ValueError(
                f"d_model ({self.d_model}) must be even: sinusoidal positions pair sine and cosine"
            )
        return self


class ModelConfig(BlockConfig):
    """The Transformer. The defaults are the paper's base model."""

    n_encoder_layers: Layers = 6
    """Layers of the Transformer's encoder; paper: 6."""
    tie: Literal["all", "target", "none"] = "all"
    """Which embeddings share one matrix: `all` source, target and output (paper); `target` the
    target's and the output; `none` three of their own. The GPT has `all` and `none`."""


class GPTConfig(BlockConfig):
    """The GPT. The defaults are the paper's blocks; `gpt2_config` makes the choices of GPT-2."""

    context: int = Field(default=1024, ge=1, le=1_048_576)
    """Tokens that the GPT sees at once, and the length of the blocks it is trained on."""
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    """Of the GPT: the paper's, or `learned` as GPT-2, one vector for each place of `context`."""
    scale_embedding: bool = True
    """Of the GPT: token embeddings times √d_model, as the paper; GPT-2: false."""
    initialisation: Literal["paper", "gpt2"] = "paper"
    """First weights of the GPT: Glorot uniform, or normal with deviation 0.02 as GPT-2; see
    model/initialisation.py."""
    # Files may hold `target`, which once was a third name for sharing.
    tie: Annotated[
        Literal["all", "none"], BeforeValidator(lambda tie: "all" if tie == "target" else tie)
    ] = "all"
    """Whether embedding and output share one matrix: `all` (GPT-2) or `none`."""
