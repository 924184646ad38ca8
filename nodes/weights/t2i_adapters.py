"""Which T2I-Adapter a file holds, told from its keys and shapes, and where its tensors are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nodes.diffusion.t2i_adapter import T2iAdapterConfig
from nodes.weights.files import Header
from nodes.weights.keymaps import Place, Source, same_names

_DIFFUSERS_PREFIX: Final = "adapter."
_SDXL_UNSHUFFLE: Final = 16
_SDXL_CHANNELS: Final = tuple(channels * _SDXL_UNSHUFFLE**2 for channels in (1, 3))
_BLOCK: Final = re.compile(r"body\.(\d+)\.(block1|block2|in_conv|down_opt\.op)\.(weight|bias)")


@dataclass(frozen=True, slots=True)
class T2iAdapterFile:
    """What adapter it is, and where in the file."""

    config: T2iAdapterConfig
    place: Place


def detect_t2i_adapter(header: Header) -> T2iAdapterFile | None:
    """None for a file that holds no full T2I-Adapter."""
    for place in (Place("", same_names), Place(_DIFFUSERS_PREFIX, diffusers_names)):
        first, block = (
            header.tensors.get(place.prefix + place.layout(name)[0].key)
            for name in ("conv_in.weight", "body.0.block2.weight")
        )
        if first is not None and block is not None and len(first.shape) == len(block.shape) == 4:
            return T2iAdapterFile(_config(header, first.shape, kernel=block.shape[2]), place)
    return None


def diffusers_names(name: str) -> Sequence[Source]:
    """Diffusers counts levels and blocks within them, the first checkpoints the blocks through."""
    block = _BLOCK.fullmatch(name)
    if block is None:
        return (Source(name),)
    level, inner = divmod(int(block[1]), 2)
    if block[2] in ("block1", "block2"):
        return (Source(f"body.{level}.resnets.{inner}.{block[2]}.{block[3]}"),)
    return (Source(f"body.{level}.{block[2]}.{block[3]}"),)


def _config(header: Header, first: tuple[int, ...], kernel: int) -> T2iAdapterConfig:
    width, channels = first[0], first[1]
    widths = (width, 2 * width, 4 * width, 4 * width)
    learned = any(name.endswith("down_opt.op.weight") for name in header.tensors)
    if channels in _SDXL_CHANNELS:
        return T2iAdapterConfig(
            "sdxl",
            channels // _SDXL_UNSHUFFLE**2,
            kernel,
            learned,
            unshuffle=_SDXL_UNSHUFFLE,
            widths=widths,
            halved=(2,),
            inputs=(3, 5, 8, None),
            input_blocks=9,
        )
    return T2iAdapterConfig("sd15", channels // 8**2, kernel, learned, widths=widths)
