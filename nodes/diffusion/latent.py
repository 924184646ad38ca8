"""Operations on latents [B, C, h, w]. Positions and sizes are in cells; a cell is 8 pixels a side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor

from nodes.diffusion.batch import repeat_to_batch
from nodes.diffusion.resize import resize, resize_cropped

_SMALLEST_CELLS = 8


def upscale_by(samples: Tensor, method: str, factor: float) -> Tensor:
    """Both sides times `factor`, rounded to cells, one at least."""
    width, height = (max(1, round(side * factor)) for side in (samples.shape[3], samples.shape[2]))
    return resize(samples, width, height, method)


def composite(destination: Tensor, source: Tensor, x: int, y: int, feather: int = 0) -> Tensor:
    """`source` over `destination` with its corner at (x, y), cut where it leaves it.

    Its edges fade in over `feather` cells, except those that lie on the border of `destination`.
    """
    height, width = source.shape[2:]
    visible = source[:, :, : max(0, destination.shape[2] - y), : max(0, destination.shape[3] - x)]
    weights = torch.ones_like(visible[:1, :1])
    for t in range(feather):
        rate = (t + 1) / feather
        if y > 0:
            weights[:, :, t : t + 1] *= rate
        if y + height < destination.shape[2]:
            weights[:, :, height - 1 - t : height - t] *= rate
        if x > 0:
            weights[:, :, :, t : t + 1] *= rate
        if x + width < destination.shape[3]:
            weights[:, :, :, width - 1 - t : width - t] *= rate
    return _blend_at(destination, visible, weights, x, y)


def composite_masked(destination: Tensor, source: Tensor, x: int, y: int, mask: Tensor | None = None) -> Tensor:
    """`source` over `destination` [B, C, H, W] with its corner at (x, y), cut where it leaves it.

    mask [b, h, w], scaled to the source, says where the source shows (1) or not (0). Also used for pictures.
    """
    source = repeat_to_batch(source, destination.shape[0])
    height, width = source.shape[2:]
    x, y = min(x, destination.shape[3]), min(y, destination.shape[2])
    if mask is None:
        weights = torch.ones_like(source[:, :1])
    else:
        weights = resize(mask.reshape(-1, 1, *mask.shape[-2:]).to(source), width, height, "bilinear")
        weights = repeat_to_batch(weights, source.shape[0])
    rows, columns = destination.shape[2] - y, destination.shape[3] - x
    return _blend_at(destination, source[:, :, :rows, :columns], weights[:, :, :rows, :columns], x, y)


def crop(samples: Tensor, x: int, y: int, width: int, height: int) -> Tensor:
    """A rectangle of the latent, moved and cut to lie within it. At least 8 cells a side remain, if there are as many."""
    left, right = _span(samples.shape[3], x, width)
    top, bottom = _span(samples.shape[2], y, height)
    return samples[:, :, top:bottom, left:right]


def rotate(samples: Tensor, quarter_turns: int) -> Tensor:
    """Turned clockwise."""
    return torch.rot90(samples, quarter_turns, dims=(3, 2))


def flip_vertically(samples: Tensor) -> Tensor:
    return samples.flip(2)


def flip_horizontally(samples: Tensor) -> Tensor:
    return samples.flip(3)


def add(samples1: Tensor, samples2: Tensor) -> Tensor:
    return samples1 + like(samples2, samples1)


def subtract(samples1: Tensor, samples2: Tensor) -> Tensor:
    return samples1 - like(samples2, samples1)


def multiply(samples: Tensor, multiplier: float) -> Tensor:
    return samples.mul(multiplier)


def blend(samples1: Tensor, samples2: Tensor, blend_factor: float) -> Tensor:
    """The mix of two latents; `blend_factor` is the share of the first. The second is scaled to the first's size."""
    if samples2.shape[2:] != samples1.shape[2:]:
        samples2 = resize_cropped(samples2, samples1.shape[3], samples1.shape[2], "bicubic")
    return samples1 * blend_factor + samples2 * (1.0 - blend_factor)


def interpolate(samples1: Tensor, samples2: Tensor, ratio: float) -> Tensor:
    """Direction and length of the channel vectors mixed apart; `ratio` is the share of the first latent."""
    samples2 = like(samples2, samples1)
    length1, length2 = samples1.norm(dim=1, keepdim=True), samples2.norm(dim=1, keepdim=True)
    mixed = _unit(samples1, length1) * ratio + _unit(samples2, length2) * (1.0 - ratio)
    length = length1 * ratio + length2 * (1.0 - ratio)
    return _unit(mixed, mixed.norm(dim=1, keepdim=True)).mul(length)


def join(samples1: Tensor, samples2: Tensor) -> Tensor:
    """One batch of both, the second scaled to the first's size."""
    return torch.cat([samples1, _sized_like(samples2, samples1)])


def like(samples: Tensor, other: Tensor) -> Tensor:
    """`samples` in the size and the batch of `other`."""
    return repeat_to_batch(_sized_like(samples, other), other.shape[0])


ROTATIONS: Final[Mapping[str, int]] = {"none": 0, "90 degrees": 1, "180 degrees": 2, "270 degrees": 3}

FLIPS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "x-axis: vertically": flip_vertically,
    "y-axis: horizontally": flip_horizontally,
}


def _sized_like(samples: Tensor, other: Tensor) -> Tensor:
    if samples.shape[2:] == other.shape[2:]:
        return samples
    return resize_cropped(samples, other.shape[3], other.shape[2], "bilinear")


def _blend_at(destination: Tensor, source: Tensor, weights: Tensor, x: int, y: int) -> Tensor:
    result = destination.clone()
    place = result[:, :, y : y + source.shape[2], x : x + source.shape[3]]
    place.copy_(source * weights + place * (1.0 - weights))
    return result


def _span(length: int, start: int, size: int) -> tuple[int, int]:
    start = min(start, max(0, length - _SMALLEST_CELLS))
    end = start + size
    if end <= length:
        return start, end
    return max(0, start - (end - length) % _SMALLEST_CELLS), length


def _unit(vectors: Tensor, lengths: Tensor) -> Tensor:
    return torch.where(lengths == 0, 0.0, vectors / lengths)
