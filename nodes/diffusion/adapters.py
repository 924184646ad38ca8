"""Adapters: small trained changes of a network's layers, laid over it without touching its weights.

Every kind is a formula for a change of one weight W: low rank (LoRA, Hu et al., 2021, section 4.1), Hadamard product
(LoHa, Hyeon-Woo et al., 2022, section 2.2) and Kronecker product (LoKr, Yeh et al., 2024, section 3.2) of low ranks, a plain
difference, and weight decomposition around any of them (DoRA, Liu et al., 2024, equation 5); GLoRA, (IA)3 and rotations name
theirs. Low ranks and factors are computed beside the layer; for the others the layer's weight is made anew, once where
somebody keeps it, else at each call.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final, Protocol, TypeAlias, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nodes.diffusion.rotations import Rotated
from nodes.diffusion.streaming import computing_dtype
from nodes.diffusion.views import ModuleT, with_layers, with_parameters


class Delta(Protocol):
    """What is added to a weight at strength 1."""

    def delta(self, weight: Tensor) -> Tensor:
        """The change, in the shape of the weight."""


@dataclass(frozen=True, slots=True, eq=False)
class LowRank:
    """scale * up @ down: up [out, r], down [r, in], each with two more sides for a convolution.

    With `mid` [r, r, k, k] the rank is bottlenecked in space as well (CP decomposition): 1x1, k x k, 1x1.
    """

    up: Tensor
    down: Tensor
    scale: float = 1.0
    mid: Tensor | None = None

    def delta(self, weight: Tensor) -> Tensor:
        up, down = self.up.flatten(1), self.down.flatten(1)
        if self.mid is None:
            return (up @ down).reshape(weight.shape) * self.scale
        product = torch.einsum("or,rsxy,si->oixy", up, self.mid, down)
        return product.reshape(weight.shape) * self.scale


@dataclass(frozen=True, slots=True, eq=False)
class Hadamard:
    """scale * (w1a @ w1b) * (w2a @ w2b), elementwise; with t1, t2 [r, r, k, k] the products are bottlenecked in space."""

    w1a: Tensor
    w1b: Tensor
    w2a: Tensor
    w2b: Tensor
    scale: float = 1.0
    t1: Tensor | None = None
    t2: Tensor | None = None

    def delta(self, weight: Tensor) -> Tensor:
        first = _product(self.w1a, self.w1b, self.t1)
        second = _product(self.w2a, self.w2b, self.t2)
        return (first * second).reshape(weight.shape) * self.scale


@dataclass(frozen=True, slots=True, eq=False)
class Kronecker:
    """scale * kron(w1, w2). w1 is [a, b], w2 [c, d] or [c, d, k, k]; the weight is [a c, b d] and so on."""

    w1: Tensor
    w2: Tensor
    scale: float = 1.0

    def delta(self, weight: Tensor) -> Tensor:
        w1 = self.w1.reshape(*self.w1.shape, *[1] * (self.w2.ndim - self.w1.ndim))
        return torch.kron(w1, self.w2.contiguous()).reshape(weight.shape) * self.scale


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """A whole difference of a weight."""

    values: Tensor

    def delta(self, weight: Tensor) -> Tensor:
        return self.values.reshape(weight.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Generalised:
    """GLoRA (Chavan et al., 2023, equation 11): scale * (W A + B), A and B of low rank.

    a1 [in, r] @ a2 [r, in] is A; b1 [out, r] @ b2 [r, in, ...] is B, with `mid` as for `LowRank`.
    """

    a1: Tensor
    a2: Tensor
    b1: Tensor
    b2: Tensor
    scale: float = 1.0
    mid: Tensor | None = None

    def delta(self, weight: Tensor) -> Tensor:
        a = self.a1.flatten(1) @ self.a2.flatten(1)
        b = LowRank(self.b1, self.b2, mid=self.mid).delta(weight)
        return (torch.einsum("oi...,ij->oj...", weight, a) + b) * self.scale


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """(IA)3 (Liu et al., 2022, section 3.3): every input or output of a layer times 1 + its own factor."""

    factors: Tensor
    on_input: bool

    def delta(self, weight: Tensor) -> Tensor:
        sides = [1] * weight.ndim
        sides[1 if self.on_input else 0] = -1
        return weight * self.factors.reshape(sides)


@dataclass(frozen=True, slots=True, eq=False)
class Decomposed:
    """DoRA: the changed weight, with its norms along one axis set to trained magnitudes [out, 1, ...] or [1, in, ...].

    Along the output axis the norms are those of the unchanged weight, along the input axis those of the changed one: the
    rule that existing pictures with such files were made by.
    """

    inner: Delta
    magnitude: Tensor

    def delta(self, weight: Tensor) -> Tensor:
        changed = weight + self.inner.delta(weight)
        per_output = self.magnitude.shape[0] == weight.shape[0]
        norms = _norms(weight, 0) if per_output else _norms(changed, 1)
        magnitude = self.magnitude.reshape(*self.magnitude.shape, *[1] * (weight.ndim - self.magnitude.ndim))
        return changed * (magnitude / (norms + torch.finfo(weight.dtype).eps)) - weight


@dataclass(frozen=True, slots=True, eq=False)
class BiasDifference:
    """A difference of a layer's bias."""

    values: Tensor


