"""In which precision gradients are computed: chosen by name, for a device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

TrainingDtype = Literal["bf16", "fp32"]

_WHOLE_IN_BF16: Final = 128
"""Base channels from which a frozen U-Net is held in bfloat16; narrower ones are held in float32 and computed in both."""

_MOST_SCORES: Final = 256 * 256
"""Of one head, up to which attention is written out: those of 16x16 cells with each other."""


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
    return AttentionOnCpu() if dtype == "bf16" and device.type == "cpu" else nullcontext()


@contextmanager
def mixed_precision() -> Iterator[None]:
    """Inside: bfloat16 autocast on the CPU, with attention as it is quickest there."""
    with torch.autocast("cpu", dtype=torch.bfloat16), AttentionOnCpu():
        yield


class AttentionOnCpu(TorchFunctionMode):
    """The part of `mixed_precision` that torch does not bring back by itself where results are computed again.

    Forward and back on one core (medians of 12, 32 x 8 heads): 64 tokens take 7.8 ms written out in bfloat16, 13.9 ms by
    torch's kernel in float32, 37.1 ms by that in bfloat16; 256 tokens 72, 106 and 148 ms.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204, ARG002
        if func is not F.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        with torch.autocast("cpu", enabled=False):
            return _attention(*args, **(kwargs or {}))


def _attention(  # noqa: PLR0913 - torch's own signature
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,  # noqa: FBT001, FBT002
    scale: float | None = None,
) -> Tensor:
    """q [B, H, T, D], k and v [B, H, S, D] -> [B, H, T, D]: by scores in bfloat16 where all of a head are few, else in
    float32 by torch's kernel, which never holds them."""
    queries, keys = query.shape[-2], key.shape[-2]
    if attn_mask is not None or dropout_p or queries * keys > _MOST_SCORES:
        return F.scaled_dot_product_attention(
            query.float(), key.float(), value.float(), attn_mask, dropout_p, is_causal, scale=scale
        )
    query, key, value = query.bfloat16(), key.bfloat16(), value.bfloat16()
    scores = (query * (query.shape[-1] ** -0.5 if scale is None else scale)) @ key.transpose(-1, -2)  # (B, H, T, S)
    if is_causal:
        scores = scores + torch.full((queries, keys), -torch.inf, dtype=scores.dtype).triu(1)
    return torch.softmax(scores, -1) @ value
