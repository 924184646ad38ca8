"""Patches: what people lay over a model to change how it is sampled, and where sampling lets them.

A patch is a frozen value. When a run starts it is asked for its `Hooks`: functions for the places it cares about, with
whatever they must remember during the run in them, so that no patch keeps anything between runs. `guidance.py` and
`sampling.py` call the hooks; the patches themselves are in files of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch
from torch import Tensor, nn

from nodes.diffusion.conditioning import ConditioningEntry, Region
from nodes.diffusion.config import ModelConfig
from nodes.diffusion.denoiser import NetworkCall, View
from nodes.diffusion.inputs import Canvas, Side
from nodes.diffusion.schedule import NoiseSchedule
from nodes.diffusion.unet import UNet
from nodes.diffusion.views import with_layers

NetworkChange: TypeAlias = View

Place: TypeAlias = Callable[[Sequence[ConditioningEntry], Side], tuple[Region, ...]]
"""One more prompt as regions of a run."""


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """What a patch is told when a run starts. `place` is for patches that bring a prompt of their own.

    `generator` is on the CPU, seeded with the run's seed and past the starting noise; the patches of a run share it.
    """

    config: ModelConfig
    schedule: NoiseSchedule
    canvas: Canvas
    sigmas: Tensor
    generator: torch.Generator
    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What guidance combines at one noise level: the noisy latent, and the clean latent as each side predicts it.

    At a cfg of 1 the negative side is not asked (`both` is false), and its prediction counts as zero.
    """

    x: Tensor
    sigma: Tensor
    cfg: float
    positive: Tensor
    negative: Tensor
    both: bool = True


class Predict(Protocol):
    """More predictions at the same noise level, for patches that need them."""

    positive: Sequence[Region]
    negative: Sequence[Region]

    def __call__(self, x: Tensor, regions: Sequence[Region], change: NetworkChange | None = None) -> Tensor:
        """The clean latent predicted from x under some regions, by a changed network if one is given."""


@dataclass(frozen=True, slots=True, eq=False)
class Hooks:
    """What one patch does in one run; what it leaves out stays as it is.

    `network` is asked once; `observe` before each call of the network; `before` changes both sides' predictions; `combine`
    replaces classifier-free guidance (the last patch that does so wins); `after` changes what came out of it; `mask` gives
    the noise mask [B, 1, h, w] at a sigma. With `always_both` the negative side is asked even at a cfg of 1.
    """

    network: NetworkChange | None = None
    observe: Callable[[NetworkCall], None] | None = None
    before: Callable[[Predictions], Predictions] | None = None
    combine: Callable[[Predictions, Predict], Tensor] | None = None
    after: Callable[[Predictions, Tensor, Predict], Tensor] | None = None
    mask: Callable[[Tensor, Tensor], Tensor] | None = None
    always_both: bool = False


class Patch(Protocol):
    """A frozen value that changes how a model is sampled."""

    def begin(self, start: Start) -> Hooks:
        """The hooks of one run."""


def wrap_layers(network: UNet, names: Iterable[str], wrap: Callable[[nn.Module], nn.Module]) -> UNet:
    """A view of a network with some layers, by dotted name, each in a wrapper."""
    return with_layers(network, {name: wrap(network.get_submodule(name)) for name in names})


def self_attention_names(network: UNet, under: str = "") -> list[str]:
    """The names of all self-attention layers, or of those below one module."""
    return [name for name, _ in network.named_modules() if name.endswith(".attn1") and name.startswith(under)]