@dataclass(frozen=True, slots=True)
class Multiplied:
    """Weight and bias of a layer, with all changes before it, times a factor."""

    factor: float


@dataclass(frozen=True, slots=True)
class AttentionScale:
    """Factors of the projections of all attention layers whose name ends in `layers`, such as `attn1` of a U-Net."""

    layers: str
    q: float = 1.0
    k: float = 1.0
    v: float = 1.0
    out: float = 1.0

    def changes(self, module: nn.Module) -> dict[str, Multiplied]:
        """The change of each projection of a module, by name; none where the factor is 1."""
        names = _ATTENTION_PROJECTIONS[self.layers]
        factors = dict(zip(names, (self.q, self.k, self.v, self.out), strict=True))
        return {
            f"{name}.{projection}": Multiplied(factor)
            for name, _ in module.named_modules()
            if name.endswith(f".{self.layers}")
            for projection, factor in factors.items()
            if factor != 1.0
        }


_UNET_PROJECTIONS: Final = ("to_q", "to_k", "to_v", "to_out.0")
_ATTENTION_PROJECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "attn1": _UNET_PROJECTIONS,
    "attn2": _UNET_PROJECTIONS,
    "self_attn": ("q_proj", "k_proj", "v_proj", "out_proj"),
}


Change: TypeAlias = (
    LowRank
    | Hadamard
    | Kronecker
    | Difference
    | Generalised
    | Scaled
    | Rotated
    | Decomposed
    | BiasDifference
    | Multiplied
)


@dataclass(frozen=True, slots=True, eq=False)
class Applied:
    """A change at a strength. The strength of a `Multiplied` is not asked."""

    change: Change
    strength: float = 1.0


Parameters = Mapping[str, Tensor | None]
"""The parameters of one layer by their names in it; None for a bias that it does not have."""


def adapted(
    module: ModuleT,
    changes: Mapping[str, Sequence[Applied]],
    rounded_to: torch.dtype | None = None,
    ready: Mapping[str, Parameters] | None = None,
) -> ModuleT:
    """A view of `module` in which some layers, by dotted name, are changed in the given order.

    With `rounded_to`, changed weights are rounded to that precision, whatever the layer computes in. `ready` has the
    parameters of layers that were changed before.
    """
    layers = {name: module.get_submodule(name) for name in changes}
    ready = ready or {}
    views = {
        name: with_parameters(layer, ready[name]) if name in ready else _changed(layer, changes[name], rounded_to)
        for name, layer in layers.items()
    }
    return with_layers(module, views)


def without_cheap_form(
    module: nn.Module, changes: Mapping[str, Sequence[Applied]], rounded_to: torch.dtype | None
) -> dict[str, Sequence[Applied]]:
    """Those changes for which a whole weight has to be made."""
    return {name: some for name, some in changes.items() if not _is_cheap(module.get_submodule(name), some, rounded_to)}


def merged(layer: nn.Module, changes: Sequence[Applied]) -> dict[str, Tensor | None]:
    """Weight and bias of a layer after all changes, in float32."""
    stored_bias = cast("Tensor | None", getattr(layer, "bias", None))
    weight, bias = cast("Tensor", layer.weight).float(), None if stored_bias is None else stored_bias.float()
    for one in changes:
        match one.change:
            case Multiplied(factor):
                weight, bias = weight * factor, None if bias is None else bias * factor
            case BiasDifference(values):
                bias = None if bias is None else bias + one.strength * values.to(bias.device)
            case Rotated():
                weight = one.change.turned(weight, one.strength)
            case _:
                weight = weight + one.strength * one.change.delta(weight)
    return {"weight": weight, "bias": bias}


