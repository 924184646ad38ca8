"""The state of a sampler between two steps, and its form at rest. It is on no wire: `nodes/resuming.py` keeps it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from graph.json import Json
from graph.values import Encoded, RawTensor
from nodes.diffusion.samplers.step import Past, Step
from nodes.sockets.encoding import decode_tensor, encode_tensor


@dataclass(frozen=True, slots=True, eq=False)
class SamplingState:
    """The last steps of a run, as many as its sampler needs to go on, on the CPU."""

    socket_type: ClassVar[str] = "SAMPLING_STATE"
    steps: Past

    @classmethod
    def after(cls, steps: Past) -> SamplingState:
        """A copy of these steps that nothing can change."""
        return cls(tuple(_moved(step, torch.device("cpu")) for step in steps))

    def on(self, device: torch.device) -> Past:
        return tuple(_moved(step, device) for step in self.steps)

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for step in self.steps for tensor in (step.x, step.denoised, *step.carry))


def encode_sampling_state(state: SamplingState) -> Encoded:
    data: list[Json] = []
    tensors: dict[str, RawTensor] = {}
    for number, step in enumerate(state.steps):
        data.append([step.index, step.total, step.sigma, step.sigma_next, step.drawn, len(step.carry)])
        for name, tensor in zip(_names(number, len(step.carry)), (step.x, step.denoised, *step.carry), strict=True):
            tensors[name] = encode_tensor(tensor)
    return Encoded(data, tensors)


def decode_sampling_state(encoded: Encoded) -> SamplingState:
    if not isinstance(encoded.data, list):
        raise TypeError("not a list of steps")
    return SamplingState(tuple(_step(number, data, encoded) for number, data in enumerate(encoded.data)))


def _step(number: int, data: Any, encoded: Encoded) -> Step:
    index, total, sigma, sigma_next, drawn, carried = data
    x, denoised, *carry = (decode_tensor(encoded.tensors[name]) for name in _names(number, carried))
    return Step(index, total, sigma, sigma_next, x, denoised, tuple(carry), drawn)


def _names(number: int, carried: int) -> list[str]:
    return [f"{number}.{name}" for name in ("x", "denoised", *(f"carry.{place}" for place in range(carried)))]


def _moved(step: Step, device: torch.device) -> Step:
    x, denoised, *carry = (_copied(tensor, device) for tensor in (step.x, step.denoised, *step.carry))
    return replace(step, x=x, denoised=denoised, carry=tuple(carry))


def _copied(tensor: Tensor, device: torch.device) -> Tensor:
    return tensor.to(device, copy=True)
