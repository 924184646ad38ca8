"""Files of hypernetworks: safetensors whose keys are the paths in the dictionaries that training programs pickle.

`768.0.linear.2.weight` is a layer of the network for keys (0; 1: for values) of contexts 768 wide. What those dictionaries
say beside tensors (`activation_func`, `activate_output`) is in the metadata under the same names.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import torch
from torch import Tensor

from nodes.diffusion.hypernetwork import ACTIVATIONS, Activation, HyperLayer, HyperNet, Hypernetwork
from nodes.weights.errors import WeightsMissing, WeightsUnknownFamily
from nodes.weights.files import Header, read_header, read_tensors

_KEY: Final = re.compile(r"(?P<width>\d+)\.(?P<place>[01])\.linear\.(?P<layer>\d+)\.(?P<kind>weight|bias)")


@dataclass(frozen=True, slots=True)
class HypernetworkRef:
    """One hypernetwork at one strength. `digest` is that of the file's content."""

    path: Path
    digest: str
    strength: float


def check_hypernetwork(path: Path) -> frozenset[int]:
    """The widths of contexts that a file has networks for. Raises a `WeightsError`; reads no weights."""
    header = read_header(path)
    _activation(header)
    found = [match for name in header.tensors if (match := _KEY.fullmatch(name))]
    widths = frozenset(int(match["width"]) for match in found)
    if not widths:
        raise WeightsUnknownFamily(
            f"{path.name} is no hypernetwork: none of its {len(header.tensors)} tensors is named like 768.0.linear.0.weight",
            hint="Programs that train hypernetworks pickle them: `latentgraph models convert` makes .safetensors of that.",
        )
    for width in widths:
        places = {match["place"] for match in found if int(match["width"]) == width}
        if len(places) < 2:
            raise WeightsMissing(f"{path.name}: of the two networks for contexts {width} wide one is missing")
    return widths


def load_hypernetwork(path: Path, device: torch.device, dtype: torch.dtype) -> Hypernetwork:
    """The networks of a file. Raises a `WeightsError`."""
    check_hypernetwork(path)
    header = read_header(path)
    grouped: defaultdict[tuple[int, int], dict[tuple[int, str], Tensor]] = defaultdict(dict)
    for name in header.tensors:
        match = _KEY.fullmatch(name)
        if match is not None:
            tensor = read_tensors(header, [name])[name].to(device, dtype)
            grouped[int(match["width"]), int(match["place"])][int(match["layer"]), match["kind"]] = tensor
    activation, last = _activation(header), header.metadata.get("activate_output", "").lower() == "true"
    nets = {key: HyperNet(_layers(tensors), activation, last) for key, tensors in grouped.items()}
    return Hypernetwork({width: (nets[width, 0], nets[width, 1]) for width, place in nets if place == 0})


def hypernetwork_bytes(path: Path, dtype: torch.dtype) -> int:
    """Bytes that `load_hypernetwork` takes."""
    return sum(math.prod(entry.shape) for entry in read_header(path).tensors.values()) * dtype.itemsize


def _activation(header: Header) -> Activation:
    name = header.metadata.get("activation_func", "linear").lower()
    if name not in ACTIVATIONS:
        raise WeightsUnknownFamily(
            f"{header.path.name}: there is no activation {name!r}", hint=f"Known are {', '.join(ACTIVATIONS)}."
        )
    return cast("Activation", name)


def _layers(tensors: Mapping[tuple[int, str], Tensor]) -> tuple[HyperLayer, ...]:
    """The linear layers in their order, each with the norm that follows it."""
    layers: list[HyperLayer] = []
    for number in sorted({number for number, _ in tensors}):
        weight, bias = tensors[number, "weight"], tensors.get((number, "bias"))
        if weight.ndim == 2:
            layers.append(HyperLayer(weight, bias))
        elif layers:
            layers[-1] = HyperLayer(layers[-1].weight, layers[-1].bias, weight, bias)
    return tuple(layers)
