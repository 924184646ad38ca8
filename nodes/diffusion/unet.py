"""The U-Net of latent diffusion, top to bottom in reading order.

Rombach et al. (2022), section 3.2 and appendix E. One class serves SD 1.x, SD 2.x and SDXL: the differences are numbers in
`UNetConfig`. Parameter names equal those of LDM checkpoints without their `model.diffusion_model.` prefix, so weights
are assigned, not converted. Attention and blocks are in their own files; this one is the wiring.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nodes.diffusion.attention import SpatialTransformer
from nodes.diffusion.blocks import Downsample, ResBlock, Upsample, timestep_embedding
from nodes.diffusion.config import UNetConfig
from nodes.diffusion.streaming import is_streamed


@dataclass(frozen=True, slots=True)
class ControlResiduals:
    """What control networks add.

    `skips` has one tensor for each input block, in their order, or none at all; `inputs` those that are added to the block's
    output itself, None for blocks that get none.
    """

    skips: tuple[Tensor, ...] = ()
    middle: Tensor | None = None
    inputs: tuple[Tensor | None, ...] = ()

    def on_input(self, index: int, h: Tensor) -> Tensor:
        """The output of an input block with what belongs there."""
        return _plus(h, self.inputs[index] if self.inputs else None)

    def on_middle(self, h: Tensor) -> Tensor:
        return _plus(h, self.middle)

    def on_skips(self, skips: list[Tensor]) -> list[Tensor]:
        if not self.skips:
            return skips
        return [_plus(skip, extra) for skip, extra in zip(skips, self.skips, strict=True)]


def _plus(h: Tensor, extra: Tensor | None) -> Tensor:
    """The sum. What was made for a map of another size is left out: a patch may have shrunk this one (deep shrink)."""
    if extra is None or extra.shape[-2:] != h.shape[-2:]:
        return h
    return h + extra.to(h.dtype)


class SkipJoin(nn.Module):
    """Where the way up meets the way down. It has no weights; it is a layer so that it can be replaced."""

    def forward(self, h: Tensor, skip: Tensor) -> Tensor:
        """h [B, C, h, w] and skip [B, C', h, w] -> [B, C + C', h, w]."""
        return torch.cat([h, skip], dim=1)


_NO_CONTROL = ControlResiduals()


class Stage(nn.ModuleList):
    """Layers run one after another, each given the inputs that its kind takes."""

    def forward(self, h: Tensor, emb: Tensor, context: Tensor, size: torch.Size) -> Tensor:
        """h [B, C, h, w], emb [B, E], context [B, T, D]; size: what an upsampling layer enlarges to."""
        for layer in self:
            if isinstance(layer, ResBlock):
                h = layer(h, emb)
            elif isinstance(layer, SpatialTransformer):
                h = layer(h, context)
            elif isinstance(layer, Upsample):
                h = layer(h, size)
            else:
                h = layer(h)
        return h


class UNet(nn.Module):
    """Predicts noise (or velocity) in a latent at a timestep, given a context."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        width, emb = config.model_channels, 4 * config.model_channels
        self.time_embed = nn.Sequential(nn.Linear(width, emb), nn.SiLU(), nn.Linear(emb, emb))
        if config.adm_in_channels is not None:
            self.label_emb: nn.Module = nn.Sequential(
                nn.Sequential(nn.Linear(config.adm_in_channels, emb), nn.SiLU(), nn.Linear(emb, emb))
            )
        elif config.num_classes is not None:
            self.label_emb = nn.Embedding(config.num_classes, emb)
        self.input_blocks = nn.ModuleList(_input_stages(config))
        self.middle_block = _middle_stage(config)
        self.output_blocks = nn.ModuleList(_output_stages(config))
        self.joins = nn.ModuleList(SkipJoin() for _ in self.output_blocks)
        self.out = nn.Sequential(
            nn.GroupNorm(config.norm_num_groups, width),
            nn.SiLU(),
            nn.Conv2d(width, config.out_channels, 3, padding=1),
        )

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in: that of its biases, however its large weights are held."""
        return next(one.dtype for one in self.parameters() if not is_streamed(one))

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        y: Tensor | None = None,
        control: ControlResiduals | None = None,
    ) -> Tensor:
        """One evaluation of the network.

        x [B, C, h, w] of any sides; timesteps [B], in 0..1000 and possibly fractional; context [B, T, D]; y [B, adm] for
        families that have `adm_in_channels`, [B] for those that have `num_classes`. Inputs are cast to the weights'
        precision and the result [B, out_channels, h, w] is cast back to that of `x`.
        """
        context = context.to(self.dtype)
        emb = self._embed(timesteps, y)
        h = x.to(self.dtype)
        skips: list[Tensor] = []
        control = control or _NO_CONTROL
        for index, stage in enumerate(self.input_blocks):
            h = control.on_input(index, stage(h, emb, context, h.shape[-2:]))
            skips.append(h)
        h = control.on_middle(self.middle_block(h, emb, context, h.shape[-2:]))
        skips = control.on_skips(skips)
        for join, stage in zip(self.joins, self.output_blocks, strict=True):
            h = join(h, skips.pop())
            h = stage(h, emb, context, (skips[-1] if skips else h).shape[-2:])
        out: Tensor = self.out(h)
        return out.to(x.dtype)

    def _embed(self, timesteps: Tensor, y: Tensor | None) -> Tensor:
        sinusoids = timestep_embedding(timesteps, self.config.model_channels)
        emb: Tensor = self.time_embed(sinusoids.to(self.dtype))
        if self.config.adm_in_channels is None and self.config.num_classes is None:
            return emb
        if y is None:
            what = f"a vector of {self.config.adm_in_channels} values" if self.config.adm_in_channels else "a class"
            raise ValueError(f"this U-Net needs y, {what}")
        emb_with_label: Tensor = emb + self.label_emb(y.to(self.dtype) if self.config.adm_in_channels else y.long())
        return emb_with_label


def _res_block(channels: int, out_channels: int, config: UNetConfig) -> ResBlock:
    return ResBlock(channels, 4 * config.model_channels, out_channels, config.norm_num_groups)


def _stage(channels: int, level: int, config: UNetConfig) -> Stage:
    width, depth = config.channel_mult[level] * config.model_channels, config.transformer_depth[level]
    layers: list[nn.Module] = [_res_block(channels, width, config)]
    if depth > 0:
        cross_only = bool(config.disable_self_attentions) and config.disable_self_attentions[level]
        layers.append(SpatialTransformer(width, depth, config, cross_only=cross_only))
    return Stage(layers)


def _input_stages(config: UNetConfig) -> Iterator[Stage]:
    channels = config.model_channels
    yield Stage([nn.Conv2d(config.in_channels, channels, 3, padding=1)])
    last = len(config.channel_mult) - 1
    for level, mult in enumerate(config.channel_mult):
        for _ in range(config.num_res_blocks):
            yield _stage(channels, level, config)
            channels = mult * config.model_channels
        if level != last:
            yield Stage([Downsample(channels)])


def _middle_stage(config: UNetConfig) -> Stage:
    channels = config.channel_mult[-1] * config.model_channels
    return Stage(
        [
            _res_block(channels, channels, config),
            SpatialTransformer(channels, config.middle_depth, config),
            _res_block(channels, channels, config),
        ]
    )


def _output_stages(config: UNetConfig) -> Iterator[Stage]:
    skips = _skip_channels(config)
    channels = skips[-1]
    for level in reversed(range(len(config.channel_mult))):
        width = config.channel_mult[level] * config.model_channels
        for block in range(config.num_res_blocks + 1):
            stage = _stage(channels + skips.pop(), level, config)
            channels = width
            if level > 0 and block == config.num_res_blocks:
                stage.append(Upsample(channels))
            yield stage


def _skip_channels(config: UNetConfig) -> list[int]:
    """Channels of each input block's output, in order."""
    widths = [config.model_channels]
    last = len(config.channel_mult) - 1
    for level, mult in enumerate(config.channel_mult):
        downsample = 0 if level == last else 1
        widths += [mult * config.model_channels] * (config.num_res_blocks + downsample)
    return widths
