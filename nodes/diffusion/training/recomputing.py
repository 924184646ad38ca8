"""Less memory for more time: stages of a U-Net that keep nothing for the way back and compute it again.

Chen et al. (2016), "Training deep nets with sublinear memory cost".
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nodes.diffusion.unet import Stage, UNet
from nodes.diffusion.views import with_layers

Surroundings: TypeAlias = Callable[[], AbstractContextManager[object]]


class RecomputedStage(nn.Module):
    """A stage whose inner results are computed again when its gradient is asked for."""

    def __init__(self, stage: nn.Module, again: Surroundings) -> None:
        super().__init__()
        self.stage = stage
        self.again = again

    def forward(self, h: Tensor, emb: Tensor, context: Tensor, size: torch.Size) -> Tensor:
        return cast(
            "Tensor",
            checkpoint(
                self.stage, h, emb, context, size, use_reentrant=False, context_fn=lambda: (nullcontext(), self.again())
            ),
        )


def recomputed(network: UNet, again: Surroundings = nullcontext) -> UNet:
    """A view of a U-Net that computes the same and holds the results of its stages alone until the way back.

    `again` makes what has to surround the second computation, where a mode surrounds the first that torch does not keep.
    """
    stages = {name: layer for name, layer in network.named_modules() if isinstance(layer, Stage)}
    return with_layers(network, {name: RecomputedStage(stage, again) for name, stage in stages.items()})
