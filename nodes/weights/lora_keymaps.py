"""How files of adapters name layers and the tensors of a change, as tables.

A key is a layer's alias and a suffix: `lora_unet_middle_block_1_proj_in` + `.lora_down.weight`. `SUFFIXES` lists the
suffixes of every known layout and what they hold; `layer_aliases` lists the aliases of each layer of a network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from nodes.diffusion.config import ModelConfig
from nodes.weights.diffusers_names import unet_name, unet_prefixes
from nodes.weights.keymaps import Part

SUFFIXES: Final[Mapping[str, str]] = {
    # kohya and LyCORIS
    ".lora_up.weight": "up",
    ".lora_down.weight": "down",
    ".lora_mid.weight": "mid",
    ".alpha": "alpha",
    ".dora_scale": "magnitude",
    # PEFT
    ".lora_B.weight": "up",
    ".lora_A.weight": "down",
    ".lora_B.default.weight": "up",
    ".lora_A.default.weight": "down",
    ".lora_magnitude_vector": "magnitude",
    ".lora_magnitude_vector.weight": "magnitude",
    # diffusers before PEFT
    ".lora.up.weight": "up",
    ".lora.down.weight": "down",
    "_lora.up.weight": "up",
    "_lora.down.weight": "down",
    ".lora_linear_layer.up.weight": "up",
    ".lora_linear_layer.down.weight": "down",
    # LoHa
    ".hada_w1_a": "w1a",
    ".hada_w1_b": "w1b",
    ".hada_w2_a": "w2a",
    ".hada_w2_b": "w2b",
    ".hada_t1": "t1",
    ".hada_t2": "t2",
    # LoKr
    ".lokr_w1": "kron1",
    ".lokr_w1_a": "kron1a",
    ".lokr_w1_b": "kron1b",
    ".lokr_w2": "kron2",
    ".lokr_w2_a": "kron2a",
    ".lokr_w2_b": "kron2b",
    ".lokr_t2": "kron_t2",
    # OFT and BOFT
    ".oft_blocks": "rotation",
    ".rescale": "rescale",
    # GLoRA
    ".a1.weight": "glora_a1",
    ".a2.weight": "glora_a2",
    ".b1.weight": "glora_b1",
    ".b2.weight": "glora_b2",
    ".bm.weight": "glora_mid",
    # (IA)3
    ".weight": "factors",
    ".on_input": "on_input",
    # whole differences
    ".diff": "diff",
    ".diff_b": "diff_b",
    ".w_norm": "diff",
    ".b_norm": "diff_b",
}
"""Suffix of a key to what the tensor is."""

_ENDINGS: Final = tuple(sorted(SUFFIXES, key=len, reverse=True))

_OLD_ATTENTION: Final[Mapping[str, str]] = {
    "self_attn.q_proj": "self_attn.to_q",
    "self_attn.k_proj": "self_attn.to_k",
    "self_attn.v_proj": "self_attn.to_v",
    "self_attn.out_proj": "self_attn.to_out",
}
"""Words of diffusers before PEFT for the attention of a text encoder."""

_TEXT_PREFIXES: Final[Mapping[Part, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    Part.TEXT: (("lora_te_", "lora_te1_"), ("text_encoder.",)),
    Part.TEXT_2: (("lora_te2_",), ("text_encoder_2.",)),
}
"""For each tower: prefixes of aliases with underscores, and with dots."""


def split_key(key: str) -> tuple[str, str] | None:
    """The alias of the layer and what the tensor is, None for a key of no known layout."""
    for suffix in _ENDINGS:
        if key.endswith(suffix):
            return key.removesuffix(suffix).removeprefix("base_model.model."), SUFFIXES[suffix]
    return None


def layer_aliases(part: Part, config: ModelConfig, layers: Iterable[str]) -> dict[str, str]:
    """Every alias of some layers of a part, to the layer's own name."""
    if part is Part.UNET:
        prefixes = unet_prefixes(config.unet)
        return {alias: layer for layer in layers for alias in _unet_aliases(layer, unet_name(layer, prefixes))}
    if part is Part.VAE:
        return {}
    return {alias: layer for layer in layers for alias in _text_aliases(layer, part)}


def kohya_alias(layer: str, part: Part, config: ModelConfig, *, two_towers: bool) -> str:
    """The alias that kohya's programs write for a layer: SD 1.x and 2.x in the words of diffusers, SDXL in those of LDM."""
    if part is not Part.UNET:
        tower = "lora_te2_" if part is Part.TEXT_2 else "lora_te1_" if two_towers else "lora_te_"
        return tower + layer.replace(".", "_")
    words = layer if config.unet.adm_in_channels is not None else unet_name(layer, unet_prefixes(config.unet))
    return "lora_unet_" + words.replace(".", "_")


def _unet_aliases(layer: str, theirs: str) -> Iterator[str]:
    yield f"diffusion_model.{layer}"
    yield "lora_unet_" + layer.replace(".", "_")
    for prefix in ("lora_unet_", "lycoris_"):
        yield prefix + theirs.replace(".", "_")
    processor = theirs.replace(".to_", ".processor.to_").removesuffix(".0" if theirs.endswith(".to_out.0") else "")
    for prefix in ("", "unet."):
        yield prefix + theirs
        yield prefix + processor


def _text_aliases(layer: str, part: Part) -> Iterator[str]:
    underscored, dotted = _TEXT_PREFIXES[part]
    for prefix in underscored:
        yield prefix + layer.replace(".", "_")
    for prefix in dotted:
        yield prefix + layer
        yield prefix + _with_old_words(layer)


def _with_old_words(layer: str) -> str:
    for new, old in _OLD_ATTENTION.items():
        if layer.endswith(new):
            return layer.removesuffix(new) + old
    return layer
