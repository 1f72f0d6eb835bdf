import torch
from torch import Tensor

from transformer.model.masks import causal_mask, padding_mask

PAD = 0


def grid(mask: Tensor) -> list[str]:
    """One line per query, one digit per key: 1 = may attend."""
    return [" ".join(str(int(allowed)) for allowed in row) for row in mask]


def test_a_token_sees_itself_and_what_came_before() -> None:
    assert grid(causal_mask(4)[0, 0]) == [
        "1 0 0 0",
        "1 1 0 0",
        "1 1 1 0",
        "1 1 1 1",
    ]


def test_nobody_sees_padding() -> None:
    ids = torch.tensor([[5, 6, 7, 8], [5, 6, PAD, PAD], [PAD, 5, PAD, 6]])
    assert grid(padding_mask(ids, PAD)[:, 0, 0]) == [
        "1 1 1 1",
        "1 1 0 0",
        "0 1 0 1",
    ]


def test_padding_is_whatever_id_the_tokenizer_says() -> None:
    ids = torch.tensor([[0, 3, 0, 3]])
    assert grid(padding_mask(ids, 3)[:, 0, 0]) == ["1 0 1 0"]


def test_both_masks_together() -> None:
    ids = torch.tensor([[5, 6, PAD]])
    assert grid((padding_mask(ids, PAD) & causal_mask(3))[0, 0]) == [
        "1 0 0",
        "1 1 0",
        "1 1 0",
    ]


def test_masks_are_bool_and_broadcast_over_heads_and_queries() -> None:
    padding, causal = padding_mask(torch.ones(2, 5, dtype=torch.int64), PAD), causal_mask(5)
    assert padding.dtype == causal.dtype == torch.bool
    assert padding.shape == (2, 1, 1, 5)
    assert causal.shape == (1, 1, 5, 5)
