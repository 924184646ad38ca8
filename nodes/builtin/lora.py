"""Adapters (LoRA and its relatives) laid over a model: nothing is loaded until the model is used."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from graph.context import Context
from graph.declare import FileIn, Range, node
from graph.errors import listed
from graph.result import Report
from nodes.folders import Folders
from nodes.misplaced import expecting
from nodes.sockets import Clip, Model
from nodes.weights.load import WeightsRef
from nodes.weights.lora import AdapterRef, check_adapter
from nodes.weights.patches import WeightPatch

AdapterStrength = Annotated[float, Range(-100.0, 100.0, 0.01)]
LoraName = Annotated[str, FileIn("loras")]


@node(
    "LoraLoader",
    display_name="Load LoRA",
    category="loaders",
    returns=("MODEL", "CLIP"),
    lane="io",
    words=("lycoris", "locon", "style"),
)
def lora_loader(
    *,
    model: Model,
    clip: Clip,
    lora_name: LoraName,
    strength_model: AdapterStrength = 1.0,
    strength_clip: AdapterStrength = 1.0,
    context: Context,
) -> tuple[Model, Clip, Report]:
    """Lay an adapter over a model and its text encoder, each at its own strength. Several may follow each other."""
    ref, report = _checked(lora_name, (model.weights, *clip.towers), context)
    return (
        replace(model, adapters=_with(model.adapters, ref, strength_model)),
        replace(clip, adapters=_with(clip.adapters, ref, strength_clip)),
        report,
    )


@node("LoraLoaderModelOnly", category="loaders", returns="MODEL", lane="io")
def lora_loader_model_only(
    *, model: Model, lora_name: LoraName, strength_model: AdapterStrength = 1.0, context: Context
) -> tuple[Model, Report]:
    """Lay an adapter over a model, and leave the text encoder as it is."""
    ref, report = _checked(lora_name, (model.weights,), context)
    return replace(model, adapters=_with(model.adapters, ref, strength_model)), report


def _checked(name: str, targets: tuple[WeightsRef, ...], context: Context) -> tuple[AdapterRef, Report]:
    """The adapter, if it fits these parts, and a report of what in it belongs to none of them."""
    folders = context.service(Folders)
    path = folders.existing("loras", name, "LoRA")
    with expecting("LoRA", "loras", path):
        unknown = check_adapter(path, targets)
    report = Report(
        text=(f"{name}: {len(unknown)} unknown tensors are not used: {listed(unknown)}",) if unknown else ()
    )
    return AdapterRef(path, folders.digest(path), 1.0), report


def _with(adapters: tuple[WeightPatch, ...], ref: AdapterRef, strength: float) -> tuple[WeightPatch, ...]:
    return (*adapters, replace(ref, strength=strength)) if strength != 0.0 else adapters
