"""Residual connection and normalisation, encoder layer, decoder layer, §3.1."""

from collections.abc import Callable

from torch import Tensor, nn

from .attention import MultiHeadAttention
from .dropout import Dropout
from .feed_forward import FeedForward
from .kv_cache import GrowingCache, Memory
from .layout import Layout


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
        """(..., d_model) → the same shape."""
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

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """(batch, src_len, d_model), or as `layout` says, → the same shape."""
        x = self.self_attention_residual(x, lambda x: self.self_attention(x, layout))
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
        layout: Layout,
        memory: Memory | None = None,
        cache: GrowingCache | None = None,
    ) -> Tensor:
        """Runs the layer over target tokens.

        Args:
            x: (batch, tgt_len, d_model), or as `layout` says.
            layout: how x lies in memory, and which tokens each may attend to.
            memory: what the cross-attention looks at; None in a decoder-only model.
            cache: keys and values of the tokens before x, to which those of x are added; None if x
                holds whole sentences.

        Returns:
            The shape of x.
        """
        x = self.self_attention_residual(x, lambda x: self.self_attention(x, layout, cache))
        if memory is not None:
            x = self.cross_attention_residual(
                x, lambda x: self.cross_attention.attend_to(memory, x, layout)
            )
        return self.feed_forward_residual(x, self.feed_forward)


def layers_of(model: nn.Module) -> list[nn.Module]:
    """The layers of encoder and decoder, from the first to the last."""
    return [layer for layer in model.modules() if isinstance(layer, EncoderLayer | DecoderLayer)]
