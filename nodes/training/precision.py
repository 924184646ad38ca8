"""In which precision gradients are computed: chosen by name, for a device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, Literal

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

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


@contextmanager
def mixed_precision() -> Iterator[None]:
    """Inside: bfloat16 autocast on the CPU, attention alone in float32 (bfloat16's backward is slower there)."""
    with torch.autocast("cpu", dtype=torch.bfloat16), AttentionInFloat32():
        yield


class AttentionInFloat32(TorchFunctionMode):
    """The part of `mixed_precision` that torch does not bring back by itself where results are computed again."""

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204, ARG002
        if func is not F.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        with torch.autocast("cpu", enabled=False):
            return func(*(tensor.float() for tensor in args), **(kwargs or {}))
