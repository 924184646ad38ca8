"""Which SwinIR a file holds, told from its keys and shapes."""

from __future__ import annotations

import math
import re
from typing import Final

from nodes.diffusion.swin_ir import Reconstruction, SwinIrConfig
from nodes.weights.files import Header
from nodes.weights.keymaps import Place, same_names
from nodes.weights.upscaler_file import UpscalerFile, numbers, shape

_LAYER: Final = re.compile(r"layers\.(\d+)\.conv(?:\.0)?\.weight")
_SHUFFLE: Final = re.compile(r"upsample\.(\d+)\.weight")
_DOUBLING: Final = re.compile(r"conv_up(\d)\.weight")
_UNUSED_FEATURES: Final = SwinIrConfig().features
_MORE_THAN_SWIN_IR: Final = (".overlap_attn.", ".conv_block.")
_COMPRESSION_WINDOW: Final = 7
"""Only the published nets against JPEG's artefacts have it, and only they count white as 255 (section 4.1)."""


def detect_swin_ir(header: Header, prefix: str) -> UpscalerFile | None:
    """None for a file that holds none, or a net of which that is but a part (HAT)."""
    if any(part in name for name in header.tensors for part in _MORE_THAN_SWIN_IR):
        return None
    first = shape(header, f"{prefix}conv_first.weight")
    hidden = shape(header, f"{prefix}layers.0.residual_group.blocks.0.mlp.fc1.weight")
    tables = [_bias_table(header, prefix, layer) for layer in range(len(numbers(header, prefix, _LAYER)))]
    if first is None or hidden is None or not tables or None in tables:
        return None
    sizes = [table for table in tables if table is not None]
    window = (math.isqrt(sizes[0][0]) + 1) // 2
    reconstruction, features, upscale = _reconstruction(header, prefix, first[1])
    config = SwinIrConfig(
        image_channels=first[1],
        embed=first[0],
        depths=tuple(_depth(header, prefix, layer) for layer in range(len(sizes))),
        heads=tuple(size[1] for size in sizes),
        window=window,
        hidden=hidden[0],
        features=features,
        upscale=upscale,
        reconstruction=reconstruction,
        bottleneck=f"{prefix}layers.0.conv.0.weight" in header.tensors,
        span=255.0 if window == _COMPRESSION_WINDOW else 1.0,
    )
    return UpscalerFile(config, Place(prefix, same_names))


def _bias_table(header: Header, prefix: str, layer: int) -> tuple[int, ...] | None:
    return shape(header, f"{prefix}layers.{layer}.residual_group.blocks.0.attn.relative_position_bias_table")


def _depth(header: Header, prefix: str, layer: int) -> int:
    block = re.compile(rf"layers\.{layer}\.residual_group\.blocks\.(\d+)\.norm1\.weight")
    return len(numbers(header, prefix, block))


def _reconstruction(header: Header, prefix: str, channels: int) -> tuple[Reconstruction, int, int]:
    """How the picture is put together, from how many features, and how much larger it is."""
    before = shape(header, f"{prefix}conv_before_upsample.0.weight")
    shuffle = shape(header, f"{prefix}upsample.0.weight")
    features = _UNUSED_FEATURES if before is None else before[0]
    if before is not None and shuffle is not None:
        thrice = shuffle[0] == 9 * features
        return "shuffled", features, 3 if thrice else 2 ** len(numbers(header, prefix, _SHUFFLE))
    if before is not None:
        return "repeated", features, 2 ** len(numbers(header, prefix, _DOUBLING))
    if shuffle is not None:
        return "shuffled at once", features, math.isqrt(shuffle[0] // channels)
    return "residual", features, 1
