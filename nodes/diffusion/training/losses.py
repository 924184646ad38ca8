"""How far a prediction is from its target, for each example: [B, ...] twice to [B]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from torch import Tensor
from torch.nn import functional as F

LossName = Literal["MSE", "L1", "Huber", "SmoothL1"]
Errors = Callable[[Tensor, Tensor], Tensor]


def _mse(predicted: Tensor, target: Tensor) -> Tensor:
    return F.mse_loss(predicted, target, reduction="none")


def _l1(predicted: Tensor, target: Tensor) -> Tensor:
    return F.l1_loss(predicted, target, reduction="none")


def _huber(predicted: Tensor, target: Tensor) -> Tensor:
    return F.huber_loss(predicted, target, reduction="none")


def _smooth_l1(predicted: Tensor, target: Tensor) -> Tensor:
    return F.smooth_l1_loss(predicted, target, reduction="none")


_ERRORS: Final[Mapping[LossName, Errors]] = {"MSE": _mse, "L1": _l1, "Huber": _huber, "SmoothL1": _smooth_l1}


def errors_of_examples(name: LossName, predicted: Tensor, target: Tensor) -> Tensor:
    """The mean error of each example of a batch, in float32."""
    return _ERRORS[name](predicted.float(), target.float()).flatten(1).mean(1)  # (B,)
