"""Which style adapter a file holds."""

from __future__ import annotations

import re
from typing import Final

from nodes.diffusion.style_adapter import StyleConfig
from nodes.weights.errors import WeightsUnknownFamily
from nodes.weights.files import Header

_HEADS: Final = 8
_LAYER: Final = re.compile(r"transformer_layes\.(\d+)\.")


def detect_style_model(header: Header) -> StyleConfig:
    """Raises `WeightsUnknownFamily` for a file that is none."""
    tokens, projection = header.tensors.get("style_embedding"), header.tensors.get("proj")
    layers = {int(match[1]) for name in header.tensors if (match := _LAYER.match(name))}
    if tokens is None or projection is None or not layers:
        redux = "redux_up.weight" in header.tensors
        what = "a style model for Flux" if redux else "no style model"
        raise WeightsUnknownFamily(
            f"{header.path.name} is {what}",
            hint="The style adapter of T2I-Adapter, for Stable Diffusion 1.x, is known.",
        )
    width, context = projection.shape
    return StyleConfig(width, context, len(layers), tokens.shape[1], _HEADS)
