"""Residual connection and normalisation, encoder layer, decoder layer, §3.1."""

from collections.abc import Callable

from torch import Tensor, nn

from .attention import MultiHeadAttention, attention_weights
from .dropout import Dropout
from .feed_forward import FeedForward
from .kv_cache import KeyValueCache
from .packing import Packing


class Residual(nn.Module):
    """LayerNorm(x + Dropout(Sublayer(x))), §3.1 and §5.4.

    With `norm_first`, x + Dropout(Sublayer(LayerNorm(x))): easier to train when deep, and the
    stack then needs one more norm at its end.
    """

    def __init__(self, d_model: int, dropout: float, *, norm_first: bool = False) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(d_model)
        self.dropout = Dropout(dropout)
        self.norm_first = norm_first

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        """(batch, length, d_model) → (batch, length, d_model)."""
        if self.norm_first:
            return x + self.dropout(sublayer(self.norm(x)))
        return self.norm(x + self.dropout(sublayer(x)))


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward, each inside a residual: the left half of figure 1.

    Args:
        d_model: width of input and output.
        attention: makes the self-attention.
        feed_forward: makes the feed-forward network.
        dropout: on the output of each sublayer.
        norm_first: see `Residual`.
    """

    def __init__(
        self,
        d_model: int,
        attention: Callable[[], MultiHeadAttention],
        feed_forward: Callable[[], FeedForward],
        *,
        dropout: float = 0.0,
        norm_first: bool = False,
    ) -> None:
        super().__init__()
        self.self_attention = attention()
        self.feed_forward = feed_forward()
        self.self_attention_residual = Residual(d_model, dropout, norm_first=norm_first)
        self.feed_forward_residual = Residual(d_model, dropout, norm_first=norm_first)

    def forward(
        self, x: Tensor, src_mask: Tensor | None = None, packing: Packing | None = None
    ) -> Tensor:
        """(batch, src_len, d_model), or packed (rows, d_model), → the same shape."""
        x = self.self_attention_residual(x, lambda x: self.self_attention(x, x, src_mask, packing))
        return self.feed_forward_residual(x, self.feed_forward)


class DecoderLayer(nn.Module):
    """Masked self-attention, cross-attention to the memory, feed-forward: figure 1, right half.

    With `cross_attention=False` it is the layer of a decoder-only model such as the GPT.

    Args: as `EncoderLayer`.
    """

    def __init__(
        self,
        d_model: int,
        attention: Callable[[], MultiHeadAttention],
        feed_forward: Callable[[], FeedForward],
        *,
        dropout: float = 0.0,
        norm_first: bool = False,
        cross_attention: bool = True,
    ) -> None:
        super().__init__()
        self.self_attention = attention()
        self.self_attention_residual = Residual(d_model, dropout, norm_first=norm_first)
        if cross_attention:
            self.cross_attention = attention()
            self.cross_attention_residual = Residual(d_model, dropout, norm_first=norm_first)
        self.feed_forward = feed_forward()
        self.feed_forward_residual = Residual(d_model, dropout, norm_first=norm_first)

    def forward(
        self,
        x: Tensor,
        memory: KeyValueCache | None = None,
        tgt_mask: Tensor | None = None,
        src_mask: Tensor | None = None,
        past: KeyValueCache | None = None,
        packing: Packing | None = None,
        seen: list[Tensor] | None = None,
    ) -> tuple[Tensor, KeyValueCache]:
        """Runs the layer over new tokens.

        Args:
            x: (batch, tgt_len, d_model), the new tokens.
            memory: keys and values of the encoder's output, from `cross_attention.remember`; None
                in a decoder-only layer.
            tgt_mask: which tokens, past ones first, each new token may attend to.
            src_mask: which source tokens may be attended to.
            past: keys and values of the tokens before x; None when x starts the sentence.
            packing: x is (rows, d_model) instead, and this tells which rows.
            seen: takes the weights of the cross-attention, (batch, n_heads, tgt_len, src_len).

        Returns:
            The shape of x, and the keys and values of all tokens so far.
        """
        cache = past

        def self_attention(x: Tensor) -> Tensor:
            nonlocal cache
            queries, cache = self.self_attention.ask_and_remember(x, packing)
            if past is not None:
                cache = past.append(cache.keys, cache.values)
            return self.self_attention.attend(queries, cache, tgt_mask, packing)

        def cross_attention(x: Tensor) -> Tensor:
            assert memory is not None
            queries = self.cross_attention.ask(x, packing)
            if seen is not None:
                seen.append(attention_weights(queries, memory.keys, src_mask))
            return self.cross_attention.attend(queries, memory, src_mask, packing)

        x = self.self_attention_residual(x, self_attention)
        if memory is not None:
            x = self.cross_attention_residual(x, cross_attention)
        x = self.feed_forward_residual(x, self.feed_forward)
        assert cache is not None
        return x, cache
