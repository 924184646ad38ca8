"""The layers of a part and the shapes of their weights, known without loading anything.

A U-Net is asked on the meta device. A text encoder is a table, because building one takes seconds of imports which a run
whose prompts are cached never needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from nodes.diffusion.config import ModelConfig, TextConfig
from nodes.weights.keymaps import Part
from nodes.weights.load import build


@dataclass(frozen=True, slots=True)
class LayerShape:
    """The shape of a layer's weight, and how many values its bias has, if it has one."""

    weight: tuple[int, ...]
    bias: int | None


def layer_shapes(part: Part, config: ModelConfig) -> dict[str, LayerShape]:
    """Every layer of a part that has a weight, by its dotted name."""
    if part is Part.TEXT:
        return text_layers(config.text[0])
    if part is Part.TEXT_2:
        return text_layers(config.text[1])
    shapes: dict[str, LayerShape] = {}
    for name, module in build(part, config).named_modules():
        weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
        if isinstance(weight, Tensor):
            shapes[name] = LayerShape(tuple(weight.shape), bias.numel() if isinstance(bias, Tensor) else None)
    return shapes


def text_layers(config: TextConfig) -> dict[str, LayerShape]:
    """The layers of `nodes.diffusion.clip.TextEncoder`."""
    width, inner = config.hidden_size, config.intermediate_size
    projection, norm = LayerShape((width, width), width), LayerShape((width,), width)
    shapes = {
        "text_model.embeddings.token_embedding": LayerShape((config.vocab_size, width), None),
        "text_model.embeddings.position_embedding": LayerShape((config.max_position_embeddings, width), None),
    }
    for index in range(config.num_hidden_layers):
        block = f"text_model.encoder.layers.{index}"
        shapes |= {f"{block}.self_attn.{one}_proj": projection for one in ("k", "v", "q", "out")}
        shapes |= {f"{block}.layer_norm{one}": norm for one in (1, 2)}
        shapes[f"{block}.mlp.fc1"] = LayerShape((inner, width), inner)
        shapes[f"{block}.mlp.fc2"] = LayerShape((width, inner), width)
    shapes["text_model.final_layer_norm"] = norm
    if config.projection_dim is not None:
        shapes["text_projection"] = LayerShape((config.projection_dim, width), None)
    return shapes
