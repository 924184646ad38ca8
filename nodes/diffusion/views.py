"""Views of a network: the same weights, some layers replaced.

A cached network is shared and never changed. Whatever is laid over it for one run (adapters, patches) goes into a view: a
copy of the tree of modules down to the layers that differ, which holds every parameter of the original by reference.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def with_layers(module: ModuleT, layers: Mapping[str, nn.Module]) -> ModuleT:
    """A view of `module` with other layers at some dotted names. Raises KeyError for a name it does not have."""
    if not layers:
        return module
    below: defaultdict[str, dict[str, nn.Module]] = defaultdict(dict)
    view = copy.copy(module)
    children = dict(module._modules)  # noqa: SLF001 - torch has no public way to share parameters and not children
    for name, layer in layers.items():
        child, _, rest = name.partition(".")
        if child not in children:
            raise KeyError(f"{type(module).__name__} has no layer {name!r}")
        if rest:
            below[child][rest] = layer
        else:
            children[child] = layer
    for child, deeper in below.items():
        original = children[child]
        assert original is not None
        children[child] = with_layers(original, deeper)
    view._modules = children  # noqa: SLF001
    return view


def with_parameters(layer: ModuleT, parameters: Mapping[str, Tensor | None]) -> ModuleT:
    """A view of one layer that computes with other parameters."""
    view = copy.copy(layer)
    view._parameters = {**layer._parameters, **parameters}  # type: ignore[dict-item]  # noqa: SLF001
    return view
