"""A part's weights after everything that was laid over them, computed layer by layer in float32.

Merged models are loaded from here, and files are saved from here: neither needs more memory than one layer beside what it
makes, and neither depends on the precision in which a device computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from nodes.diffusion.adapters import Applied, AttentionScale, Parameters, merged, on_device_of
from nodes.diffusion.streaming import computing_dtype
from nodes.diffusion.views import with_parameters
from nodes.weights.arena import Arena, arena_bytes
from nodes.weights.load import StoredPart, WeightsRef, open_stored
from nodes.weights.lora import AdapterRef, load_changes
from nodes.weights.patches import Merge, WeightPatch


@dataclass(frozen=True, slots=True)
class _Merged:
    """Another part, whose weights are added."""

    merge: Merge
    other: PatchedPart


@dataclass(slots=True, eq=False)
class PatchedPart:
    """The weights of a part under patches. The layer asked for last is remembered."""

    stored: StoredPart
    steps: tuple[Mapping[str, Sequence[Applied]] | _Merged, ...]
    _last: tuple[str, Parameters] | None = field(default=None)

    @property
    def module(self) -> nn.Module:
        """The network on the meta device: names and shapes."""
        return self.stored.module

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that have parameters, in the network's order."""
        return tuple(dict.fromkeys(name.rpartition(".")[0] for name in self.stored.sources))

    def parameter(self, name: str) -> Tensor:
        """One parameter, float32."""
        layer, _, parameter = name.rpartition(".")
        value = self.layer(layer)[parameter]
        assert value is not None
        return value

    def layer(self, name: str) -> Parameters:
        """The parameters of one layer, float32; None for a bias that it does not have. Raises a `WeightsError`."""
        if self._last is None or self._last[0] != name:
            self._last = (name, self._computed(name))
        return self._last[1]

    def _computed(self, name: str) -> Parameters:
        shell = self.module.get_submodule(name)
        parameters: dict[str, Tensor | None] = {
            parameter: self.stored.read(f"{name}.{parameter}" if name else parameter).float()
            for parameter in dict(shell.named_parameters(recurse=False))
        }
        for step in self.steps:
            if isinstance(step, _Merged):
                parameters = _mixed(name, parameters, step)
            elif name in step:
                parameters |= merged(with_parameters(shell, parameters), step[name])
        return parameters


def open_patched(ref: WeightsRef, patches: Sequence[WeightPatch]) -> PatchedPart:
    """Open a part and everything laid over it; adapters are read at once. Raises a `WeightsError`."""
    stored = open_stored(ref)
    return PatchedPart(stored, tuple(_step(ref, stored.module, patch) for patch in patches))


def load_patched(
    ref: WeightsRef, patches: Sequence[WeightPatch], dtype: torch.dtype, rounded_to: torch.dtype
) -> nn.Module:
    """The network of a part under patches, its weights rounded to a precision on their way to `dtype`, on the CPU."""
    part = open_patched(ref, patches)
    module = part.module
    shapes = {name: one.shape for name, one in module.state_dict().items()}
    arena = Arena(arena_bytes(shapes.values(), dtype))
    state = {
        name: arena.empty(shape, dtype).copy_(part.parameter(name).to(rounded_to)) for name, shape in shapes.items()
    }
    module.load_state_dict(state, assign=True)
    return module.eval().requires_grad_(requires_grad=False)


def merge_layers(
    module: nn.Module, changes: Mapping[str, Sequence[Applied]], rounded_to: torch.dtype | None
) -> dict[str, Parameters]:
    """The changed parameters of some layers of a loaded module, in the precision and on the device that they compute in."""
    layers = {name: module.get_submodule(name) for name in changes}
    arena = Arena(sum(_bytes(layer) for layer in layers.values()))
    return {name: _merged_layer(layer, changes[name], rounded_to, arena) for name, layer in layers.items()}


def merged_bytes(module: nn.Module, layers: Iterable[str]) -> int:
    """Bytes that `merge_layers` takes."""
    return sum(_bytes(module.get_submodule(name)) for name in layers)


def _bytes(layer: nn.Module) -> int:
    return arena_bytes([one.shape for one in layer.parameters(recurse=False)], computing_dtype(layer))


def _merged_layer(
    layer: nn.Module, changes: Sequence[Applied], rounded_to: torch.dtype | None, arena: Arena
) -> Parameters:
    dtype = computing_dtype(layer)
    parameters: dict[str, Tensor | None] = {}
    for name, value in merged(layer, [on_device_of(layer, one) for one in changes]).items():
        if value is None:
            parameters[name] = None
            continue
        rounded = value if rounded_to is None else value.to(rounded_to)
        room = arena.empty(value.shape, dtype) if value.device.type == "cpu" else torch.empty_like(value, dtype=dtype)
        parameters[name] = room.copy_(rounded)
    return parameters


def _step(ref: WeightsRef, module: nn.Module, patch: WeightPatch) -> Mapping[str, Sequence[Applied]] | _Merged:
    match patch:
        case AttentionScale():
            return {layer: [Applied(factor)] for layer, factor in patch.changes(module).items()}
        case AdapterRef():
            changes = load_changes(patch.path, ref)
            return {layer: [Applied(one, patch.strength) for one in some] for layer, some in changes.items()}
        case Merge():
            return _Merged(patch, open_patched(patch.other(ref.part), patch.patches))


def _mixed(layer: str, ours: Mapping[str, Tensor | None], step: _Merged) -> dict[str, Tensor | None]:
    """kept W + added W'. What the other model has not, or in another shape, stays as it is."""
    if layer not in step.other.layers:
        return dict(ours)
    theirs = step.other.layer(layer)
    mixed = dict(ours)
    for name, tensor in ours.items():
        other = theirs.get(name)
        if tensor is not None and other is not None and other.shape == tensor.shape:
            kept, added = step.merge.shares(f"{layer}.{name}")
            mixed[name] = tensor * kept + other * added
    return mixed
