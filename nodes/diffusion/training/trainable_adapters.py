"""Adapters whose numbers are trained: for each layer the factors of a change that begins as no change at all.

The change itself is computed by `nodes/diffusion/adapters.py`, so that what is trained is what is later used. The formulas
are LoRA (Hu et al., 2021, section 4.1), LoHa (Hyeon-Woo et al., 2022) and LoKr (Yeh et al., 2024, section 3.2); one factor
of each begins at zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor, nn

from nodes.diffusion.adapters import Applied, Change, Hadamard, Kronecker, LowRank

Algorithm = Literal["LoRA", "LoHa", "LoKr"]
Factors = dict[str, nn.Parameter]

_LOHA_DEVIATIONS: Final = {"w1a": 0.1, "w1b": 1.0, "w2b": 1.0}
_MOST_LEFT: Final = 16
"""The longest side of LoKr's first factor: the larger, the fewer numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainableAdapter:
    """The factors of each layer's change. `change` makes the change of a layer from them; alpha equals the rank."""

    factors: Mapping[str, Factors]
    change: Callable[[Factors], Change]
    rank: int

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """All factors, by layer and role."""
        return {f"{layer}.{role}": one for layer, some in self.factors.items() for role, one in some.items()}

    def changes(self) -> dict[str, list[Applied]]:
        """What is laid over the network, connected with the factors for gradients."""
        return {layer: [Applied(self.change(some))] for layer, some in self.factors.items()}


def new_adapter(module: nn.Module, algorithm: Algorithm, rank: int, generator: torch.Generator) -> TrainableAdapter:
    """An adapter for every linear layer and convolution of a module, drawn from a generator, that changes nothing yet."""
    initial, change = _ALGORITHMS[algorithm]
    device = next(module.parameters()).device
    factors = {
        name: {role: nn.Parameter(value.to(device)) for role, value in initial(weight.shape, rank, generator).items()}
        for name, weight in _weights(module)
    }
    return TrainableAdapter(factors, change, rank)


def adapter_from(changes: Mapping[str, Iterable[Change]], device: torch.device) -> TrainableAdapter | None:
    """An adapter that goes on from low-rank changes, alpha as it should be; None if some are of another kind."""
    factors: dict[str, Factors] = {}
    ranks = set()
    for layer, some in changes.items():
        for one in some:
            if not isinstance(one, LowRank) or one.mid is not None:
                return None
            ranks.add(one.down.shape[0])
            factors[layer] = {
                "up": nn.Parameter((one.up * one.scale).to(device)),
                "down": nn.Parameter(one.down.clone().to(device)),
            }
    return TrainableAdapter(factors, _low_rank, max(ranks)) if ranks else None


def _weights(module: nn.Module) -> Iterable[tuple[str, Tensor]]:
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            yield name, layer.weight


def _lora(shape: torch.Size, rank: int, generator: torch.Generator) -> dict[str, Tensor]:
    down = _uniform((rank, *shape[1:]), generator)
    return {"up": torch.zeros(shape[0], rank, *[1] * (len(shape) - 2)), "down": down}


def _loha(shape: torch.Size, rank: int, generator: torch.Generator) -> dict[str, Tensor]:
    out, inner = shape[0], math.prod(shape[1:])
    shapes = {"w1a": (out, rank), "w1b": (rank, inner), "w2b": (rank, inner)}
    drawn = {role: torch.randn(sides, generator=generator) * _LOHA_DEVIATIONS[role] for role, sides in shapes.items()}
    return {**drawn, "w2a": torch.zeros(out, rank)}


def _lokr(shape: torch.Size, rank: int, generator: torch.Generator) -> dict[str, Tensor]:
    rows, columns = _divisor(shape[0]), _divisor(shape[1])
    right = (shape[0] // rows, shape[1] // columns, *shape[2:])
    inner = math.prod(right[1:])
    first = {"w1": _uniform((rows, columns), generator)}
    if rank * (right[0] + inner) >= right[0] * inner:
        return {**first, "w2": torch.zeros(right)}
    return {**first, "w2a": torch.zeros(right[0], rank), "w2b": _uniform((rank, *right[1:]), generator)}


def _low_rank(factors: Factors) -> Change:
    return LowRank(factors["up"], factors["down"])


def _hadamard(factors: Factors) -> Change:
    return Hadamard(factors["w1a"], factors["w1b"], factors["w2a"], factors["w2b"])


def _kronecker(factors: Factors) -> Change:
    if "w2" in factors:
        return Kronecker(factors["w1"], factors["w2"])
    a, b = factors["w2a"], factors["w2b"]
    return Kronecker(factors["w1"], (a @ b.flatten(1)).reshape(a.shape[0], *b.shape[1:]))


_Initial = Callable[[torch.Size, int, torch.Generator], dict[str, Tensor]]
_ALGORITHMS: Final[Mapping[Algorithm, tuple[_Initial, Callable[[Factors], Change]]]] = {
    "LoRA": (_lora, _low_rank),
    "LoHa": (_loha, _hadamard),
    "LoKr": (_lokr, _kronecker),
}


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Even over +-1 / sqrt(numbers that are summed up), as layers themselves begin."""
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    return (torch.rand(shape, generator=generator) * 2 - 1) * bound


def _divisor(side: int) -> int:
    """The largest divisor of a side up to a limit."""
    return next(one for one in range(min(_MOST_LEFT, side), 0, -1) if side % one == 0)
