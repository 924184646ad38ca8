"""Operations on masks [B, H, W], float32 in 0..1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F


def solid(value: float, width: int, height: int) -> Tensor:
    return torch.full((1, height, width), value)


def invert(mask: Tensor) -> Tensor:
    return 1.0 - mask


def crop(mask: Tensor, x: int, y: int, width: int, height: int) -> Tensor:
    """A rectangle of the mask, cut to what lies within it; its corner is moved inside."""
    x, y = min(x, mask.shape[2] - 1), min(y, mask.shape[1] - 1)
    return mask[:, y : y + height, x : x + width]


def composite(destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> Tensor:
    """`destination` with one of `OPERATIONS` done where `source` lies, its corner at (x, y); cut to 0..1."""
    result = destination.clone()
    rows, columns = destination.shape[1] - y, destination.shape[2] - x
    if rows > 0 and columns > 0:
        visible = source[:, :rows, :columns]
        place = result[:, y : y + visible.shape[1], x : x + visible.shape[2]]
        place.copy_(OPERATIONS[operation](place, visible))
    return result.clamp(0.0, 1.0)


def feather(mask: Tensor, left: int, top: int, right: int, bottom: int) -> Tensor:
    """The mask faded towards its edges over so many pixels on each side.

    At the right and at the bottom the fade lies one pixel further out than at the other sides, and its first, faintest
    value falls on the opposite edge: workflows rely on pictures that have it so.
    """
    result = mask.clone()
    height, width = mask.shape[1:]
    left, right, top, bottom = min(left, width), min(right, width), min(top, height), min(bottom, height)
    for i in range(left):
        result[:, :, i] *= (i + 1) / left
    for i in range(right):
        result[:, :, -i] *= (i + 1) / right
    for i in range(top):
        result[:, i] *= (i + 1) / top
    for i in range(bottom):
        result[:, -i] *= (i + 1) / bottom
    return result


def grow(mask: Tensor, expand: int, *, tapered_corners: bool) -> Tensor:
    """Grey dilation by `expand` pixels, or erosion if it is negative; by squares, or diamonds with tapered corners."""
    if expand < 0:
        return -grow(-mask, -expand, tapered_corners=tapered_corners)
    # After as many pixels as the mask is wide and high together nothing changes any more.
    pixels = min(expand, mask.shape[1] + mask.shape[2])
    dilate = _dilate_diamond if tapered_corners else _dilate_square
    for _ in range(pixels):
        mask = dilate(mask)
    return mask


def threshold(mask: Tensor, value: float) -> Tensor:
    return (mask > value).float()


def to_image(mask: Tensor) -> Tensor:
    """A grey picture [B, H, W, 3]."""
    return mask.unsqueeze(-1).expand(-1, -1, -1, 3)


def from_image(image: Tensor, channel: str) -> Tensor:
    """One of `CHANNELS` of a picture [B, H, W, C]. Raises ValueError if it has no such channel."""
    index = CHANNELS.index(channel)
    if index >= image.shape[-1]:
        raise ValueError(f"this picture has {image.shape[-1]} channels, hence no {channel} channel")
    return image[..., index]


def from_color(image: Tensor, color: int) -> Tensor:
    """1 where a picture [B, H, W, C] has this colour, 0xRRGGBB, in 8 bits."""
    levels = (image[..., :3].clamp(0.0, 1.0) * 255.0).round().int()
    wanted = torch.tensor([color >> 16 & 255, color >> 8 & 255, color & 255], device=image.device)
    return (levels == wanted).all(dim=-1).float()


def _dilate_square(mask: Tensor) -> Tensor:
    return F.max_pool2d(mask, kernel_size=3, stride=1, padding=1)


def _dilate_diamond(mask: Tensor) -> Tensor:
    across = F.max_pool2d(mask, kernel_size=(1, 3), stride=1, padding=(0, 1))
    down = F.max_pool2d(mask, kernel_size=(3, 1), stride=1, padding=(1, 0))
    return across.maximum(down)


def _and(a: Tensor, b: Tensor) -> Tensor:
    return (a.round().bool() & b.round().bool()).float()


def _or(a: Tensor, b: Tensor) -> Tensor:
    return (a.round().bool() | b.round().bool()).float()


def _xor(a: Tensor, b: Tensor) -> Tensor:
    return (a.round().bool() ^ b.round().bool()).float()


OPERATIONS: Final[Mapping[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "multiply": torch.mul,
    "add": torch.add,
    "subtract": torch.sub,
    "and": _and,
    "or": _or,
    "xor": _xor,
}

CHANNELS: Final = ("red", "green", "blue", "alpha")
