"""Grounding: phrases tied to boxes of the picture (Li et al., 2023, "GLIGEN", sections 3.1 and 3.2).

A network of its own turns each phrase and its box into a token, and has a gated attention for every transformer block of the
U-Net, between attention to itself and to the prompt, through which the picture sees these tokens. Parameter names are those
of the published files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from nodes.diffusion.attention import CrossAttention, FeedForward, TransformerBlock
from nodes.diffusion.config import UNetConfig
from nodes.diffusion.unet import UNet
from nodes.diffusion.views import with_layers

MOST_BOXES = 30
"""How many boxes the network was trained with; fewer are filled up with ones that mean nothing."""
_FREQUENCIES = 8
_TEMPERATURE = 100.0
_HIDDEN = 512
_FUSER = "fuser"


@dataclass(frozen=True, slots=True)
class GligenConfig:
    """The U-Net that is grounded, and the width of phrases and tokens."""

    unet: UNetConfig
    phrase_dim: int = 768
    family: str = "sd15"

    def fits(self, unet: UNetConfig) -> bool:
        """Whether the blocks are those of a U-Net."""
        ours, theirs = (
            (one.model_channels, one.channel_mult, one.num_res_blocks, one.transformer_depth, one.context_dim)
            for one in (self.unet, unet)
        )
        return ours == theirs


@dataclass(frozen=True, slots=True, eq=False)
class TextBox:
    """A phrase, as its pooled embedding [1, D], and its box in cells of the latent."""

    phrase: Tensor
    height: int
    width: int
    y: int
    x: int


class Gligen(nn.Module):
    """Tokens from boxes, and the gated attentions that see them."""

    def __init__(self, config: GligenConfig) -> None:
        super().__init__()
        self.config = config
        self.position_net = _PositionNet(config.phrase_dim)
        fusers = {
            f"{name}.{_FUSER}": GatedAttention(channels, config.phrase_dim, config.unet.heads(channels))
            for name, channels in _blocks(config.unet)
        }
        for name, tree in _tree(fusers).items():
            self.add_module(name, tree)

    def tokens(self, boxes: Sequence[TextBox], size: tuple[int, int]) -> Tensor:
        """Boxes on a latent of (h, w) cells as tokens [1, 30, D]."""
        weight = self.position_net.null_positive_feature
        height, width = size
        phrases = torch.zeros(1, MOST_BOXES, self.config.phrase_dim).to(weight)
        corners, given = torch.zeros(1, MOST_BOXES, 4).to(weight), torch.zeros(1, MOST_BOXES, 1).to(weight)
        for index, box in enumerate(boxes):
            phrases[0, index] = box.phrase[0].to(weight)
            ends = (box.x / width, box.y / height, (box.x + box.width) / width, (box.y + box.height) / height)
            corners[0, index] = torch.tensor(ends).to(weight)
            given[0, index] = 1.0
        tokens: Tensor = self.position_net(corners, given, phrases)
        return tokens

    def seen_by(self, network: UNet, tokens: Tensor) -> UNet:
        """A view of the U-Net that sees these tokens."""
        return with_layers(
            network,
            {name: _Fused(fuser, tokens) for name, fuser in self.named_modules() if isinstance(fuser, GatedAttention)},
        )


@dataclass(frozen=True, slots=True)
class Grounded:
    """A view of U-Nets that see boxes on (h, w) cells of the latent. Equal for the same boxes: prompts may share a call."""

    network: Gligen
    boxes: tuple[TextBox, ...]
    size: tuple[int, int]
    tokens: Tensor = field(compare=False)

    def __call__(self, network: UNet) -> UNet:
        return self.network.seen_by(network, self.tokens)


class _PositionNet(nn.Module):
    """A phrase and the corners of its box, in sines and cosines, as one token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        corners = 4 * 2 * _FREQUENCIES
        self.linears = nn.Sequential(
            nn.Linear(width + corners, _HIDDEN), nn.SiLU(), nn.Linear(_HIDDEN, _HIDDEN), nn.SiLU(),
            nn.Linear(_HIDDEN, width),
        )  # fmt: skip
        self.null_positive_feature = nn.Parameter(torch.zeros(width))
        self.null_position_feature = nn.Parameter(torch.zeros(corners))

    def forward(self, corners: Tensor, given: Tensor, phrases: Tensor) -> Tensor:
        """corners [B, N, 4] in 0..1, given [B, N, 1] 1 or 0, phrases [B, N, D] -> [B, N, D]."""
        phrases = phrases * given + (1 - given) * self.null_positive_feature
        places = _fourier(corners) * given + (1 - given) * self.null_position_feature
        tokens: Tensor = self.linears(torch.cat([phrases, places], dim=-1))
        return tokens


def _fourier(corners: Tensor) -> Tensor:
    """[..., 4] -> [..., 64]: for each frequency the sines of all corners, then the cosines."""
    bands = _TEMPERATURE ** (torch.arange(_FREQUENCIES, device=corners.device) / _FREQUENCIES)
    angles = corners.unsqueeze(-2) * bands.to(corners)[:, None]  # (..., 8, 4)
    return torch.stack([angles.sin(), angles.cos()], dim=-2).flatten(-3)


class GatedAttention(nn.Module):
    """Attention over the picture and the tokens of boxes, let in as far as two trained gates are open."""

    def __init__(self, channels: int, token_dim: int, heads: int) -> None:
        super().__init__()
        self.linear = nn.Linear(token_dim, channels)
        self.attn = CrossAttention(channels, channels, heads)
        self.ff = FeedForward(channels)
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.alpha_attn = nn.Parameter(torch.tensor(0.0))
        self.alpha_dense = nn.Parameter(torch.tensor(0.0))

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """x [B, cells, C], tokens [B, N, D] -> [B, cells, C]."""
        both = self.norm1(torch.cat([x, self.linear(tokens)], dim=1))
        x = x + self.alpha_attn.tanh() * self.attn(both, both)[:, : x.shape[1]]
        out: Tensor = x + self.alpha_dense.tanh() * self.ff(self.norm2(x))
        return out


class _Fused(nn.Module):
    """A gated attention with the tokens of a run, in place of the layer that does nothing."""

    def __init__(self, fuser: GatedAttention, tokens: Tensor) -> None:
        super().__init__()
        self.fuser, self.tokens = fuser, tokens

    def forward(self, x: Tensor) -> Tensor:
        weight = self.fuser.linear.weight
        out: Tensor = self.fuser(x.to(weight.dtype), self.tokens.expand(x.shape[0], -1, -1).to(weight))
        return out.to(x.dtype)


def _blocks(config: UNetConfig) -> Iterator[tuple[str, int]]:
    """The transformer blocks of a U-Net and their widths."""
    with torch.device("meta"):
        network = UNet(config)
    for name, module in network.named_modules():
        if isinstance(module, TransformerBlock):
            yield name, module.norm1.normalized_shape[0]


def _tree(modules: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """Modules by dotted names as a tree of them."""
    below: dict[str, dict[str, nn.Module]] = {}
    leaves: dict[str, nn.Module] = {}
    for name, module in modules.items():
        child, _, rest = name.partition(".")
        if rest:
            below.setdefault(child, {})[rest] = module
        else:
            leaves[child] = module
    return leaves | {child: nn.ModuleDict(_tree(deeper)) for child, deeper in below.items()}
