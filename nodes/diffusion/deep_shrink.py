"""Deep shrink: the deep part of the network at a lower resolution while noise is high (kohya-ss, 2023).

Large pictures keep one composition, because the network first sees them at a size that it was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nodes.diffusion.denoiser import NetworkCall
from nodes.diffusion.patching import Hooks, Start, wrap_layers
from nodes.diffusion.resize import resize
from nodes.diffusion.unet import UNet


@dataclass(frozen=True, slots=True)
class DeepShrink:
    """Shrinks after an input block, between two shares of the way; skips enlarge it again.

    With `after_skip` the block's skip keeps its size.
    """

    block: int
    factor: float
    start_percent: float
    end_percent: float
    after_skip: bool
    shrink_method: str
    enlarge_method: str

    def begin(self, start: Start) -> Hooks:
        first = start.schedule.percent_to_sigma(self.start_percent)
        last = start.schedule.percent_to_sigma(self.end_percent)
        switch = _Switch(last, first)
        return Hooks(network=lambda network: self._network(network, switch), observe=switch.observe)

    def _network(self, network: UNet, switch: _Switch) -> UNet:
        joins = [f"joins.{index}" for index in range(len(network.joins))]
        network = wrap_layers(network, joins, lambda join: _EnlargedJoin(join, self.enlarge_method))
        count = len(network.input_blocks)
        if self.block >= count:
            return network
        if not self.after_skip:
            return wrap_layers(network, [f"input_blocks.{self.block}"], lambda stage: _ShrunkAfter(stage, self, switch))
        following = f"input_blocks.{self.block + 1}" if self.block + 1 < count else "middle_block"
        return wrap_layers(network, [following], lambda stage: _ShrunkBefore(stage, self, switch))

    def shrunk(self, h: Tensor) -> Tensor:
        """h [B, C, h, w] -> [B, C, h / factor, w / factor]."""
        width, height = (max(1, round(side * (1.0 / self.factor))) for side in (h.shape[-1], h.shape[-2]))
        return resize(h, width, height, self.shrink_method)


@dataclass(slots=True)
class _Switch:
    """Whether the noise level of the call at hand is within bounds."""

    least: float
    most: float
    on: bool = False

    def observe(self, call: NetworkCall) -> None:
        self.on = self.least <= call.sigma <= self.most


class _ShrunkBefore(nn.Module):
    def __init__(self, stage: nn.Module, settings: DeepShrink, switch: _Switch) -> None:
        super().__init__()
        self.stage = stage
        self.settings = settings
        self.switch = switch

    def forward(self, h: Tensor, emb: Tensor, context: Tensor, size: torch.Size) -> Tensor:
        out: Tensor = self.stage(self.settings.shrunk(h) if self.switch.on else h, emb, context, size)
        return out


class _ShrunkAfter(nn.Module):
    def __init__(self, stage: nn.Module, settings: DeepShrink, switch: _Switch) -> None:
        super().__init__()
        self.stage = stage
        self.settings = settings
        self.switch = switch

    def forward(self, h: Tensor, emb: Tensor, context: Tensor, size: torch.Size) -> Tensor:
        out: Tensor = self.stage(h, emb, context, size)
        return self.settings.shrunk(out) if self.switch.on else out


class _EnlargedJoin(nn.Module):
    def __init__(self, join: nn.Module, method: str) -> None:
        super().__init__()
        self.join = join
        self.method = method

    def forward(self, h: Tensor, skip: Tensor) -> Tensor:
        if h.shape[2:] != skip.shape[2:]:
            h = resize(h, skip.shape[-1], skip.shape[-2], self.method)
        out: Tensor = self.join(h, skip)
        return out
