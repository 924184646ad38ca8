"""Which family of models an adapter was made for, as far as its metadata and a few shapes tell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from nodes.weights.files import Header

# What training programs write of the base model (`ss_base_model_version`, `modelspec.architecture`).
_NAMED: Final[Sequence[tuple[str, str]]] = (
    (r"xl[-_].*refiner", "SDXL refiner"),
    (r"sdxl|stable-diffusion-xl", "SDXL"),
    (r"sd_?v?1|stable-diffusion-v1", "SD 1.x"),
    (r"sd_?v?2|stable-diffusion-v2", "SD 2.x"),
    (r"sd3|stable-diffusion-3", "SD 3"),
    (r"flux", "Flux"),
)
_CONTEXT: Final[Mapping[int, str]] = {768: "SD 1.x", 1024: "SD 2.x", 1280: "SDXL refiner", 2048: "SDXL"}
_CROSS_ATTENTION = re.compile(r"attn2[._](?:processor\.)?to_[kv][._](?:lora[._])?(?:linear_layer\.)?(?:down|A)\.")
_OTHER_NETWORKS: Final[Sequence[tuple[str, str]]] = (
    ("double_blocks", "Flux"),
    ("single_transformer_blocks", "Flux"),
    ("joint_blocks", "SD 3"),
    ("lora_te2_", "SDXL"),
    ("text_encoder_2.", "SDXL"),
)


def adapter_family(header: Header) -> str | None:
    """The family in people's words, None if nothing tells."""
    return _from_metadata(header) or _from_shapes(header) or _from_names(header)


def _from_metadata(header: Header) -> str | None:
    for entry in ("ss_base_model_version", "modelspec.architecture"):
        text = header.metadata.get(entry, "").lower()
        for pattern, family in _NAMED:
            if re.search(pattern, text):
                return family
    return None


def _from_shapes(header: Header) -> str | None:
    """The width of the prompt's embeddings, seen in cross-attention."""
    for name, entry in header.tensors.items():
        if _CROSS_ATTENTION.search(name) and len(entry.shape) >= 2 and entry.shape[1] in _CONTEXT:
            return _CONTEXT[entry.shape[1]]
    return None


def _from_names(header: Header) -> str | None:
    return next((family for part, family in _OTHER_NETWORKS if any(part in name for name in header.tensors)), None)
