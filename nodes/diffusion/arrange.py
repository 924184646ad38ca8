"""Pictures [B, H, W, C] beside each other, and in frames of a given size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from nodes.diffusion.image import scale, with_channels

SPACING_COLORS: Final[Mapping[str, tuple[float, float, float]]] = {
    "white": (1.0, 1.0, 1.0),
    "black": (0.0, 0.0, 0.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
}
DIRECTIONS: Final = ("right", "down", "left", "up")


@dataclass(frozen=True, slots=True)
class Spacing:
    """The strip between two pictures: pixels (an odd number is rounded up) and the name of its colour."""

    width: int
    color: str


def stitch(image1: Tensor, image2: Tensor, direction: str, spacing: Spacing, *, match_size: bool) -> Tensor:
    """`image2` on one side of `image1`. With `match_size` it is scaled to fit, else the smaller one is padded."""
    image1, image2 = _same_batch(image1, image2)
    across = direction in ("left", "right")
    if match_size:
        image2 = _scaled_beside(image1, image2, across=across)
    else:
        image1, image2 = _padded_alike(image1, image2, across=across, value=float(spacing.color == "white"))
    channels = max(image1.shape[-1], image2.shape[-1])
    image1, image2 = with_channels(image1, channels), with_channels(image2, channels)
    parts = [image2, image1] if direction in ("left", "up") else [image1, image2]
    if spacing.width > 0:
        parts.insert(1, _strip(image1, spacing, across=across))
    return torch.cat(parts, dim=2 if across else 1)


def grid(images: Tensor, columns: int) -> Tensor:
    """A batch [B, H, W, C] in rows of at most `columns`, as one picture; white where none is left."""
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height, width, channels = images.shape[1:]
    cells = images.new_ones(rows * columns, height, width, channels)
    cells[: len(images)] = images
    by_place = cells.reshape(rows, columns, height, width, channels)  # (B, H, W, C) -> (rows, columns, H, W, C)
    return by_place.transpose(1, 2).reshape(1, rows * height, columns * width, channels)  # rows H, columns W


def fit_in_frame(image: Tensor, width: int, height: int, method: str, value: float) -> Tensor:
    """The whole picture scaled into a frame of this size, in the middle, the rest filled with `value`."""
    batch, old_height, old_width, channels = image.shape
    factor = min(width / old_width, height / old_height)
    inner_width, inner_height = max(1, int(old_width * factor)), max(1, int(old_height * factor))
    frame = image.new_full((batch, height, width, channels), value)
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    inner = scale(image, inner_width, inner_height, method)
    frame[:, top : top + inner_height, left : left + inner_width] = inner
    return frame


def scale_to_largest_side(image: Tensor, largest: int, method: str) -> Tensor:
    """The picture in proportion, its longer side `largest` pixels."""
    height, width = image.shape[1:3]
    longer = max(height, width)
    return scale(image, max(1, round(width / longer * largest)), max(1, round(height / longer * largest)), method)


def _same_batch(image1: Tensor, image2: Tensor) -> tuple[Tensor, Tensor]:
    """Both with as many pictures as the larger batch; the last is repeated."""
    batch = max(image1.shape[0], image2.shape[0])
    first, second = (torch.cat([one, one[-1:].expand(batch - one.shape[0], -1, -1, -1)]) for one in (image1, image2))
    return first, second


def _scaled_beside(image1: Tensor, image2: Tensor, *, across: bool) -> Tensor:
    height, width = image1.shape[1:3]
    aspect = image2.shape[2] / image2.shape[1]
    size = (int(height * aspect), height) if across else (width, int(width / aspect))
    return scale(image2, max(1, size[0]), max(1, size[1]), "lanczos")


def _padded_alike(image1: Tensor, image2: Tensor, *, across: bool, value: float) -> tuple[Tensor, Tensor]:
    dim = 1 if across else 2
    length = max(image1.shape[dim], image2.shape[dim])

    def padded(image: Tensor) -> Tensor:
        missing = length - image.shape[dim]
        ends = (missing // 2, missing - missing // 2)
        return F.pad(image, (0, 0, 0, 0, *ends) if across else (0, 0, *ends), value=value)

    return padded(image1), padded(image2)


def _strip(image: Tensor, spacing: Spacing, *, across: bool) -> Tensor:
    batch, height, width, channels = image.shape
    thickness = spacing.width + spacing.width % 2
    color = image.new_tensor((*SPACING_COLORS[spacing.color], 1.0)[:channels])
    shape = (batch, height, thickness, channels) if across else (batch, thickness, width, channels)
    return color.expand(shape)
