"""Hypernetworks laid over a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from graph.context import Context
from graph.declare import FileIn, Range, node
from nodes.folders import Folders
from nodes.sockets import Model
from nodes.weights.errors import WeightsWrongFamily
from nodes.weights.hypernetworks import HypernetworkRef, check_hypernetwork


@node("HypernetworkLoader", category="loaders", returns="MODEL", lane="io")
def hypernetwork_loader(
    *,
    model: Model,
    hypernetwork_name: Annotated[str, FileIn("hypernetworks")],
    strength: Annotated[float, Range(-10.0, 10.0, 0.01)] = 1.0,
    context: Context,
) -> Model:
    """Change what attention makes its keys and values of by a hypernetwork. Several may follow each other."""
    folders = context.service(Folders)
    path = folders.existing("hypernetworks", hypernetwork_name, "hypernetwork")
    widths, wanted = check_hypernetwork(path), model.config.unet.context_dim
    if wanted not in widths:
        raise WeightsWrongFamily(
            f"{hypernetwork_name} changes contexts {', '.join(map(str, sorted(widths)))} wide, and those of a "
            f"{model.config.family} model are {wanted} wide",
            hint="Use a hypernetwork that was trained for this kind of model.",
        )
    if strength == 0:
        return model
    ref = HypernetworkRef(path, folders.digest(path), strength)
    return replace(model, hypernetworks=(*model.hypernetworks, ref))
