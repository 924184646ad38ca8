"""Gradients of a batch, computed in parts by threads that share one set of weights.

On a CPU a few single-threaded workers beat one many-threaded computation: small layers do not split well, and a
worker that the operating system holds up does not stall the others at every operation. Parts are added in
their order, so the result is the same bits every time for the same number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Result = TypeVar("Result")
LossOfPart = Callable[[int], Tensor]


@dataclass(frozen=True, eq=False)
class Gradients:
    """The mean loss of a batch and its gradient for each parameter, in the parameters' order."""

    loss: float
    gradients: tuple[Tensor, ...]


class Workers:
    """`count` threads. Torch's own threading should be set to one thread beside them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="training")

    def map(self, work: Callable[[int], Result]) -> list[Result]:
        """Run `work` for each worker's number; results in order. The first exception is raised."""
        return list(self._pool.map(work, range(self.count)))

    def gradients(self, parameters: Sequence[nn.Parameter], loss_of_part: LossOfPart) -> Gradients:
        """Mean of the parts' losses and of their gradients; a parameter no part used gets zeros."""

        def part(number: int) -> tuple[float, tuple[Tensor, ...]]:
            loss = loss_of_part(number)
            return loss.item(), torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)

        losses, gradients = zip(*self.map(part), strict=True)
        total = list(gradients[0])
        for more in gradients[1:]:
            torch._foreach_add_(total, more)
        torch._foreach_div_(total, float(self.count))
        return Gradients(sum(losses) / self.count, tuple(total))

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown()


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
