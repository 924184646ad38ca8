"""Where the tensors of each part are in a checkpoint, as tables.

The networks of `nodes/diffusion` already carry LDM names, so for most parts the map is a prefix. Only OpenCLIP towers
(SD 2.x and SDXL's second) are laid out otherwise: fused attention projections, other words, a transposed projection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from torch import Tensor


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
    """Where one part is: the prefix of its keys and their layout."""

    prefix: str
    layout: Layout


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

# For each part, every place it is known to be; a checkpoint has at most one of them.
PLACES: Mapping[Part, Sequence[Place]] = {
    Part.UNET: (Place("model.diffusion_model.", same_names),),
    Part.VAE: (Place("first_stage_model.", same_names),),
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
