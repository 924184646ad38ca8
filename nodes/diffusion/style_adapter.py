"""A picture's style as tokens of the prompt (Mou et al., 2023, "T2I-Adapter", its style adapter).

Learned tokens attend to what CLIP saw in the picture. Parameter names are those of the published file.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class StyleConfig:
    """Width of CLIP's tokens and of the prompt's, and how many layers and style tokens there are."""

    width: int = 1024
    context_dim: int = 768
    layers: int = 3
    tokens: int = 8
    heads: int = 8


class StyleAdapter(nn.Module):
    """From the tokens of a picture to those of a prompt."""

    def __init__(self, config: StyleConfig) -> None:
        super().__init__()
        self.config = config
        self.transformer_layes = nn.Sequential(*[_Block(config) for _ in range(config.layers)])  # as the file spells it
        self.style_embedding = nn.Parameter(torch.zeros(1, config.tokens, config.width))
        self.ln_post = nn.LayerNorm(config.width)
        self.ln_pre = nn.LayerNorm(config.width)
        self.proj = nn.Parameter(torch.zeros(config.width, config.context_dim))

    def forward(self, seen: Tensor) -> Tensor:
        """CLIP's last tokens [B, T, width] -> style tokens [B, tokens, context_dim], float32."""
        seen = seen.to(self.proj.dtype)
        x = torch.cat([seen, self.style_embedding.expand(seen.shape[0], -1, -1)], dim=1)
        x = self.transformer_layes(self.ln_pre(x))
        tokens: Tensor = self.ln_post(x[:, -self.config.tokens :]) @ self.proj
        return tokens.float()


class _Block(nn.Module):
    def __init__(self, config: StyleConfig) -> None:
        super().__init__()
        width = config.width
        self.attn = nn.MultiheadAttention(width, config.heads, batch_first=True)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            OrderedDict(c_fc=nn.Linear(width, 4 * width), gelu=_QuickGelu(), c_proj=nn.Linear(4 * width, width))
        )
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        h = self.ln_1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class _QuickGelu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)
