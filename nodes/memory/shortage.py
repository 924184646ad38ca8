"""Running out of memory: how it is recognised, and what would fit instead.

First what is not in use is let go, then the U-Net is streamed; a VAE goes on in smaller and smaller tiles; then the failure
says which size or batch there is memory for, by how much a step needs beside the weights.
"""

from __future__ import annotations

from typing import Final

import torch

from graph.errors import GraphError
from nodes.diffusion.config import UNetConfig

_HALVES: Final = 2
"""What a guided step computes at once for each latent: the prompt, and the one to go away from."""
_MULTIPLE: Final = 8
"""Cells by which sizes are suggested: 64 pixels."""
_MAPS_AT_WORK: Final = 32
"""Feature maps of the first level's width that a block and its kernels hold at their most, beside the skips: a guided call
on 64x64 cells in float32, 160 channels wide, was measured to take 153 MiB beside its weights; told here are 180 MiB."""


class NotEnoughMemory(GraphError):
    """There is no memory for what was asked, by any way there is."""

    code = "out_of_memory"


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch failed for lack of memory, on whatever device."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def step_bytes(config: UNetConfig, batch: int, height: int, width: int, itemsize: int) -> int:
    """About what one guided step on `batch` latents of so many cells needs beside the weights."""
    cells, skips = height * width, 0.0
    last = len(config.channel_mult) - 1
    for level, mult in enumerate(config.channel_mult):
        maps = config.num_res_blocks + (0 if level == last else 1 / 4)
        skips += mult * maps / 4**level
    width_of_maps = config.model_channels * (skips + _MAPS_AT_WORK)
    return round(_HALVES * batch * cells * width_of_maps * itemsize)


def what_fits(config: UNetConfig, batch: int, height: int, width: int, itemsize: int, free_bytes: int) -> str:
    """A sentence on the largest batch, or size in the same proportions, that so many bytes are enough for."""
    for fewer in range(batch - 1, 0, -1):
        if step_bytes(config, fewer, height, width, itemsize) <= free_bytes:
            return f"A batch of {fewer} of this size would fit."
    share = (free_bytes / step_bytes(config, 1, height, width, itemsize)) ** 0.5
    rows, columns = (int(min(share, 1.0) * side) // _MULTIPLE * _MULTIPLE for side in (height, width))
    if min(rows, columns) < _MULTIPLE:
        return "Not even 64x64 pixels would fit: close other programs, or use a smaller model."
    return f"{columns * 8}x{rows * 8} pixels, one at a time, would fit."
