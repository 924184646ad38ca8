"""Which half of the tiny autoencoder a file holds, and the pairs of files that make one, by their usual names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nodes.diffusion.config import SD15, SDXL, ModelConfig
from nodes.diffusion.taesd import TaesdConfig
from nodes.weights.errors import WeightsUnknownFamily
from nodes.weights.files import Header


@dataclass(frozen=True, slots=True)
class TaesdNames:
    """The files of a tiny autoencoder, without suffix, and the family whose latents it speaks."""

    encoder: str
    decoder: str
    family: ModelConfig


TAESD: Final[Mapping[str, TaesdNames]] = {
    "taesd": TaesdNames("taesd_encoder", "taesd_decoder", SD15),
    "taesdxl": TaesdNames("taesdxl_encoder", "taesdxl_decoder", SDXL),
}
"""By the name under which a VAE loader offers the pair."""


def detect_taesd(header: Header) -> TaesdConfig:
    """Raises `WeightsUnknownFamily` for a file that is no half of a tiny autoencoder."""
    first, second, last = (header.tensors.get(name) for name in ("0.weight", "1.weight", "14.weight"))
    if first is not None and last is not None and len(first.shape) == 4 and first.shape[1] == 3:
        return TaesdConfig("encoder", last.shape[0], first.shape[0])
    if first is None and second is not None and len(second.shape) == 4 and "19.weight" in header.tensors:
        return TaesdConfig("decoder", second.shape[1], second.shape[0])
    raise WeightsUnknownFamily(
        f"{header.path.name} is no half of a tiny autoencoder",
        hint="Use the files taesd_encoder and taesd_decoder (or taesdxl_...) as .safetensors.",
    )
