"""Guidance by the network's own attention: away from what it predicts when its self-attention is disturbed.

Perturbed-attention guidance (Ahn et al., 2024) replaces the attention map of the middle block by the identity;
self-attention guidance (Hong et al., 2023) blurs what the middle block attends to most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nodes.diffusion.attention import CrossAttention
from nodes.diffusion.denoiser import NetworkCall
from nodes.diffusion.patching import Hooks, Predict, Predictions, Start, self_attention_names, wrap_layers
from nodes.diffusion.unet import UNet

_MIDDLE: Final = "middle_block.1."
_RECORDED: Final = "middle_block.1.transformer_blocks.0.attn1"
_BLUR_SIDE: Final = 9
_LEAST_SIDE: Final = 4  # a latent of this side or smaller is too small to blur
_MUCH_ATTENDED: Final = 1.0
_NEGATIVE: Final = 1


@dataclass(frozen=True, slots=True)
class PerturbedAttention:
    """Ahn et al. (2024), equation 14."""

    scale: float

    def begin(self, start: Start) -> Hooks:  # noqa: ARG002 - remembers nothing
        return Hooks(after=self._after) if self.scale else Hooks()

    def _after(self, seen: Predictions, guided: Tensor, predict: Predict) -> Tensor:
        perturbed = predict(seen.x, predict.positive, without_attention)
        return guided + (seen.positive - perturbed) * self.scale


@dataclass(frozen=True, slots=True)
class SelfAttention:
    """Hong et al. (2023), equation 12, on the negative side."""

    scale: float
    blur_sigma: float

    def begin(self, start: Start) -> Hooks:  # noqa: ARG002 - the recording starts empty
        recording = _Recording()
        return Hooks(
            network=partial(wrap_layers, names=[_RECORDED], wrap=partial(_RecordedAttention, recording=recording)),
            observe=recording.observe,
            after=partial(self._after, recording=recording),
            always_both=True,
        )

    def _after(self, seen: Predictions, guided: Tensor, predict: Predict, recording: _Recording) -> Tensor:
        if min(guided.shape[2:]) <= _LEAST_SIDE or recording.attended is None:
            return guided
        degraded = blur_attended(seen.negative, recording.attended, self.blur_sigma)
        again = predict(degraded + seen.x - seen.negative, predict.negative)
        return guided + (degraded - again) * self.scale


def without_attention(network: UNet) -> UNet:
    """A view of a network in whose middle block each cell attends to itself alone."""
    return wrap_layers(network, self_attention_names(network, _MIDDLE), _SelfOnly)


def blur_attended(latent: Tensor, attended: Tensor, sigma: float) -> Tensor:
    """The latent [B, C, h, w] with what is attended to ([B, N], over the cells of a smaller map) blurred."""
    height, width = latent.shape[2:]
    rows = _rows(attended.shape[1], height / width)
    mask = (attended > _MUCH_ATTENDED).to(latent).reshape(latent.shape[0], 1, rows, -1)
    mask = F.interpolate(mask, (height, width))
    return _blurred(latent, sigma) * mask + latent * (1.0 - mask)


@dataclass(slots=True, eq=False)
class _Recording:
    """How much each cell of the middle block was attended to at the last call for the negative side: [B, N]."""

    sides: tuple[int, ...] = ()
    attended: Tensor | None = None

    def observe(self, call: NetworkCall) -> None:
        self.sides = call.sides

    def take(self, weights: Tensor) -> None:
        """Attention [B, heads, N, N] of a call: keep that of its first negative part."""
        if _NEGATIVE in self.sides:
            part = weights.chunk(len(self.sides))[self.sides.index(_NEGATIVE)]
            self.attended = part.mean(dim=1).sum(dim=1)


class _RecordedAttention(nn.Module):
    def __init__(self, attention: nn.Module, recording: _Recording) -> None:
        super().__init__()
        self.attention = innermost(attention)
        self.recording = recording

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        layer = self.attention
        q = _heads(layer.to_q(x), layer.heads)
        k, v = (_heads(to(context), layer.heads) for to in (layer.to_k, layer.to_v))
        weights = ((q @ k.mT) * q.shape[-1] ** -0.5).softmax(dim=-1)  # (B, heads, T, S)
        self.recording.take(weights)
        out: Tensor = layer.to_out((weights @ v).transpose(1, 2).flatten(2))
        return out


class _SelfOnly(nn.Module):
    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = innermost(attention)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:  # noqa: ARG002 - attends to nothing
        out: Tensor = self.attention.to_out(self.attention.to_v(x))
        return out


def innermost(attention: nn.Module) -> CrossAttention:
    """The attention inside the wrappers of other patches."""
    while not isinstance(attention, CrossAttention):
        inner = attention.attention
        assert isinstance(inner, nn.Module)
        attention = inner
    return attention


def _heads(x: Tensor, heads: int) -> Tensor:
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)  # (B, heads, T, C / heads)


def _rows(cells: int, aspect: float) -> int:
    """The rows of a map of so many cells whose aspect (height / width) comes nearest to one: a divisor of the cells."""
    wanted = round(math.sqrt(aspect * cells))
    candidates = (
        rows for off in range(math.floor(math.sqrt(cells) / 2)) for rows in (wanted + off, max(1, wanted - off))
    )
    return next((rows for rows in candidates if cells % rows == 0), 1)


def _blurred(latent: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur with reflected borders; none at a sigma of 0."""
    if sigma == 0.0:
        return latent
    reach = _BLUR_SIDE // 2
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float32, device=latent.device)
    profile = torch.exp(-0.5 * (offsets / sigma) ** 2)
    profile = (profile / profile.sum()).to(latent.dtype)
    channels = latent.shape[1]
    kernel = torch.outer(profile, profile).expand(channels, 1, _BLUR_SIDE, _BLUR_SIDE)
    return F.conv2d(F.pad(latent, [reach] * 4, mode="reflect"), kernel, groups=channels)
