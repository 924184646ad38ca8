"""The words that the diffusers library has for the layers of our networks, as tables.

Networks here carry LDM names (`input_blocks.1.0.in_layers.2`); files made with diffusers say the same in other words
(`down_blocks.0.resnets.0.conv1`). Each function takes a dotted name of ours, of a layer or of its parameter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from nodes.diffusion.config import UNetConfig, VaeConfig

_UNET_ENDS: Final[Mapping[str, str]] = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "label_emb": "class_embedding",
    "label_emb.0.0": "add_embedding.linear_1",
    "label_emb.0.2": "add_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "middle_block.0": "mid_block.resnets.0",
    "middle_block.1": "mid_block.attentions.0",
    "middle_block.2": "mid_block.resnets.1",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}
_RES_BLOCK: Final[Mapping[str, str]] = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
_VAE_ENDS: Final[Mapping[str, str]] = {
    "mid.block_1": "mid_block.resnets.0",
    "mid.attn_1": "mid_block.attentions.0",
    "mid.block_2": "mid_block.resnets.1",
    "norm_out": "conv_norm_out",
}
_VAE_ATTENTION: Final[Mapping[str, str]] = {
    "norm": "group_norm",
    "q": "to_q",
    "k": "to_k",
    "v": "to_v",
    "proj_out": "to_out.0",
}
OLD_VAE_ATTENTION: Final[Mapping[str, str]] = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
"""What diffusers called the layers of a VAE's attention before version 0.17."""


def unet_prefixes(config: UNetConfig) -> dict[str, str]:
    """Our prefix of each block, to that of diffusers."""
    return {**_UNET_ENDS, **dict(_input_blocks(config)), **dict(_output_blocks(config))}


def unet_name(name: str, prefixes: Mapping[str, str]) -> str:
    """Diffusers' name for one of ours, given `unet_prefixes` of its network."""
    prefix, rest = _split(name, prefixes)
    return prefixes[prefix] + (_within(rest, _RES_BLOCK) if ".resnets." in prefixes[prefix] else rest)


def vae_prefixes(config: VaeConfig) -> dict[str, str]:
    """Our prefix of each block of the autoencoder, to that of diffusers."""
    return dict(_vae_blocks(config))


def vae_name(name: str, prefixes: Mapping[str, str]) -> str:
    """Diffusers' name for one of ours, given `vae_prefixes` of its network."""
    prefix, rest = _split(name, prefixes)
    if prefix.endswith("attn_1"):
        return prefixes[prefix] + _within(rest, _VAE_ATTENTION)
    return prefixes[prefix] + _within(rest, {"nin_shortcut": "conv_shortcut"})


def _split(name: str, prefixes: Mapping[str, str]) -> tuple[str, str]:
    """The known prefix that a name starts with, and the rest with its dot. Raises KeyError without one."""
    end = len(name)
    while end > 0:
        if name[:end] in prefixes:
            return name[:end], name[end:]
        end = name.rfind(".", 0, end)
    raise KeyError(name)


def _within(rest: str, table: Mapping[str, str]) -> str:
    """`.layer.weight` with the layer in other words, where the table has them."""
    for ours, theirs in table.items():
        if rest == f".{ours}" or rest.startswith(f".{ours}."):
            return f".{theirs}" + rest[len(ours) + 1 :]
    return rest


def _input_blocks(config: UNetConfig) -> Iterator[tuple[str, str]]:
    index = 1
    for level in range(len(config.channel_mult)):
        for block in range(config.num_res_blocks):
            yield f"input_blocks.{index}.0", f"down_blocks.{level}.resnets.{block}"
            yield f"input_blocks.{index}.1", f"down_blocks.{level}.attentions.{block}"
            index += 1
        yield f"input_blocks.{index}.0.op", f"down_blocks.{level}.downsamplers.0.conv"
        index += 1


def _output_blocks(config: UNetConfig) -> Iterator[tuple[str, str]]:
    levels = len(config.channel_mult)
    for level in range(levels):
        depth = config.transformer_depth[levels - 1 - level]
        for block in range(config.num_res_blocks + 1):
            index = level * (config.num_res_blocks + 1) + block
            yield f"output_blocks.{index}.0", f"up_blocks.{level}.resnets.{block}"
            if depth > 0:
                yield f"output_blocks.{index}.1", f"up_blocks.{level}.attentions.{block}"
        last = level * (config.num_res_blocks + 1) + config.num_res_blocks
        yield f"output_blocks.{last}.{2 if depth > 0 else 1}.conv", f"up_blocks.{level}.upsamplers.0.conv"


def _vae_blocks(config: VaeConfig) -> Iterator[tuple[str, str]]:
    levels = len(config.ch_mult)
    yield from (("quant_conv", "quant_conv"), ("post_quant_conv", "post_quant_conv"))
    for half in ("encoder", "decoder"):
        yield from ((f"{half}.{end}", f"{half}.{end}") for end in ("conv_in", "conv_out"))
        yield from ((f"{half}.{ours}", f"{half}.{theirs}") for ours, theirs in _VAE_ENDS.items())
    for level in range(levels):
        for block in range(config.num_res_blocks):
            yield f"encoder.down.{level}.block.{block}", f"encoder.down_blocks.{level}.resnets.{block}"
        yield f"encoder.down.{level}.downsample.conv", f"encoder.down_blocks.{level}.downsamplers.0.conv"
        for block in range(config.num_res_blocks + 1):
            yield f"decoder.up.{levels - 1 - level}.block.{block}", f"decoder.up_blocks.{level}.resnets.{block}"
        yield f"decoder.up.{levels - 1 - level}.upsample.conv", f"decoder.up_blocks.{level}.upsamplers.0.conv"
