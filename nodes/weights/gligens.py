"""Which grounding network (GLIGEN) a file holds, and where in the file it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nodes.diffusion.config import SD15
from nodes.diffusion.gligen import GligenConfig
from nodes.weights.errors import WeightsUnknownFamily
from nodes.weights.files import Header
from nodes.weights.keymaps import Place, same_names
from nodes.weights.metadata import read_config

_PREFIXES: Final = ("", "model.diffusion_model.")
_NULL: Final = "position_net.null_positive_feature"
_WITNESS: Final = "input_blocks.1.1.transformer_blocks.0.fuser.linear.weight"


@dataclass(frozen=True, slots=True)
class GligenFile:
    """What it grounds, and where it is."""

    config: GligenConfig
    place: Place


def detect_gligen(header: Header) -> GligenFile:
    """Raises `WeightsUnknownFamily` for a file that grounds no U-Net known here. Metadata may say which it grounds."""
    carried = read_config(header.metadata, header.path.name)
    family = SD15 if carried is None else carried
    for prefix in _PREFIXES:
        null, fuser = header.tensors.get(prefix + _NULL), header.tensors.get(prefix + _WITNESS)
        if null is None or fuser is None:
            continue
        if fuser.shape[0] == family.unet.model_channels:
            return GligenFile(GligenConfig(family.unet, null.shape[0], family.family), Place(prefix, same_names))
        raise WeightsUnknownFamily(
            f"{header.path.name} grounds a U-Net that is {fuser.shape[0]} wide, which is none that is known here",
            hint="GLIGEN networks for Stable Diffusion 1.x are known.",
        )
    raise WeightsUnknownFamily(
        f"{header.path.name} is no GLIGEN network: it has {len(header.tensors)} tensors and none is {_NULL}",
        hint="Use a pruned GLIGEN text box model as .safetensors.",
    )
