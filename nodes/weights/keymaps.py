"""Where the tensors of each part are in a checkpoint, as tables.

The networks of `nodes/diffusion` already carry LDM names, so for most parts the map is a prefix. Only OpenCLIP towers
(SD 2.x and SDXL's second) are laid out otherwise: fused attention projections, other words, a transposed projection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from torch import Tensor

from nodes.diffusion.config import ModelConfig
from nodes.weights.diffusers_names import OLD_VAE_ATTENTION, unet_name, unet_prefixes, vae_name, vae_prefixes


class Part(StrEnum):
    """The parts of a checkpoint that load on their own. `TEXT_2` is the second tower of SDXL."""

    UNET = "unet"
    VAE = "vae"
    TEXT = "text"
    TEXT_2 = "text_2"


@dataclass(frozen=True, slots=True)
class Source:
    """A stored tensor and what makes the wanted one of it: `third` takes rows 0, 1 or 2 thirds down; then transpose."""

    key: str
    third: int | None = None
    transpose: bool = False

    def read(self, stored: Tensor) -> Tensor:
        if self.third is not None:
            stored = stored.chunk(3, dim=0)[self.third].clone()
        return stored.t().contiguous() if self.transpose else stored


# Given a parameter's name without prefix: the sources it may come from, most usual first.
Layout = Callable[[str], Sequence[Source]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one part is: the prefix of its keys and their layout. `witness` is a key that tells a layout from others."""

    prefix: str
    layout: Layout
    witness: str = ""

    def is_in(self, names: Iterable[str]) -> bool:
        """Whether a file with tensors of these names has something at this place."""
        return any(name.startswith(self.prefix + self.witness) for name in names)


def same_names(name: str) -> Sequence[Source]:
    """LDM and CLIP names as they are. Some files drop `text_model.` from CLIP's."""
    return (Source(name), Source(name.removeprefix("text_model.")))


def openclip_names(name: str) -> Sequence[Source]:
    """OpenCLIP's names for the parameters of `nodes.diffusion.clip.TextEncoder`."""
    if name == "text_projection.weight":
        return (Source("text_projection", transpose=True), Source("text_projection.weight"))
    if name in _OPENCLIP_ENDS:
        return (Source(_OPENCLIP_ENDS[name]),)
    layer = _CLIP_LAYER.fullmatch(name)
    if layer is None:
        return ()
    block = f"transformer.resblocks.{layer['index']}"
    if layer["qkv"]:
        return (Source(f"{block}.attn.in_proj_{layer['kind']}", third="qkv".index(layer["qkv"])),)
    return (Source(f"{block}.{_OPENCLIP_LAYERS[layer['module']]}.{layer['kind']}"),)


_CLIP_LAYER = re.compile(
    r"text_model\.encoder\.layers\.(?P<index>\d+)\."
    r"(?:self_attn\.(?P<qkv>[qkv])_proj|(?P<module>layer_norm[12]|mlp\.fc[12]|self_attn\.out_proj))"
    r"\.(?P<kind>weight|bias)"
)
_OPENCLIP_LAYERS: Mapping[str, str] = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
_OPENCLIP_ENDS: Mapping[str, str] = {
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
}


def diffusers_unet_names(config: ModelConfig) -> Layout:
    """Diffusers' names for the parameters of a U-Net."""
    prefixes = unet_prefixes(config.unet)

    def layout(name: str) -> Sequence[Source]:
        theirs = unet_name(name, prefixes)
        labelled = theirs.replace("add_embedding.", "class_embedding.")  # the label of a model without picture sizes
        return (Source(theirs), Source(labelled)) if labelled != theirs else (Source(theirs),)

    return layout


def diffusers_vae_names(config: ModelConfig) -> Layout:
    """Diffusers' names for the parameters of an autoencoder, of today and of before version 0.17."""
    prefixes = vae_prefixes(config.vae)

    def layout(name: str) -> Sequence[Source]:
        today = vae_name(name, prefixes)
        before = next((today.replace(new, old) for new, old in OLD_VAE_ATTENTION.items() if f".{new}." in today), today)
        return (Source(today), Source(before))

    return layout


def places(part: Part, config: ModelConfig) -> tuple[Place, ...]:
    """Every place where a part of such a model is known to be, in files with LDM names and in those of diffusers."""
    alone: Sequence[Place] = _TEXT_ALONE
    if part is Part.UNET:
        alone = (Place("", diffusers_unet_names(config), "down_blocks.0.resnets.0.conv1.weight"),)
    elif part is Part.VAE:
        alone = (Place("", diffusers_vae_names(config), "decoder.mid_block.resnets.0.conv1.weight"),)
    return (*PLACES[part], *alone)


_TEXT_ALONE: Sequence[Place] = (
    Place("", same_names, "text_model.encoder.layers.0."),
    Place("", openclip_names, "transformer.resblocks.0."),
)
"""A text encoder in a file of its own: named as by CLIP's or OpenCLIP's authors."""

# For each part, every place it is known to be with LDM names; a checkpoint has at most one of them.
PLACES: Mapping[Part, Sequence[Place]] = {
    Part.UNET: (
        Place("model.diffusion_model.", same_names),
        Place("diffusion_model.", same_names),
        Place("", same_names, "input_blocks.0.0.weight"),
    ),
    Part.VAE: (
        Place("first_stage_model.", same_names),
        Place("vae.", same_names),
        Place("", same_names, "decoder.mid.block_1.conv1.weight"),
    ),
    Part.TEXT: (
        Place("cond_stage_model.transformer.", same_names),
        Place("cond_stage_model.model.", openclip_names),
        Place("conditioner.embedders.0.transformer.", same_names),
        Place("conditioner.embedders.0.model.", openclip_names),
    ),
    Part.TEXT_2: (Place("conditioner.embedders.1.model.", openclip_names),),
}

# Stored beside the parameters of a part, and not needed: no surprise to report.
EXPECTED_EXTRAS = re.compile(r"position_ids$|logit_scale$|^loss\.")
