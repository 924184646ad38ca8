"""Attention over the cells of a feature map and over the tokens of a prompt.

The spatial transformer of latent diffusion (Rombach et al., 2022, appendix E.2.1): self-attention, cross-attention
to the context, a gated feed-forward. Attribute names are the key names of LDM checkpoints.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from nodes.diffusion.config import UNetConfig


def multi_head_attention(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Scaled dot-product attention: q [B, T, C], k and v [B, S, C] -> [B, T, C]."""
    mixed: Tensor = F.scaled_dot_product_attention(split_heads(q, heads), split_heads(k, heads), split_heads(v, heads))
    return mixed.transpose(1, 2).flatten(2)  # (B, T, C)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B, T, C] -> [B, heads, T, C / heads]."""
    batch, length, channels = x.shape
    return x.view(batch, length, heads, channels // heads).transpose(1, 2)


class CrossAttention(nn.Module):
    """Queries from `x`, keys and values from `context`; self-attention when both are the same."""

    def __init__(self, channels: int, context_dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context_dim, channels, bias=False)
        self.to_v = nn.Linear(context_dim, channels, bias=False)
        self.to_out = nn.Sequential(nn.Linear(channels, channels), nn.Identity())

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        mixed = multi_head_attention(self.to_q(x), self.to_k(context), self.to_v(context), self.heads)
        out: Tensor = self.to_out(mixed)
        return out


class GatedGelu(nn.Module):
    """GEGLU (Shazeer, 2020): half of a projection, gated by the GELU of the other half."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, 2 * hidden)

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.proj(x)
        value, gate = projected.chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    """The gated feed-forward of a transformer block, four times as wide inside."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.net = nn.Sequential(GatedGelu(channels, 4 * channels), nn.Identity(), nn.Linear(4 * channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out


class TransformerBlock(nn.Module):
    """Pre-norm residual block: attention to itself, attention to the context, feed-forward.

    With `cross_only` the first attention is to the context as well. `fuser` has no weights; it is a layer so that it can be
    replaced by one that attends to more.
    """

    def __init__(self, channels: int, context_dim: int, heads: int, *, cross_only: bool = False) -> None:
        super().__init__()
        self.cross_only = cross_only
        self.attn1 = CrossAttention(channels, context_dim if cross_only else channels, heads)
        self.fuser = nn.Identity()
        self.ff = FeedForward(channels)
        self.attn2 = CrossAttention(channels, context_dim, heads)
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.norm3 = nn.LayerNorm(channels)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        normed = self.norm1(x)
        x = self.fuser(x + self.attn1(normed, context if self.cross_only else normed))
        x = x + self.attn2(self.norm2(x), context)
        out: Tensor = x + self.ff(self.norm3(x))
        return out


class SpatialTransformer(nn.Module):
    """Transformer blocks over the cells of a feature map, with a residual around them.

    SD 1.x projects in and out with 1x1 convolutions, SD 2.x and SDXL with linear layers
    (`use_linear_in_transformer`): the same arithmetic under other key shapes.
    """

    def __init__(self, channels: int, depth: int, config: UNetConfig, *, cross_only: bool = False) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(config.norm_num_groups, channels, eps=1e-6)
        self.linear = config.use_linear_in_transformer
        self.proj_in = self._projection(channels)
        heads = config.heads(channels)
        self.transformer_blocks = nn.ModuleList(
            TransformerBlock(channels, config.context_dim, heads, cross_only=cross_only) for _ in range(depth)
        )
        self.proj_out = self._projection(channels)

    def _projection(self, channels: int) -> nn.Module:
        return nn.Linear(channels, channels) if self.linear else nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """x [B, C, h, w], context [B, T, D] -> [B, C, h, w]."""
        height = x.shape[2]
        h = self.norm(x)
        h = self.proj_in(_to_tokens(h)) if self.linear else _to_tokens(self.proj_in(h))
        for block in self.transformer_blocks:
            h = block(h, context)
        h = _to_map(self.proj_out(h), height) if self.linear else self.proj_out(_to_map(h, height))
        out: Tensor = x + h
        return out


def _to_tokens(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)  # (B, C, h, w) -> (B, h*w, C)


def _to_map(x: Tensor, height: int) -> Tensor:
    batch, cells, channels = x.shape
    return x.transpose(1, 2).reshape(batch, channels, height, cells // height)  # (B, h*w, C) -> (B, C, h, w)
