"""Saving models: whole checkpoints and their parts, as they are after merging and with their LoRAs inside."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from graph.context import Context
from graph.declare import node
from graph.result import Report
from nodes.model_saving import (
    PartToSave,
    clip_parts,
    model_part,
    needs_config,
    savable,
    save_parts,
    tower_name,
    vae_part,
)
from nodes.sockets import Clip, Model, Vae
from nodes.weights.keymaps import Place, same_names

_CATEGORY: Final = "advanced/model_merging"


@node(
    "CheckpointSave",
    display_name="Save Checkpoint",
    category=_CATEGORY,
    saves="output",
    lane="io",
    words=("export model",),
)
def checkpoint_save(
    *, model: Model, clip: Clip, vae: Vae, filename_prefix: str = "checkpoints/ComfyUI", context: Context
) -> Report:
    """Save a whole model as one .safetensors file in the output folder, merges and LoRAs included, with the workflow inside.

    It is found again among the checkpoints. What is only laid over sampling (FreeU, RescaleCFG, ...) is no part of weights.
    """
    towers = tuple(tower.config.text[index] for index, tower in enumerate(clip.towers))
    config = replace(savable(model.config, model.weights.config), text=towers, vae=vae.config.vae)
    parts = (model_part(model), *clip_parts(clip), vae_part(vae))
    return save_parts(parts, config, filename_prefix, context) + _left_out(model)


@node("ModelSave", category=_CATEGORY, saves="output", lane="io")
def model_save(*, model: Model, filename_prefix: str = "diffusion_models/ComfyUI", context: Context) -> Report:
    """Save the diffusion model alone, merges and LoRAs included. It is found again among the diffusion models."""
    config = savable(model.config, model.weights.config)
    return save_parts((model_part(model),), config, filename_prefix, context) + _left_out(model)


@node("CLIPSave", category=_CATEGORY, saves="output", lane="io")
def clip_save(*, clip: Clip, filename_prefix: str = "clip/ComfyUI", context: Context) -> Report:
    """Save the text encoders, each as a file of its own: `_clip_l`, `_clip_g` or `_clip_h` is put after the prefix."""
    report = Report()
    for index, tower in enumerate(clip.towers):
        text = tower.config.text[index]
        part = PartToSave(tower, clip.adapters, Place("", same_names))
        config = replace(tower.config, text=(text,))
        prefix = f"{filename_prefix}_{tower_name(text)}"
        report += save_parts((part,), config, prefix, context, with_config=needs_config(text))
    return report


@node("VAESave", category=_CATEGORY, saves="output", lane="io")
def vae_save(*, vae: Vae, filename_prefix: str = "vae/ComfyUI_vae", context: Context) -> Report:
    """Save the autoencoder alone. It is found again among the VAEs."""
    return save_parts((vae_part(vae, alone=True),), vae.config, filename_prefix, context)


def _left_out(model: Model) -> Report:
    """What a file of weights cannot hold."""
    names = sorted({type(patch).__name__ for patch in model.patches})
    return Report(text=(f"not saved, since they are no weights: {', '.join(names)}",)) if names else Report()
