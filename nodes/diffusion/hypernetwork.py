"""Hypernetworks: small networks that change what attention makes its keys and values of (NovelAI, 2022).

For each width of a context there is one for keys and one for values, both residual: x + strength * f(x).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nodes.diffusion.views import ModuleT, with_layers

Activation: TypeAlias = Literal["linear", "relu", "leakyrelu", "elu", "swish", "tanh", "sigmoid"]
_ACTIVATIONS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "linear": lambda x: x,
    "relu": F.relu,
    "leakyrelu": F.leaky_relu,
    "elu": F.elu,
    "swish": F.hardswish,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
ACTIVATIONS: Final = get_args(Activation)


@dataclass(frozen=True, slots=True, eq=False)
class HyperLayer:
    """A linear layer, and the norm of its output if there is one."""

    weight: Tensor
    bias: Tensor | None = None
    norm_weight: Tensor | None = None
    norm_bias: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class HyperNet:
    """f: linear layers with an activation after each but the last (`activate_output`: after that too)."""

    layers: Sequence[HyperLayer]
    activation: Activation = "linear"
    activate_output: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        activate = _ACTIVATIONS[self.activation]
        for number, layer in enumerate(self.layers):
            x = F.linear(x, layer.weight, layer.bias)
            if number < len(self.layers) - 1 or self.activate_output:
                x = activate(x)
            if layer.norm_weight is not None:
                x = F.layer_norm(x, x.shape[-1:], layer.norm_weight, layer.norm_bias)
        return x


@dataclass(frozen=True, slots=True, eq=False)
class Hypernetwork:
    """By the width of the context: f for keys and f for values."""

    by_width: Mapping[int, tuple[HyperNet, HyperNet]]


def with_hypernetwork(module: ModuleT, view: ModuleT, hypernetwork: Hypernetwork, strength: float) -> ModuleT:
    """A view of a view of `module`, its keys and values made of changed contexts. `module` tells the layers' widths."""
    layers: dict[str, nn.Module] = {}
    for name, layer in module.named_modules():
        place = {"to_k": 0, "to_v": 1}.get(name.rpartition(".")[2])
        nets = hypernetwork.by_width.get(getattr(layer, "in_features", 0))
        if place is not None and nets is not None:
            layers[name] = _Changed(view.get_submodule(name), nets[place], strength)
    return with_layers(view, layers)


class _Changed(nn.Module):
    """A layer given x + strength * f(x) instead of x."""

    def __init__(self, base: nn.Module, net: HyperNet, strength: float) -> None:
        super().__init__()
        self.base, self.net, self.strength = base, net, strength

    def forward(self, x: Tensor) -> Tensor:
        weight = self.net.layers[0].weight
        changed = x + self.strength * self.net(x.to(weight)).to(x)
        return cast("Tensor", self.base(changed))
