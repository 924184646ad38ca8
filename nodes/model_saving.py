"""Saving models as nodes do it: the weights as they are used, in the layout that other programs read, with the workflow.

Everything is computed from the files that handles name, in float32, and rounded to the precision in which the first of
them is stored; what a device happens to hold has no part in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import torch

from graph.context import Context
from graph.result import Report
from nodes.diffusion.config import OPENCLIP_G, OPENCLIP_H, SD15, ModelConfig, TextConfig
from nodes.errors import UnsuitableInput
from nodes.folders import Folders
from nodes.models import Models
from nodes.saving import Numbered, fill_prefix
from nodes.sockets import Clip, Model, Vae
from nodes.weights.embedding_statistics import KEYS
from nodes.weights.keymaps import Part, Place, same_names
from nodes.weights.load import WeightsRef
from nodes.weights.metadata import write_config
from nodes.weights.patched import PatchedPart, open_patched
from nodes.weights.patches import WeightPatch
from nodes.weights.saved_names import ARCHITECTURES, checkpoint_place, part_plans, schedule_markers, stored_dtype
from nodes.weights.writing import Planned, planned, safetensors_chunks

_SUFFIX: Final = ".safetensors"
_INHERITED: Final = ("tokenizer.vocab", "tokenizer.merges", "license", "attribution", "known_words")
"""What a file says of a part that stays true in any other file: without its tokenizer a text encoder cannot be read."""

_TOWER_NAMES: Final = {768: "clip_l", 1024: "clip_h", 1280: "clip_g"}
_TOWERS: Final = (SD15.text[0], OPENCLIP_H, OPENCLIP_G)


@dataclass(frozen=True, slots=True)
class PartToSave:
    """A part under its patches, and where it goes in the file."""

    ref: WeightsRef
    patches: tuple[WeightPatch, ...]
    place: Place


def model_part(model: Model) -> PartToSave:
    """A U-Net, as it is in a checkpoint."""
    return PartToSave(model.weights, model.adapters, checkpoint_place(Part.UNET, model.config))


def clip_parts(clip: Clip) -> Iterator[PartToSave]:
    """The text encoders, as they are in a checkpoint."""
    for tower in clip.towers:
        yield PartToSave(tower, clip.adapters, checkpoint_place(tower.part, tower.config))


def vae_part(vae: Vae, *, alone: bool = False) -> PartToSave:
    """An autoencoder, as it is in a checkpoint or in a file of its own. Raises `UnsuitableInput` for a tiny one."""
    if not isinstance(vae.weights, WeightsRef):
        raise UnsuitableInput(
            "a tiny autoencoder is two files of its own and no part of a checkpoint",
            hint="Use the VAE of a checkpoint, or one from Load VAE. Tiny ones are copied as files.",
        )
    place = Place("", same_names) if alone else checkpoint_place(Part.VAE, vae.config)
    return PartToSave(vae.weights, (), place)


def tower_name(tower: TextConfig) -> str:
    """What a text encoder in a file of its own is called."""
    return _TOWER_NAMES.get(tower.hidden_size, f"clip_{tower.hidden_size}")


def needs_config(tower: TextConfig) -> bool:
    """Whether a text encoder alone is not told by its shapes. (How it is read is its family's choice, not the file's.)"""
    return all(replace(tower, layer=one.layer, norm_hidden=one.norm_hidden) != one for one in _TOWERS)


def savable(config: ModelConfig, stored: ModelConfig) -> ModelConfig:
    """The configuration as a model is sampled, where that is a property of weights; else as its own file has it."""
    schedule = config.schedule
    plain = schedule.prediction in ("eps", "v") and schedule.distilled_timesteps is None
    return config if plain else replace(config, schedule=stored.schedule)


def described(config: ModelConfig, title: str, *, with_config: bool = True) -> dict[str, str]:
    """What the file says of itself, in the words of ModelSpec (Stability AI, 2023), and to us exactly."""
    texts = {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": ARCHITECTURES.get(config.family, config.family),
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
        "modelspec.title": title,
        "modelspec.date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "modelspec.resolution": "{}x{}".format(*config.native_size),
        "modelspec.prediction_type": "v" if config.schedule.prediction == "v" else "epsilon",
    }
    return texts | {"config": write_config(config)} if with_config else texts


def save_parts(
    parts: Iterable[PartToSave],
    config: ModelConfig,
    prefix: str,
    context: Context,
    *,
    with_config: bool = True,
    dtype: torch.dtype | None = None,
    about: Mapping[str, str] | None = None,
) -> Report:
    """Save parts as one file below the output folder, in one precision or each in its own, saying these things of itself.

    Raises a `WeightsError` or `SaveError`; then there is no file.
    """
    plans: list[Planned] = []
    inherited: dict[str, str] = {}
    for one in parts:
        part = opened(one.ref, one.patches, context)
        stored = part.stored.file.header.metadata
        inherited |= {key: stored[key] for key in _INHERITED if key in stored}
        plans += part_plans(part, one.place, dtype or stored_dtype(part.stored))
        if one.ref.part is Part.UNET:
            plans += [*schedule_markers(config.schedule), *_statistics(one.ref, context)]
    texts = inherited | described(config, prefix, with_config=with_config) | dict(about or {})
    return save_tensors(plans, texts, prefix, context)


def _statistics(ref: WeightsRef, context: Context) -> Iterator[Planned]:
    """What an unCLIP checkpoint carries beside its weights."""
    found = Models.of(context).statistics(ref)
    if found is not None:
        for key, values in zip(KEYS, (found.mean, found.deviation), strict=True):
            yield planned(key, values[None])


def save_tensors(plans: Sequence[Planned], texts: dict[str, str], prefix: str, context: Context) -> Report:
    """Save tensors under the next free name, with these texts and the workflow, reporting progress."""
    stem = fill_prefix(prefix, width=0, height=0, now=datetime.now())
    chunks = safetensors_chunks(plans, texts | dict(context.metadata))
    series = Numbered(context.service(Folders), "output", stem, _SUFFIX)
    return Report(files=(series.save_chunks(_watched(chunks, len(plans), context)),))


def opened(ref: WeightsRef, patches: Sequence[WeightPatch], context: Context) -> PatchedPart:
    """A part under patches, to be read layer by layer."""
    models = Models.of(context)
    return open_patched(models.located_weights(ref), models.located(patches))


def _watched(chunks: Iterable[bytes | memoryview], total: int, context: Context) -> Iterator[bytes | memoryview]:
    for number, chunk in enumerate(chunks):
        context.progress(min(number, total), max(1, total))
        yield chunk
