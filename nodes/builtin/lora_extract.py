"""Adapters taken out of differences between models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

import torch
from torch import Tensor

from graph.context import Context
from graph.declare import Range, node
from graph.result import Report
from nodes.diffusion.low_rank import nearest_low_rank
from nodes.errors import UnsuitableInput
from nodes.model_saving import opened, save_tensors
from nodes.sockets import Clip, Model
from nodes.weights.load import WeightsRef
from nodes.weights.lora_keymaps import kohya_alias
from nodes.weights.patches import WeightPatch
from nodes.weights.saved_names import ARCHITECTURES, BASE_VERSIONS
from nodes.weights.writing import Planned, planned

LoraType = Literal["standard", "full_diff"]

_SAVED_IN: Final = torch.float16


@node(
    "LoraSave",
    display_name="Extract and Save Lora",
    category="_for_testing",
    saves="output",
    lane="cpu",
    experimental=True,
)
def lora_save(
    *,
    filename_prefix: str = "loras/ComfyUI_extracted_lora",
    rank: Annotated[int, Range(1, 4096, 1)] = 8,
    lora_type: LoraType,
    bias_diff: bool = True,
    model_diff: Model | None = None,
    text_encoder_diff: Clip | None = None,
    context: Context,
) -> Report:
    """Save a difference of two models (ModelMergeSubtract, CLIPMergeSubtract) as a LoRA, found again among the LoRAs.

    `standard` keeps of each weight the nearest matrix of this rank, `full_diff` all; `bias_diff` adds biases and norms.
    """
    sources = [(model_diff.weights, model_diff.adapters)] if model_diff is not None else []
    sources += [(tower, text_encoder_diff.adapters) for tower in text_encoder_diff.towers] if text_encoder_diff else []
    if not sources:
        raise UnsuitableInput("there is no difference to save", hint="Link model_diff, text_encoder_diff or both.")
    plans: list[Planned] = []
    for ref, patches in sources:
        plans += _extracted(ref, patches, rank if lora_type == "standard" else None, biases=bias_diff, context=context)
    if not plans:
        raise UnsuitableInput("both models are the same: their difference is zero everywhere")
    return save_tensors(plans, _texts(sources[0][0].config.family, rank), filename_prefix, context)


def _extracted(
    ref: WeightsRef, patches: tuple[WeightPatch, ...], rank: int | None, *, biases: bool, context: Context
) -> Iterator[Planned]:
    """The tensors of one part's difference, without those of layers that do not differ."""
    part = opened(ref, patches, context)
    two_towers = len(ref.config.text) > 1
    for number, layer in enumerate(part.layers):
        context.progress(number, len(part.layers))
        parameters = part.layer(layer)
        alias = kohya_alias(layer, ref.part, ref.config, two_towers=two_towers)
        weight, bias = parameters.get("weight"), parameters.get("bias")
        if weight is not None and bool(weight.any()) and (weight.ndim > 1 or biases):
            yield from _weight(alias, weight, rank if weight.ndim > 1 else None)
        if bias is not None and biases and bool(bias.any()):
            yield planned(f"{alias}.diff_b", bias.to(_SAVED_IN))


def _weight(alias: str, difference: Tensor, rank: int | None) -> Iterator[Planned]:
    if rank is None:
        yield planned(f"{alias}.diff", difference.to(_SAVED_IN))
        return
    up, down = nearest_low_rank(difference, rank)
    yield planned(f"{alias}.lora_up.weight", up.to(_SAVED_IN))
    yield planned(f"{alias}.lora_down.weight", down.to(_SAVED_IN))
    yield planned(f"{alias}.alpha", torch.tensor(float(down.shape[0])))


def _texts(family: str, rank: int) -> dict[str, str]:
    """What other programs read of a LoRA (kohya's names), and ours of what model it is for."""
    return {
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(float(rank)),
        "ss_base_model_version": BASE_VERSIONS.get(family, family),
        "modelspec.architecture": f"{ARCHITECTURES.get(family, family)}/lora",
    }
