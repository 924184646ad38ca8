"""Weights before training: torch's own, but for layers that begin by adding nothing.

The last convolution of each residual branch and of the network start at zero, so that a deep network begins as a shallow one
(Ho et al., 2020, appendix B; Goyal et al., 2017, section 5.1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from nodes.diffusion.attention import SpatialTransformer
from nodes.diffusion.blocks import ResBlock
from nodes.diffusion.unet import UNet

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def seeded(seed: int, build: Callable[[], ModuleT]) -> ModuleT:
    """What `build` makes when torch's generator has this seed; the generator is as before afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


@torch.no_grad()
def start_from_nothing(network: UNet) -> UNet:
    """Set to zero what a U-Net's branches end in."""
    ends: list[nn.Module] = [network.out[-1]]
    for module in network.modules():
        if isinstance(module, ResBlock):
            ends.append(module.out_layers[-1])
        if isinstance(module, SpatialTransformer):
            ends.append(module.proj_out)
    for end in ends:
        for parameter in end.parameters():
            parameter.zero_()
    return network
