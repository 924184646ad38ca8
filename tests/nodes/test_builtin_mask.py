"""Mask nodes against small masks that can be checked by eye."""

from __future__ import annotations

import pytest
import torch

from nodes.builtin import mask as nodes
from nodes.errors import UnsuitableInput
from nodes.sockets import Image, Mask

Rows = list[list[float]]
DOT: Rows = [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
PLUS: Rows = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
HALF: Rows = [[0.5, 0.5, 0.5]] * 3


def mask(rows: Rows) -> Mask:
    return Mask(torch.tensor([rows], dtype=torch.float32))


def combined(operation: str) -> Mask:
    """The upper left of a half-grey mask combined with two full and two empty pixels."""
    return nodes.mask_composite(
        destination=mask(HALF),
        source=mask([[1, 1], [0, 0]]),
        x=0,
        y=0,
        operation=operation,  # type: ignore[arg-type]
    )


def test_batches_that_do_not_match_are_refused() -> None:
    two, three = Mask(torch.zeros(2, 3, 3)), Mask(torch.zeros(3, 3, 3))
    with pytest.raises(UnsuitableInput, match="3 masks cannot be laid over 2"):
        nodes.mask_composite(destination=two, source=three, operation="add")
    assert nodes.mask_composite(destination=two, source=mask(DOT), operation="add").values.sum() == 2


@pytest.mark.parametrize(
    ("result", "rows"),
    [
        (nodes.solid_mask(value=0.25, width=2, height=1), [[0.25, 0.25]]),
        (nodes.invert_mask(mask=mask(DOT)), [[1, 1, 1], [1, 0, 1], [1, 1, 1]]),
        (nodes.crop_mask(mask=mask(DOT), x=1, y=1, width=9, height=1), [[1, 0]]),
        (nodes.grow_mask(mask=mask(DOT), expand=1), PLUS),
        (nodes.grow_mask(mask=mask(DOT), expand=1, tapered_corners=False), [[1, 1, 1]] * 3),
        (nodes.grow_mask(mask=mask(PLUS), expand=-1), DOT),
        (nodes.grow_mask(mask=mask(DOT)), DOT),
        (nodes.threshold_mask(mask=mask([[0.5, 0.51]]), value=0.5), [[0, 1]]),
        (nodes.feather_mask(mask=mask([[1, 1, 1, 1]]), left=2), [[0.5, 1, 1, 1]]),
        (combined("multiply"), [[0.5, 0.5, 0.5], [0, 0, 0.5], [0.5, 0.5, 0.5]]),
        (combined("add"), [[1, 1, 0.5], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]),
        (combined("subtract"), [[0, 0, 0.5], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]),
        (combined("or"), [[1, 1, 0.5], [0, 0, 0.5], [0.5, 0.5, 0.5]]),
        (combined("and"), [[0, 0, 0.5], [0, 0, 0.5], [0.5, 0.5, 0.5]]),
        (combined("xor"), [[1, 1, 0.5], [0, 0, 0.5], [0.5, 0.5, 0.5]]),
    ],
)
def test_masks(result: Mask, rows: Rows) -> None:
    torch.testing.assert_close(result.values, torch.tensor([rows], dtype=torch.float32))


def test_a_mask_becomes_a_picture_and_back() -> None:
    picture = nodes.mask_to_image(mask=mask(PLUS))
    assert picture.pixels.shape == (1, 3, 3, 3)
    for channel in ("red", "green", "blue"):
        assert torch.equal(nodes.image_to_mask(image=picture, channel=channel).values, mask(PLUS).values)


def test_alpha_of_a_picture() -> None:
    picture = Image(torch.tensor([[[[0.0, 0.0, 0.0, 0.75]]]]))
    assert nodes.image_to_mask(image=picture, channel="alpha").values.item() == 0.75
    with pytest.raises(UnsuitableInput, match="3 channels, hence no alpha") as refused:
        nodes.image_to_mask(image=Image(torch.zeros(1, 1, 1, 3)), channel="alpha")
    assert "MASK output of Load Image" in (refused.value.hint or "")


@pytest.mark.parametrize(("color", "expected"), [(0xFF8000, [[1.0, 0.0]]), (0x000000, [[0.0, 1.0]]), (1, [[0.0, 0.0]])])
def test_a_colour_becomes_a_mask(color: int, expected: Rows) -> None:
    picture = Image(torch.tensor([[[[1.0, 128 / 255, 0.0], [0.0, 0.0, 0.0]]]]))
    assert nodes.image_color_to_mask(image=picture, color=color).values.tolist() == [expected]
