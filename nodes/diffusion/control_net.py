"""ControlNet: a copy of the U-Net's first half that reads a picture and steers the U-Net through its skips.

Zhang et al. (2023), "Adding Conditional Control to Text-to-Image Diffusion Models", section 3. Parameter names equal those
of LDM checkpoints without their `control_model.` prefix. Union networks (xinsir, 2024) are told which kind of picture they
see.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nodes.diffusion.blocks import timestep_embedding
from nodes.diffusion.config import UNetConfig
from nodes.diffusion.control import Seen
from nodes.diffusion.streaming import is_streamed
from nodes.diffusion.unet import ControlResiduals, UNet

_HINT_WIDTHS = (16, 16, 32, 32, 96, 96, 256)
_HINT_STRIDES = (1, 1, 2, 1, 2, 1, 2)
_UNION_HEADS = 8
_UNION_EMBEDDING = 256


@dataclass(frozen=True, slots=True)
class ControlNetConfig:
    """A control network for one family. `union_types` is how many kinds of picture it can be told of, 0 for one kind.

    With `global_average` its residuals are the same everywhere (networks that shuffle a picture's content). With `low_rank`
    its file holds only small changes to the U-Net that it steers (Control-LoRA, Stability AI, 2023).
    """

    family: str
    unet: UNetConfig
    hint_channels: int = 3
    union_types: int = 0
    global_average: bool = False
    low_rank: bool = False

    def fits(self, unet: UNetConfig) -> bool:
        """Whether it can steer such a U-Net."""
        ours = (self.unet.context_dim, self.unet.adm_in_channels, self.unet.channel_mult, self.unet.model_channels)
        return ours == (unet.context_dim, unet.adm_in_channels, unet.channel_mult, unet.model_channels)


class ControlNet(nn.Module):
    """From a noisy latent and a picture to what is added to the U-Net's skips and middle."""

    def __init__(self, config: ControlNetConfig) -> None:
        super().__init__()
        self.config = config
        whole = UNet(config.unet)
        self.time_embed = whole.time_embed
        if config.unet.adm_in_channels is not None:
            self.label_emb = whole.label_emb
        self.input_blocks = whole.input_blocks
        self.middle_block = whole.middle_block
        widths = [skip_width(stage) for stage in whole.input_blocks]
        self.zero_convs = nn.ModuleList(nn.Sequential(nn.Conv2d(width, width, 1)) for width in widths)
        self.middle_block_out = nn.Sequential(nn.Conv2d(widths[-1], widths[-1], 1))
        self.input_hint_block = _hint_block(config.hint_channels, config.unet.model_channels)
        if config.union_types:
            self._add_union(config)

    @property
    def pixel_multiple(self) -> int:
        """Pictures of any size."""
        return 1

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in: that of its biases, however its large weights are held."""
        return next(one.dtype for one in self.parameters() if not is_streamed(one))

    def forward(
        self, x: Tensor, timesteps: Tensor, context: Tensor, y: Tensor | None, hint: Tensor, kind: int | None = None
    ) -> ControlResiduals:
        """One evaluation, on the inputs that the U-Net gets.

        hint is [B, 3, 8h, 8w] in 0..1 for x [B, 4, h, w]; `kind` counts from 0 and is for union networks.
        """
        return self.steer(x, timesteps, context, y, self.read(hint, kind), kind)

    def read(self, hint: Tensor, kind: int | None) -> tuple[Tensor]:
        """[B, 3, 8h, 8w] -> what is added to the first feature map, [B, C, h, w]."""
        return (self._guided_hint(hint.to(self.dtype), kind),)

    def steer(
        self, x: Tensor, timesteps: Tensor, context: Tensor, y: Tensor | None, seen: Seen, kind: int | None
    ) -> ControlResiduals:
        """One evaluation, given what `read` made of the pictures."""
        (guided,) = seen
        context = context.to(self.dtype)
        emb = self._embed(timesteps, y)
        if self.config.union_types:
            emb = emb + self._kind_embedding(kind).to(emb)
        h, skips = x.to(self.dtype), []
        for index, (stage, zero_conv) in enumerate(zip(self.input_blocks, self.zero_convs, strict=True)):
            h = stage(h, emb, context, h.shape[-2:])
            if index == 0:
                h = h + guided
            skips.append(zero_conv(h))
        middle = self.middle_block_out(self.middle_block(h, emb, context, h.shape[-2:]))
        return self._averaged(ControlResiduals(tuple(skips), middle))

    def _add_union(self, config: ControlNetConfig) -> None:
        width, emb = config.unet.model_channels, 4 * config.unet.model_channels
        self.task_embedding = nn.Parameter(torch.empty(config.union_types, width))
        self.transformer_layes = nn.Sequential(_UnionBlock(width))  # as checkpoints spell it
        self.spatial_ch_projs = nn.Linear(width, width)
        self.control_add_embedding = nn.ModuleDict(
            {"linear_1": nn.Linear(_UNION_EMBEDDING * config.union_types, emb), "linear_2": nn.Linear(emb, emb)}
        )

    def _embed(self, timesteps: Tensor, y: Tensor | None) -> Tensor:
        sinusoids = timestep_embedding(timesteps, self.config.unet.model_channels)
        emb: Tensor = self.time_embed(sinusoids.to(self.dtype))
        if self.config.unet.adm_in_channels is None:
            return emb
        if y is None:
            raise ValueError(f"this control network needs y, a vector of {self.config.unet.adm_in_channels} values")
        emb_with_label: Tensor = emb + self.label_emb(y.to(self.dtype))
        return emb_with_label

    def _kind_embedding(self, kind: int | None) -> Tensor:
        """[1, E]: which kind of picture it is; None is no kind in particular."""
        chosen = torch.zeros(self.config.union_types, device=self.task_embedding.device)
        if kind is not None:
            chosen[kind] = 1.0
        sinusoids = timestep_embedding(chosen, _UNION_EMBEDDING).reshape(1, -1)  # (1, kinds * 256)
        first = F.silu(self.control_add_embedding["linear_1"](sinusoids.to(self.dtype)))
        out: Tensor = self.control_add_embedding["linear_2"](first)
        return out

    def _guided_hint(self, hint: Tensor, kind: int | None) -> Tensor:
        guided: Tensor = self.input_hint_block(hint)
        if not self.config.union_types or kind is None:
            return guided
        seen = guided.mean(dim=(2, 3)) + self.task_embedding[kind]
        shift = self.spatial_ch_projs(self.transformer_layes(seen.unsqueeze(1))[:, 0])
        shifted: Tensor = guided + shift[:, :, None, None]
        return shifted

    def _averaged(self, residuals: ControlResiduals) -> ControlResiduals:
        if not self.config.global_average:
            return residuals
        skips = tuple(skip.mean(dim=(2, 3), keepdim=True).expand_as(skip) for skip in residuals.skips)
        middle = residuals.middle
        assert middle is not None
        return ControlResiduals(skips, middle.mean(dim=(2, 3), keepdim=True).expand_as(middle))


def skip_width(stage: nn.Module) -> int:
    """Channels that come out of a stage of the U-Net's first half: those of its last convolution."""
    convolutions = [layer for layer in stage.modules() if isinstance(layer, nn.Conv2d)]
    return convolutions[-1].out_channels


class _UnionBlock(nn.Module):
    """One transformer layer over what the pictures are like as a whole."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, _UNION_HEADS, batch_first=True)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, pictures, C] -> the same."""
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False)[0]
        out: Tensor = x + self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](self.ln_2(x))))
        return out


def _hint_block(channels: int, out_channels: int) -> nn.Sequential:
    """Convolutions from the picture down to the latent's size."""
    layers: list[nn.Module] = []
    for width, stride in zip(_HINT_WIDTHS, _HINT_STRIDES, strict=True):
        layers += [nn.Conv2d(channels, width, 3, stride=stride, padding=1), nn.SiLU()]
        channels = width
    return nn.Sequential(*layers, nn.Conv2d(channels, out_channels, 3, padding=1))
