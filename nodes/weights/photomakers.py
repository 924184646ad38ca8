"""Which PhotoMaker encoder a file holds, and where in the file it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nodes.diffusion.photomaker import PhotoMakerConfig
from nodes.weights.clip_visions import vision_config
from nodes.weights.errors import WeightsUnknownFamily
from nodes.weights.files import Header
from nodes.weights.keymaps import Place, same_names

_PREFIXES: Final = ("", "id_encoder.")


@dataclass(frozen=True, slots=True)
class PhotoMakerFile:
    """What it is, and where."""

    config: PhotoMakerConfig
    place: Place


def detect_photomaker(header: Header) -> PhotoMakerFile:
    """Raises `WeightsUnknownFamily` for a file that is none."""
    for prefix in _PREFIXES:
        place = Place(prefix, same_names)
        vision, second = vision_config(header, place), header.tensors.get(f"{prefix}visual_projection_2.weight")
        if vision is not None and second is not None and f"{prefix}fuse_module.mlp1.fc1.weight" in header.tensors:
            return PhotoMakerFile(PhotoMakerConfig(vision, second.shape[0]), place)
    newer = any("qformer_perceiver" in name for name in header.tensors)
    what = "PhotoMaker of version 2, which needs a network that finds faces" if newer else "no PhotoMaker encoder"
    raise WeightsUnknownFamily(
        f"{header.path.name} is {what}", hint="PhotoMaker of version 1, as .safetensors, is known."
    )
