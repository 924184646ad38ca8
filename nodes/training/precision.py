"""In which precision gradients are computed: chosen by name, for a device."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Final, Literal

import torch

from nodes.training.workers import AttentionInFloat32, mixed_precision

TrainingDtype = Literal["bf16", "fp32"]

_WHOLE_IN_BF16: Final = 128
"""Base channels from which a frozen U-Net is held in bfloat16; narrower ones are held in float32 and computed in both."""


def held_in(dtype: TrainingDtype, base_channels: int) -> torch.dtype:
    """The precision in which frozen weights are held."""
    return torch.bfloat16 if dtype == "bf16" and base_channels >= _WHOLE_IN_BF16 else torch.float32


def computing(dtype: TrainingDtype, device: torch.device) -> AbstractContextManager[None]:
    """Inside: bfloat16 where it is safe, float32 elsewhere; or float32 alone."""
    if dtype == "fp32":
        return nullcontext()
    return mixed_precision() if device.type == "cpu" else torch.autocast(device.type, torch.bfloat16)


def computing_again(dtype: TrainingDtype, device: torch.device) -> AbstractContextManager[object]:
    """What has to surround results that are computed again for their gradients, beside what torch brings back itself."""
    return AttentionInFloat32() if dtype == "bf16" and device.type == "cpu" else nullcontext()
