"""Tokens of the prompt that count more or less in cross-attention, by a number added to what is about to be its exponent."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nodes.diffusion.attention import CrossAttention, split_heads
from nodes.diffusion.unet import UNet
from nodes.diffusion.views import with_layers


def with_token_bias(network: UNet, bias: Tensor) -> UNet:
    """A view of the U-Net whose attention to the context adds bias [T] to the scores of its T tokens."""
    names = [name for name, _ in network.named_modules() if name.endswith(".attn2")]
    return with_layers(network, {name: _Biased(network.get_submodule(name), bias) for name in names})


def fitted_bias(bias: Tensor, tokens: int) -> Tensor:
    """The bias for so many tokens: those that came later count as they do."""
    return F.pad(bias[:tokens], (0, max(0, tokens - len(bias))))


class _Biased(nn.Module):
    def __init__(self, base: nn.Module, bias: Tensor) -> None:
        super().__init__()
        if not isinstance(base, CrossAttention):
            raise TypeError(f"only attention to a prompt can be biased, not {type(base).__name__}")
        self.base, self.bias = base, bias

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        attention = self.base
        q, k, v = attention.to_q(x), attention.to_k(context), attention.to_v(context)
        mask = self.bias.to(q)[None, None, None, :]  # (1, 1, 1, T)
        heads = attention.heads
        mixed = F.scaled_dot_product_attention(
            split_heads(q, heads), split_heads(k, heads), split_heads(v, heads), attn_mask=mask
        )
        out: Tensor = attention.to_out(mixed.transpose(1, 2).flatten(2))
        return out


def bias_of_strength(strength: float, before: int, tokens: int) -> Tensor:
    """The bias that makes `tokens` new ones after `before` others count `strength` times: its logarithm."""
    bias = torch.zeros(before + tokens)
    bias[before:] = torch.tensor(strength).log()
    return bias
