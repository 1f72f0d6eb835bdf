"""Pictures: files of the kind that was asked for, the same each time, and never too full."""

import xml.etree.ElementTree as ElementTree

import pytest
import torch

from transformer.errors import UserError
from transformer.figures import as_bytes
from transformer.inspection.explanation import Map
from transformer.inspection.pictures import (
    draw_heads,
    draw_map,
    draw_maps,
    draw_masks,
    draw_positions,
)
from transformer.model.embedding import sinusoidal_positions

pytest.importorskip("matplotlib")
SVG = "{http://www.w3.org/2000/svg}"


def a_map(n: int = 3, *, signed: bool = False) -> Map:
    torch.manual_seed(n)
    values = torch.randn(n, n) if signed else torch.rand(n, n).softmax(dim=-1)
    words = tuple(f"word{i}" for i in range(n))
    return Map("cross, layer 1, head 2", words, words, values, signed)


@pytest.mark.parametrize("signed", [False, True])
def test_a_map_has_its_words_and_its_numbers(signed: bool) -> None:
    found = a_map(signed=signed)
    figure = draw_map(found)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(found.rows)
    assert [label.get_text() for label in axes.get_xticklabels()] == list(found.columns)
    shown = axes.images[0]
    assert torch.equal(torch.as_tensor(shown.get_array().data), found.values)
    # 0 is white: the middle of what is signed.
    low, high = shown.get_clim()
    assert (low == -high) if signed else (low, high) == (0, 1)


def test_small_multiples_have_one_picture_a_head() -> None:
    figure = draw_maps([a_map() for _ in range(6)], columns=4)
    drawn = [axes for axes in figure.axes if axes.images]
    assert len(drawn) == 6
    assert drawn[0].get_title() == "layer 1, head 2"


def test_the_same_picture_is_the_same_file() -> None:
    for kind in ("png", "svg"):
        assert as_bytes(draw_map(a_map()), kind) == as_bytes(draw_map(a_map()), kind)
    png = as_bytes(draw_positions(sinusoidal_positions(20, 16)), "png")
    assert png.startswith(b"\x89PNG")


def test_svg_is_well_formed_with_any_word() -> None:
    words = ("<b>&amp;", '"', "漢字")
    found = Map("cross", words, words, torch.eye(3))
    root = ElementTree.fromstring(as_bytes(draw_map(found), "svg"))
    assert root.tag == f"{SVG}svg"


def test_a_mask_is_drawn_as_ones_and_zeros() -> None:
    mask = torch.tensor([[True, False], [True, True]])
    figure = draw_masks([("look-ahead", ("a", "b"), ("a", "b"), mask)])
    assert [text.get_text() for text in figure.axes[0].texts] == ["1", "0", "1", "1"]


def test_heads_of_all_kinds_share_a_scale() -> None:
    effects = {"encoder": torch.tensor([[1.0, -2.0]]), "cross": torch.tensor([[0.5, 0.0]])}
    figure = draw_heads("heads", effects)
    scales = {axes.images[0].get_clim() for axes in figure.axes[:2]}
    assert scales == {(-2.0, 2.0)}
    assert figure.axes[0].texts[1].get_text() == "−2.00"


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(UserError, match="at most 80 rows and columns; found 81"):
        draw_map(a_map(81))
    with pytest.raises(UserError, match="at most 96 heads; found 97: choose a layer"):
        draw_maps([a_map()] * 97, columns=8)
