"""The style of a picture as part of a prompt."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from graph.context import Context
from graph.declare import FileIn, Range, Tooltip, node
from nodes.diffusion.attention_bias import bias_of_strength, fitted_bias
from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.style_adapter import StyleAdapter, StyleConfig
from nodes.errors import UnsuitableInput
from nodes.models import Models, named_network
from nodes.sockets import ClipVisionOutput, Conditioning, StyleModel
from nodes.weights.networks import open_style_model

StrengthType = Annotated[
    Literal["multiply", "attn_bias"],
    Tooltip("multiply scales the tokens of the style; attn_bias makes attention count them so many times."),
]


@node("StyleModelLoader", display_name="Load Style Model", category="loaders", returns="STYLE_MODEL", lane="io")
def style_model_loader(*, style_model_name: Annotated[str, FileIn("style_models")], context: Context) -> StyleModel:
    """A network that reads the style of a picture."""
    return StyleModel(named_network(context, "style_models", style_model_name, "style model", open_style_model))


@node(
    "StyleModelApply",
    display_name="Apply Style Model",
    category="conditioning/style_model",
    returns="CONDITIONING",
    lane="device",
)
def style_model_apply(
    *,
    conditioning: Conditioning,
    style_model: StyleModel,
    clip_vision_output: ClipVisionOutput,
    strength: Annotated[float, Range(0.0, 10.0, 0.001)] = 1.0,
    strength_type: StrengthType,
    context: Context,
) -> Conditioning:
    """Put the style of a picture behind a prompt, as tokens."""
    config, seen = style_model.network.config, clip_vision_output.encoding.last
    assert isinstance(config, StyleConfig)
    if seen.shape[2] != config.width:
        raise UnsuitableInput(
            f"{style_model.network.path.name} reads pictures as tokens of width {config.width}, not {seen.shape[2]}",
            hint="Encode the picture with the CLIP vision model of ViT-L/14.",
        )
    models = Models.of(context)
    with models.network(style_model.network, StyleAdapter) as adapter, torch.inference_mode():
        tokens = adapter(seen.to(models.network_device)).cpu().clone()
    tokens = tokens.flatten(0, 1)[None]  # (1, B tokens, D)
    if strength_type == "multiply":
        tokens = tokens * strength
    bias = strength if strength_type == "attn_bias" else 1.0
    return Conditioning(tuple(_behind(entry, tokens, bias) for entry in conditioning.entries))


def _behind(entry: ConditioningEntry, tokens: Tensor, strength: float) -> ConditioningEntry:
    """The entry with more tokens, which count so many times."""
    batch, before, width = entry.embedding.shape
    if width != tokens.shape[2]:
        raise UnsuitableInput(
            f"the style is told in tokens of width {tokens.shape[2]}, and the prompt's are {width} wide",
            hint="Use a style model and a checkpoint of one family.",
        )
    embedding = torch.cat([entry.embedding, tokens.expand(batch, -1, -1)], dim=1)
    if strength == 1.0 and entry.token_bias is None:
        return replace(entry, embedding=embedding)
    bias = bias_of_strength(strength, before, tokens.shape[1])
    if entry.token_bias is not None:
        bias = bias + F.pad(fitted_bias(entry.token_bias, before), (0, tokens.shape[1]))
    return replace(entry, embedding=embedding, token_bias=bias)
