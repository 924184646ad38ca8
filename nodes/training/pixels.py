"""Pictures as the networks see them, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

Pictures: TypeAlias = npt.NDArray[np.uint8]
"""uint8 [B, H, W, 3]."""


def to_pixels(pictures: Pictures) -> Tensor:
    """uint8 [B, H, W, 3] to float32 [B, 3, H, W] in -1..1."""
    return torch.from_numpy(pictures).movedim(-1, 1).float() / 127.5 - 1


def to_image(pixels: Tensor) -> Image.Image:
    """Pixels [3, H, W] in -1..1 to a picture."""
    values = ((pixels.clamp(-1, 1) + 1) * 127.5).round().byte()
    return Image.fromarray(values.movedim(0, -1).contiguous().numpy())


def in_batches(values: Tensor, size: int) -> Iterator[Tensor]:
    """The rows of a tensor, at most `size` at once: what bounds the memory of a long evaluation."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
