"""CLIP vision: pictures to the embedding space that they share with texts.

Radford et al. (2021), section 2.4; the transformer of Dosovitskiy et al. (2021), section 3.1. Parameter names are those of
transformers' `CLIPVisionModelWithProjection`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nodes.diffusion.attention import multi_head_attention
from nodes.diffusion.config import Activation

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class ClipVisionConfig:
    """One CLIP vision tower; the defaults are those of ViT-L/14."""

    hidden_size: int = 1024
    intermediate_size: int = 4096
    num_hidden_layers: int = 24
    num_attention_heads: int = 16
    patch_size: int = 14
    image_size: int = 224
    projection_dim: int = 768
    hidden_act: Activation = "quick_gelu"


@dataclass(frozen=True, slots=True, eq=False)
class VisionEncoding:
    """What pictures become: the projected embeddings [B, P], and the tokens [B, T, D] after the last and the last but one
    layer."""

    embeddings: Tensor
    last: Tensor
    penultimate: Tensor


class ClipVision(nn.Module):
    """One CLIP vision tower."""

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        self.config = config
        self.vision_model = _VisionModel(config)
        self.visual_projection = nn.Linear(config.hidden_size, config.projection_dim, bias=False)

    def forward(self, pixels: Tensor) -> VisionEncoding:
        """Prepared pictures [B, 3, S, S] -> their encoding, float32."""
        weight = self.visual_projection.weight
        states = self.vision_model(pixels.to(weight.dtype))
        pooled = self.vision_model.post_layernorm(states[-1][:, 0])
        return VisionEncoding(self.visual_projection(pooled).float(), states[-1].float(), states[-2].float())


def prepare_image(image: Tensor, size: int, *, crop: bool) -> Tensor:
    """A picture [B, H, W, 3] in 0..1 as CLIP was trained on: [B, 3, size, size] in 8-bit steps, normalised.

    With `crop` the centre is cut out, else the whole picture is squeezed in.
    """
    pixels = image.movedim(-1, 1)
    height, width = pixels.shape[2:]
    if (height, width) != (size, size):
        scale = size / min(height, width)
        fitted = (round(scale * height), round(scale * width)) if crop else (size, size)
        pixels = F.interpolate(pixels, size=fitted, mode="bicubic", antialias=True)
        top, left = (pixels.shape[2] - size) // 2, (pixels.shape[3] - size) // 2
        pixels = pixels[:, :, top : top + size, left : left + size]
    levels = (255.0 * pixels).clamp(0, 255).round() / 255.0
    mean, deviation = (pixels.new_tensor(values).reshape(1, 3, 1, 1) for values in (_MEAN, _DEVIATION))
    return (levels - mean) / deviation


class _VisionModel(nn.Module):
    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.pre_layrnorm = nn.LayerNorm(config.hidden_size)  # as checkpoints spell it
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))})
        self.post_layernorm = nn.LayerNorm(config.hidden_size)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """The tokens [B, T, D] that go into the first layer, and what comes out of each."""
        states = [self.pre_layrnorm(self.embeddings(pixels))]
        layers = self.encoder["layers"]
        assert isinstance(layers, nn.ModuleList)
        for layer in layers:
            states.append(layer(states[-1]))
        return states


class _Embeddings(nn.Module):
    """Patches of the picture as tokens, after one that stands for the whole."""

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        width, patch = config.hidden_size, config.patch_size
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.patch_embedding = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.position_embedding = nn.Embedding((config.image_size // patch) ** 2 + 1, width)

    def forward(self, pixels: Tensor) -> Tensor:
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)  # (B, patches, D)
        whole = self.class_embedding.expand(len(pixels), 1, -1)
        tokens: Tensor = torch.cat([whole, patches], dim=1) + self.position_embedding.weight
        return tokens


class _Layer(nn.Module):
    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.heads, self.quick = config.num_attention_heads, config.hidden_act == "quick_gelu"
        self.layer_norm1 = nn.LayerNorm(width)
        self.self_attn = nn.ModuleDict({f"{name}_proj": nn.Linear(width, width) for name in ("q", "k", "v", "out")})
        self.layer_norm2 = nn.LayerNorm(width)
        inner = config.intermediate_size
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, inner), "fc2": nn.Linear(inner, width)})

    def forward(self, x: Tensor) -> Tensor:
        h = self.layer_norm1(x)
        q, k, v = (self.self_attn[f"{name}_proj"](h) for name in "qkv")
        x = x + self.self_attn["out_proj"](multi_head_attention(q, k, v, self.heads))
        h = self.mlp["fc1"](self.layer_norm2(x))
        h = h * torch.sigmoid(1.702 * h) if self.quick else F.gelu(h)
        out: Tensor = x + self.mlp["fc2"](h)
        return out
