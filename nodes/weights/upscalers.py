"""Which enlarging network a file holds, told from its keys and shapes, and where its tensors are."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from nodes.diffusion.esrgan import CompactConfig, RrdbConfig
from nodes.weights.errors import WeightsUnknownFamily
from nodes.weights.files import Header
from nodes.weights.keymaps import Layout, Place, Source, same_names
from nodes.weights.swin_ir import detect_swin_ir
from nodes.weights.upscaler_file import UpscalerFile, numbers, shape

_WRAPPERS = ("", "params_ema.", "params.")
_OLD_BLOCK = re.compile(r"model\.1\.sub\.(\d+)\.RDB1\.conv1\.0\.weight")
_BLOCK = re.compile(r"body\.(\d+)\.rdb1\.conv1\.weight")
_COMPACT_LAYER = re.compile(r"body\.(\d+)\.weight")
_DENSE_CONV = re.compile(r"body\.(\d+)\.rdb(\d)\.conv(\d)\.(weight|bias)")


def detect_upscaler(header: Header) -> UpscalerFile:
    """Raises `WeightsUnknownFamily` for a file that holds none of the networks known here."""
    for prefix in _WRAPPERS:
        for detect in (_old_rrdb, _rrdb, _compact, detect_swin_ir):
            found = detect(header, prefix)
            if found is not None:
                return found
    raise WeightsUnknownFamily(
        f"{header.path.name} is no upscale model that is known here: it has {len(header.tensors)} tensors, "
        f"such as {', '.join(sorted(header.tensors)[:3]) or 'none'}",
        hint="ESRGAN, Real-ESRGAN, its compact models and SwinIR are known, as .safetensors files.",
    )


def old_esrgan_names(config: RrdbConfig) -> Layout:
    """ESRGAN's first names, which number the layers through; the number of doublings moves the last ones."""
    after_doublings = 3 * config.doublings
    ends = {
        "conv_first": "model.0",
        "conv_body": f"model.1.sub.{config.blocks}",
        "conv_hr": f"model.{after_doublings + 2}",
        "conv_last": f"model.{after_doublings + 4}",
    } | {f"conv_up{index}": f"model.{3 * index}" for index in range(1, config.doublings + 1)}

    def layout(name: str) -> Sequence[Source]:
        dense = _DENSE_CONV.fullmatch(name)
        if dense is not None:
            block, unit, conv, kind = dense.groups()
            return (Source(f"model.1.sub.{block}.RDB{unit}.conv{conv}.0.{kind}"),)
        layer, kind = name.rsplit(".", 1)
        return (Source(f"{ends[layer]}.{kind}"),)

    return layout


def _old_rrdb(header: Header, prefix: str) -> UpscalerFile | None:
    if any(".conv1x1." in name for name in header.tensors):  # ESRGAN+
        return None
    blocks = numbers(header, prefix, _OLD_BLOCK)
    first = shape(header, f"{prefix}model.0.weight")
    layers = numbers(header, prefix, re.compile(r"model\.(\d+)\.weight"))
    if not blocks or first is None or not layers:
        return None
    last = shape(header, f"{prefix}model.{max(layers)}.weight")
    growth = shape(header, f"{prefix}model.1.sub.0.RDB1.conv1.0.weight")
    if last is None or growth is None:
        return None
    doublings = (max(layers) - 4) // 3
    config = RrdbConfig(first[1], last[0], first[0], max(blocks) + 1, growth[0], doublings)
    return UpscalerFile(config, Place(prefix, old_esrgan_names(config)))


def _rrdb(header: Header, prefix: str) -> UpscalerFile | None:
    blocks = numbers(header, prefix, _BLOCK)
    first, last = shape(header, f"{prefix}conv_first.weight"), shape(header, f"{prefix}conv_last.weight")
    growth = shape(header, f"{prefix}body.0.rdb1.conv1.weight")
    if not blocks or first is None or last is None or growth is None:
        return None
    doublings = len(numbers(header, prefix, re.compile(r"conv_up(\d)\.weight")))
    # Folded squares are the only reason for more channels going in than coming out.
    unshuffle = math.isqrt(first[1] // last[0]) if first[1] in (4 * last[0], 16 * last[0]) else 1
    config = RrdbConfig(first[1] // unshuffle**2, last[0], first[0], max(blocks) + 1, growth[0], doublings, unshuffle)
    return UpscalerFile(config, Place(prefix, same_names))


def _compact(header: Header, prefix: str) -> UpscalerFile | None:
    layers = numbers(header, prefix, _COMPACT_LAYER)
    first = shape(header, f"{prefix}body.0.weight")
    last = shape(header, f"{prefix}body.{max(layers, default=0)}.weight")
    if first is None or last is None or len(first) != 4 or len(last) != 4 or max(layers) < 4:
        return None
    upscale = math.isqrt(last[0] // first[1])
    config = CompactConfig(first[1], first[0], max(layers) // 2 - 1, upscale)
    return UpscalerFile(config, Place(prefix, same_names))
