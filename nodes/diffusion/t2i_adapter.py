"""T2I-Adapter: a small network that reads a picture once and adds features to the U-Net's first half.

Mou et al. (2023), "T2I-Adapter", section 3.3. Unlike a control network it sees neither the latent nor the noise level.
Parameter names equal those of the first checkpoints (`conv_in`, `body.0.block1`, ...).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nodes.diffusion.config import UNetConfig
from nodes.diffusion.control import Seen
from nodes.diffusion.unet import ControlResiduals

_BLOCKS_PER_LEVEL = 2


@dataclass(frozen=True, slots=True)
class T2iAdapterConfig:
    """`unshuffle` pixels a side become one place: 8 for SD 1.x, 16 for SDXL.

    `widths` are the levels' channels; `halved` names the levels that begin at half the size of the one before; `inputs`
    names the U-Net's input blocks after which the levels' features are added, None for its middle.
    """

    family: str
    image_channels: int
    kernel: int
    learned_halving: bool
    unshuffle: int = 8
    widths: tuple[int, ...] = (320, 640, 1280, 1280)
    halved: tuple[int, ...] = (1, 2, 3)
    inputs: tuple[int | None, ...] = (2, 5, 8, 11)
    input_blocks: int = 12

    def fits(self, unet: UNetConfig) -> bool:
        """Whether it can steer such a U-Net."""
        blocks = len(unet.channel_mult) * (unet.num_res_blocks + 1)
        return blocks == self.input_blocks and unet.model_channels == self.widths[0]


class T2iAdapter(nn.Module):
    """From a picture to what is added to the U-Net, at every noise level the same."""

    def __init__(self, config: T2iAdapterConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.conv_in = nn.Conv2d(config.image_channels * config.unshuffle**2, widths[0], 3, padding=1)
        self.body = nn.ModuleList(
            _block(level, block, config) for level in range(len(widths)) for block in range(_BLOCKS_PER_LEVEL)
        )

    @property
    def pixel_multiple(self) -> int:
        """Pictures whose sides are whole squares of pixels."""
        return self.config.unshuffle

    def forward(
        self, x: Tensor, timesteps: Tensor, context: Tensor, y: Tensor | None, hint: Tensor, kind: int | None = None
    ) -> ControlResiduals:
        """hint is [B, 3, 8h, 8w] in 0..1 for x [B, 4, h, w]; everything else is what other control networks see."""
        return self.steer(x, timesteps, context, y, self.read(hint, kind), kind)

    def read(self, hint: Tensor, kind: int | None) -> Seen:  # noqa: ARG002 - one network is for one kind
        """[B, 3, 8h, 8w] -> the feature maps in the order of `config.inputs`."""
        h = self.conv_in(self._unshuffled(hint))
        features = []
        for level in range(len(self.config.inputs)):
            for block in self.body[level * _BLOCKS_PER_LEVEL : (level + 1) * _BLOCKS_PER_LEVEL]:
                h = block(h)
            features.append(h)
        return tuple(features)

    def steer(
        self,
        x: Tensor,  # noqa: ARG002 - a control network sees it
        timesteps: Tensor,  # noqa: ARG002
        context: Tensor,  # noqa: ARG002
        y: Tensor | None,  # noqa: ARG002
        seen: Seen,
        kind: int | None,  # noqa: ARG002
    ) -> ControlResiduals:
        """Every feature map to its place: after an input block, or (None) the middle."""
        features: dict[int | None, Tensor] = dict(zip(self.config.inputs, seen, strict=True))
        inputs = tuple(features.get(index) for index in range(self.config.input_blocks))
        return ControlResiduals(middle=features.get(None), inputs=inputs)

    def _unshuffled(self, hint: Tensor) -> Tensor:
        if self.config.image_channels == 1:
            hint = hint.mean(dim=1, keepdim=True)
        return F.pixel_unshuffle(hint.to(self.conv_in.weight.dtype), self.config.unshuffle)


def _block(level: int, block: int, config: T2iAdapterConfig) -> _ResidualBlock:
    widths = config.widths
    begins = block == 0 and level > 0
    channels = widths[level - 1] if begins else widths[level]
    return _ResidualBlock(channels, widths[level], config, halve=begins and level in config.halved)


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int, out_channels: int, config: T2iAdapterConfig, *, halve: bool) -> None:
        super().__init__()
        kernel, padding = config.kernel, config.kernel // 2
        self.halves = halve
        if halve and config.learned_halving:
            self.down_opt = nn.ModuleDict({"op": nn.Conv2d(channels, channels, 3, stride=2, padding=1)})
        if channels != out_channels:
            self.in_conv = nn.Conv2d(channels, out_channels, kernel, padding=padding)
        self.block1 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.block2 = nn.Conv2d(out_channels, out_channels, kernel, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        if self.halves:
            x = self.down_opt["op"](x) if hasattr(self, "down_opt") else _pooled(x)
        if hasattr(self, "in_conv"):
            x = self.in_conv(x)
        out: Tensor = x + self.block2(torch.relu(self.block1(x)))
        return out


def _pooled(x: Tensor) -> Tensor:
    """Half the size, odd sides rounded up with zeros around."""
    return F.avg_pool2d(x, 2, padding=(x.shape[2] % 2, x.shape[3] % 2))
