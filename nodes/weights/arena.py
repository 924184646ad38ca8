"""Memory for the weights of one module: a mapping of its own, which goes back to the system whole when the last tensor goes.

From the heap, hundreds of tensors of some megabytes each would leave holes behind whenever a model is dropped, and a process
that has used ten models would hold the memory of several.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable

import torch
from torch import Tensor

_ALIGNMENT = 64  # bytes: a cache line


class Arena:
    """Hands out tensors, one after another, of a size that was announced."""

    def __init__(self, nbytes: int) -> None:
        """`nbytes` is what `arena_bytes` says of the tensors to come."""
        self._memory = mmap.mmap(-1, max(nbytes, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            self._memory.madvise(mmap.MADV_HUGEPAGE)
        self._used = 0

    def empty(self, shape: torch.Size, dtype: torch.dtype, *, channels_last: bool = False) -> Tensor:
        """An uninitialised tensor; with `channels_last` a convolution's weight [O, I, k, k] is laid out as [O, k, k, I]."""
        count, offset = shape.numel(), self._used
        self._used += _aligned(count * dtype.itemsize)
        if count == 0:
            return torch.empty(shape, dtype=dtype)
        flat = torch.frombuffer(self._memory, dtype=dtype, count=count, offset=offset)
        if channels_last and len(shape) == 4:
            out, into, height, width = shape
            return flat.view(out, height, width, into).permute(0, 3, 1, 2)
        return flat.view(shape)


def arena_bytes(shapes: Iterable[torch.Size], dtype: torch.dtype) -> int:
    """What tensors of these shapes take in an arena."""
    return sum(_aligned(shape.numel() * dtype.itemsize) for shape in shapes)


def _aligned(nbytes: int) -> int:
    return -(-nbytes // _ALIGNMENT) * _ALIGNMENT
