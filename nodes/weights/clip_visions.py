"""Which CLIP vision tower a file holds, and where its tensors are: transformers' names, or OpenCLIP's."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nodes.diffusion.clip_vision import ClipVisionConfig
from nodes.weights.errors import WeightsUnknownFamily
from nodes.weights.files import Header
from nodes.weights.keymaps import Place, Source, same_names

_HEADS: Final = 16  # of every tower in use: ViT-L, ViT-H and ViT-bigG
_QUICK_GELU_WIDTH: Final = 1024  # only OpenAI's ViT-L was trained with it
_LAYER: Final = re.compile(
    r"vision_model\.encoder\.layers\.(?P<index>\d+)\."
    r"(?:self_attn\.(?P<qkv>[qkv])_proj|(?P<module>layer_norm[12]|mlp\.fc[12]|self_attn\.out_proj))"
    r"\.(?P<kind>weight|bias)"
)
_LAYERS: Final[Mapping[str, str]] = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
_ENDS: Final[Mapping[str, Source]] = {
    "vision_model.embeddings.class_embedding": Source("class_embedding"),
    "vision_model.embeddings.patch_embedding.weight": Source("conv1.weight"),
    "vision_model.embeddings.position_embedding.weight": Source("positional_embedding"),
    "vision_model.pre_layrnorm.weight": Source("ln_pre.weight"),
    "vision_model.pre_layrnorm.bias": Source("ln_pre.bias"),
    "vision_model.post_layernorm.weight": Source("ln_post.weight"),
    "vision_model.post_layernorm.bias": Source("ln_post.bias"),
    "visual_projection.weight": Source("proj", transpose=True),
}
_OPENCLIP_PREFIXES: Final = ("visual.", "embedder.model.visual.")


@dataclass(frozen=True, slots=True)
class ClipVisionFile:
    """What tower it is, and where in the file."""

    config: ClipVisionConfig
    place: Place


def openclip_vision_names(name: str) -> Sequence[Source]:
    """OpenCLIP's names for the parameters of `nodes.diffusion.clip_vision.ClipVision`."""
    if name in _ENDS:
        return (_ENDS[name],)
    layer = _LAYER.fullmatch(name)
    if layer is None:
        return ()
    block = f"transformer.resblocks.{layer['index']}"
    if layer["qkv"]:
        return (Source(f"{block}.attn.in_proj_{layer['kind']}", third="qkv".index(layer["qkv"])),)
    return (Source(f"{block}.{_LAYERS[layer['module']]}.{layer['kind']}"),)


def detect_clip_vision(header: Header) -> ClipVisionFile:
    """Raises `WeightsUnknownFamily` for a file that holds no CLIP vision tower."""
    places = [Place("", same_names), *(Place(prefix, openclip_vision_names) for prefix in _OPENCLIP_PREFIXES)]
    for place in places:
        config = vision_config(header, place)
        if config is not None:
            return ClipVisionFile(config, place)
    raise WeightsUnknownFamily(
        f"{header.path.name} is no CLIP vision model: it has {len(header.tensors)} tensors, "
        f"such as {', '.join(sorted(header.tensors)[:3]) or 'none'}",
        hint="CLIP vision models with the names of transformers or OpenCLIP are known, as .safetensors files.",
    )


def vision_config(header: Header, place: Place) -> ClipVisionConfig | None:
    """The configuration of a tower at a place of a file, None if there is none."""

    def shape(name: str) -> tuple[int, ...] | None:
        source = place.layout(name)[0]
        entry = header.tensors.get(place.prefix + source.key)
        if entry is None:
            return None
        return entry.shape[::-1] if source.transpose else entry.shape

    patch = shape("vision_model.embeddings.patch_embedding.weight")
    positions = shape("vision_model.embeddings.position_embedding.weight")
    inner, projection = shape("vision_model.encoder.layers.0.mlp.fc1.weight"), shape("visual_projection.weight")
    if patch is None or positions is None or inner is None or projection is None:
        return None
    layers = 0
    while shape(f"vision_model.encoder.layers.{layers}.mlp.fc1.weight") is not None:
        layers += 1
    return ClipVisionConfig(
        hidden_size=patch[0],
        intermediate_size=inner[0],
        num_hidden_layers=layers,
        num_attention_heads=_HEADS,
        patch_size=patch[2],
        image_size=patch[2] * math.isqrt(positions[0] - 1),
        projection_dim=projection[0],
        hidden_act="quick_gelu" if patch[0] == _QUICK_GELU_WIDTH else "gelu",
    )
