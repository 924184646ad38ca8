"""PhotoMaker: a person's face as a word of the prompt (Li et al., 2024, section 3.2).

A CLIP vision tower with a second projection turns pictures of a person into embeddings as wide as SDXL's prompt; these are
fused into the embedding of the word that says what the person is. Parameter names are those of the published file.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nodes.diffusion.clip_vision import ClipVision, ClipVisionConfig


@dataclass(frozen=True, slots=True)
class PhotoMakerConfig:
    """The vision tower and the width of its second projection; both projections together are as wide as the prompt."""

    vision: ClipVisionConfig = ClipVisionConfig()
    second_dim: int = 1280

    @property
    def width(self) -> int:
        return self.vision.projection_dim + self.second_dim


class PhotoMaker(ClipVision):
    """Pictures of a person, and how they are fused into a word."""

    def __init__(self, config: PhotoMakerConfig) -> None:
        super().__init__(config.vision)
        self.width = config.width
        self.visual_projection_2 = nn.Linear(config.vision.hidden_size, config.second_dim, bias=False)
        self.fuse_module = _Fuse(config.width)

    def identities(self, pixels: Tensor) -> Tensor:
        """Prepared pictures [N, 3, S, S] -> what is to be fused [N, width]."""
        weight = self.visual_projection.weight
        states = self.vision_model(pixels.to(weight.dtype))
        pooled = self.vision_model.post_layernorm(states[-1][:, 0])
        return torch.cat([self.visual_projection(pooled), self.visual_projection_2(pooled)], dim=-1)

    def fuse(self, embedding: Tensor, places: Tensor, identities: Tensor) -> Tensor:
        """A prompt [1, T, width] whose tokens at `places` [N] become those of N pictures, one each; float32."""
        fused = embedding.clone()
        fused[0, places] = self.fuse_module(embedding[0, places].to(identities), identities).to(embedding)
        return fused


class _Fuse(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp1 = _Mlp(2 * width, width, width)
        self.mlp2 = _Mlp(width, width, width)
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, words: Tensor, identities: Tensor) -> Tensor:
        """[N, width] each -> [N, width]."""
        x = self.mlp1(torch.cat([words, identities], dim=-1)) + words
        out: Tensor = self.layer_norm(x + self.mlp2(x))
        return out


class _Mlp(nn.Module):
    def __init__(self, width: int, out: int, hidden: int) -> None:
        super().__init__()
        self.layernorm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, out)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(self.layernorm(x))))
        return out
