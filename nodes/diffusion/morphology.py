"""Grey morphology of pictures [B, C, H, W] with flat squares (Serra, 1982; Haralick et al., 1987).

Each channel on its own; what lies outside the picture has no say. A square of even side reaches one pixel further to the
left and upwards than to the right and downwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

Operation = Callable[[Tensor, int], Tensor]


def dilate(x: Tensor, size: int) -> Tensor:
    """The largest value in the square of side `size` around each pixel."""
    before, after = size // 2, size - size // 2 - 1
    padded = F.pad(x, (before, after, before, after), value=-torch.inf)
    across = F.max_pool2d(padded, (1, size), stride=1)
    return F.max_pool2d(across, (size, 1), stride=1)


def erode(x: Tensor, size: int) -> Tensor:
    """The smallest value in the square."""
    return -dilate(-x, size)


def opening(x: Tensor, size: int) -> Tensor:
    """Without bright spots smaller than the square."""
    return dilate(erode(x, size), size)


def closing(x: Tensor, size: int) -> Tensor:
    """Without dark spots smaller than the square."""
    return erode(dilate(x, size), size)


def gradient(x: Tensor, size: int) -> Tensor:
    """Largest less smallest: bright where there are edges."""
    return dilate(x, size) - erode(x, size)


def bottom_hat(x: Tensor, size: int) -> Tensor:
    """Only the dark spots that `closing` removes."""
    return closing(x, size) - x


def top_hat(x: Tensor, size: int) -> Tensor:
    """Only the bright spots that `opening` removes."""
    return x - opening(x, size)


OPERATIONS: Final[Mapping[str, Operation]] = {
    "erode": erode,
    "dilate": dilate,
    "open": opening,
    "close": closing,
    "gradient": gradient,
    "bottom_hat": bottom_hat,
    "top_hat": top_hat,
}