class BranchedLayer(nn.Module):
    """A linear layer or convolution with low ranks computed beside it."""

    def __init__(self, base: nn.Linear | nn.Conv2d, changes: Sequence[Applied]) -> None:
        super().__init__()
        self.base = base
        self.changes = tuple(replace(one, change=_fitted(one.change, base)) for one in changes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.base(x)
        for one in self.changes:
            match one.change:
                case LowRank() as low_rank:
                    out = out + _branch(self.base, low_rank, x) * (one.strength * low_rank.scale)
                case BiasDifference(values):
                    shift = one.strength * values.to(out)
                    out = out + (shift[:, None, None] if isinstance(self.base, nn.Conv2d) else shift)
                case Multiplied(factor):
                    out = out * factor
        return out


class MergedLayer(nn.Module):
    """A layer whose changed weight is made at each call: for changes that have no cheaper form."""

    def __init__(self, base: nn.Module, changes: Sequence[Applied], rounded_to: torch.dtype | None) -> None:
        super().__init__()
        self.base = base
        self.dtype = computing_dtype(base)
        self.rounded_to = self.dtype if rounded_to is None else rounded_to
        self.changes = tuple(on_device_of(base, one) for one in changes)

    def forward(self, x: Tensor) -> Tensor:
        parameters = {
            name: None if parameter is None else parameter.to(self.rounded_to).to(self.dtype)
            for name, parameter in merged(self.base, self.changes).items()
        }
        out: Tensor = with_parameters(self.base, parameters)(x)
        return out


def on_device_of(layer: nn.Module, applied: Applied) -> Applied:
    """A change in float32, where a layer's weight is."""
    return replace(applied, change=_moved(applied.change, cast("Tensor", layer.weight).device, torch.float32))


def _changed(layer: nn.Module, changes: Sequence[Applied], rounded_to: torch.dtype | None) -> nn.Module:
    if isinstance(layer, nn.Linear | nn.Conv2d) and _is_cheap(layer, changes, rounded_to):
        return BranchedLayer(layer, changes)
    return MergedLayer(layer, changes, rounded_to)


def _is_cheap(layer: nn.Module, changes: Sequence[Applied], rounded_to: torch.dtype | None) -> bool:
    beside = all(isinstance(one.change, LowRank | BiasDifference | Multiplied) for one in changes)
    return beside and rounded_to is None and isinstance(layer, nn.Linear | nn.Conv2d)


def _branch(layer: nn.Linear | nn.Conv2d, low_rank: LowRank, x: Tensor) -> Tensor:
    """What a low rank adds to the output of a layer, without its scale. It is brought to x as a streamed weight is."""
    up, down = low_rank.up.to(x), low_rank.down.to(x)
    if isinstance(layer, nn.Linear):
        return F.linear(F.linear(x, down), up)
    stride, padding = cast("list[int]", layer.stride), cast("list[int]", layer.padding)
    if low_rank.mid is None:
        return F.conv2d(F.conv2d(x, down, None, stride, padding), up)
    return F.conv2d(F.conv2d(F.conv2d(x, down), low_rank.mid.to(x), None, stride, padding), up)


def _fitted(change: Change, layer: nn.Linear | nn.Conv2d) -> Change:
    """The change in the precision of a layer and, for a low rank, in the number of sides that its weight has."""
    change = _moved(change, layer.weight.device, computing_dtype(layer))
    if not isinstance(change, LowRank):
        return change
    up, down = change.up, change.down
    if isinstance(layer, nn.Linear):
        return replace(change, up=up.flatten(1), down=down.flatten(1))
    kernel = (1, 1) if change.mid is not None else layer.kernel_size
    down = down.reshape(down.shape[0], -1, *kernel)  # (r, in, k, k)
    return replace(change, up=up.reshape(*up.shape[:2], 1, 1), down=down)


_OF_TENSORS: Final = (
    LowRank | Hadamard | Kronecker | Difference | Generalised | Scaled | Rotated | Decomposed | BiasDifference
)
_Value = TypeVar("_Value")


def _moved(value: _Value, device: torch.device, dtype: torch.dtype) -> _Value:
    """A change with every tensor in it on a device and in a precision."""
    if isinstance(value, Tensor):
        return cast("_Value", value.to(device, dtype))
    if isinstance(value, _OF_TENSORS):
        parts = {one.name: _moved(getattr(value, one.name), device, dtype) for one in fields(value)}
        return cast("_Value", replace(value, **parts))
    return value


def _product(a: Tensor, b: Tensor, core: Tensor | None) -> Tensor:
    """a [out, r] @ b [r, in]; with a core [r, r, k, k], a is [r, out] and the result [out, in, k, k]."""
    if core is None:
        return a @ b
    return torch.einsum("rsxy,si,ro->oixy", core, b, a)


def _norms(weight: Tensor, axis: int) -> Tensor:
    """The norm of each slice along an axis, in a shape that divides the weight."""
    shape = [1] * weight.ndim
    shape[axis] = weight.shape[axis]
    norms: Tensor = torch.linalg.vector_norm(weight.transpose(0, axis).flatten(1), dim=1)
    return norms.reshape(shape)


def low_rank_fits(up: Sequence[int], down: Sequence[int], weight: Sequence[int]) -> bool:
    """Whether the product of shapes up [out, r, ...] and down [r, in, ...] has as many values as a weight has."""
    return up[0] * math.prod(down[1:]) == math.prod(weight) and up[0] == weight[0]
