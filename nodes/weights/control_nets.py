"""Which control network a file holds, told from its keys and shapes, and where its tensors are.

LDM files have the network under `control_model.`, or bare; diffusers' files have other words for the same layers. A
configuration in the metadata comes first, as in checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from nodes.diffusion.config import SD15, SD20, SDXL, SDXL_REFINER, ModelConfig
from nodes.diffusion.control_net import ControlNetConfig
from nodes.weights.diffusers_names import unet_name, unet_prefixes
from nodes.weights.errors import WeightsUnknownFamily
from nodes.weights.files import Header
from nodes.weights.keymaps import Layout, Place, Source, same_names
from nodes.weights.metadata import read_config

FAMILIES: Final[Sequence[ModelConfig]] = (SD15, SD20, SDXL, SDXL_REFINER)
DIFFERENCE: Final = "difference"
"""A tensor of this name marks weights that are to be added to those of a U-Net."""
LOW_RANK: Final = "lora_controlnet"
"""A tensor of this name marks a file of changes to the U-Net that is steered: products `up` times `down` of a layer."""

_LDM_PREFIXES: Final = ("control_model.", "")
_CROSS_ATTENTION: Final = (".attn2.to_k.weight", ".attn2.to_k.down")
_LABEL_DOWN: Final = "label_emb.0.0.down"
_UNION: Final = ("task_embedding", "transformer_layes.", "spatial_ch_projs.", "control_add_embedding.")
_AVERAGING: Final = ("_shuffle", "_shuffle_fp16")


@dataclass(frozen=True, slots=True)
class ControlNetFile:
    """What network it is, where in the file, and whether its weights are differences to a U-Net's."""

    config: ControlNetConfig
    place: Place
    is_difference: bool


@dataclass(frozen=True, slots=True)
class _Names:
    """Where a naming has the layers that tell networks apart."""

    first: str
    hint: str
    label: str


_LDM = _Names("input_blocks.0.0.weight", "input_hint_block.0.weight", "label_emb.0.0.weight")
_DIFFUSERS = _Names("conv_in.weight", "controlnet_cond_embedding.conv_in.weight", "add_embedding.linear_1.weight")


def detect_control_net(header: Header) -> ControlNetFile:
    """Raises `WeightsUnknownFamily` for a file that holds no control network known here."""
    for prefix in _LDM_PREFIXES:
        if prefix + _LDM.hint in header.tensors:
            return _found(header, _config(header, prefix, _LDM), Place(prefix, same_names))
    if _DIFFUSERS.hint in header.tensors:
        config = _config(header, "", _DIFFUSERS)
        return _found(header, config, Place("", diffusers_names(config)))
    raise WeightsUnknownFamily(
        f"{header.path.name} is no control network that is known here: it has {len(header.tensors)} tensors, "
        f"such as {', '.join(sorted(header.tensors)[:3]) or 'none'}",
        hint="ControlNets of SD 1.x, 2.x and SDXL are known, with LDM or diffusers names, as .safetensors files.",
    )


def diffusers_names(config: ControlNetConfig) -> Layout:
    """Diffusers' names for the parameters of `nodes.diffusion.control_net.ControlNet`."""
    prefixes = unet_prefixes(config.unet)

    def layout(name: str) -> Sequence[Source]:
        if name.startswith(_UNION):
            return (Source(name),)
        block, _, rest = name.partition(".")
        match block:
            case "zero_convs":
                index, _, kind = rest.split(".")
                return (Source(f"controlnet_down_blocks.{index}.{kind}"),)
            case "middle_block_out":
                return (Source(f"controlnet_mid_block.{rest.removeprefix('0.')}"),)
            case "input_hint_block":
                index, kind = rest.split(".")
                return (Source(f"controlnet_cond_embedding.{_hint_layer(int(index) // 2)}.{kind}"),)
            case _:
                return (Source(unet_name(name, prefixes)),)

    return layout


def _hint_layer(index: int) -> str:
    return {0: "conv_in", 7: "conv_out"}.get(index, f"blocks.{index - 1}")


def _found(header: Header, config: ControlNetConfig, place: Place) -> ControlNetFile:
    return ControlNetFile(config, place, place.prefix + DIFFERENCE in header.tensors or DIFFERENCE in header.tensors)


def _config(header: Header, prefix: str, names: _Names) -> ControlNetConfig:
    family = read_config(header.metadata, header.path.name) or _family(header, prefix, names)
    first, hint = header.tensors.get(prefix + names.first), header.tensors[prefix + names.hint]
    types = header.tensors.get(f"{prefix}task_embedding")
    return ControlNetConfig(
        family.family,
        family.unet if first is None else replace(family.unet, in_channels=first.shape[1]),
        hint_channels=hint.shape[1],
        union_types=0 if types is None else types.shape[0],
        global_average=header.path.stem.endswith(_AVERAGING),
        low_rank=LOW_RANK in header.tensors,
    )


def _family(header: Header, prefix: str, names: _Names) -> ModelConfig:
    contexts = {
        entry.shape[1]
        for name, entry in header.tensors.items()
        if name.startswith(prefix) and name.endswith(_CROSS_ATTENTION) and len(entry.shape) == 2
    }
    label = header.tensors.get(prefix + names.label) or header.tensors.get(prefix + _LABEL_DOWN)
    label_width = None if label is None else label.shape[1]
    for family in FAMILIES:
        if contexts == {family.unet.context_dim} and family.unet.adm_in_channels == label_width:
            return family
    raise WeightsUnknownFamily(
        f"{header.path.name} is a control network of no family that is known here: its contexts are "
        f"{', '.join(map(str, sorted(contexts))) or 'none'} wide and its label {label_width or 'none'}",
        hint="ControlNets of SD 1.x, 2.x and SDXL with attention are known.",
    )
