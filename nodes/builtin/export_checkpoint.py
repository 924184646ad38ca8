"""A trained model as the file that is given to others: rounded, and with what has to be said of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Literal

import torch

from graph.context import Context
from graph.declare import Multiline, node
from graph.result import Report
from nodes.model_saving import clip_parts, model_part, save_parts, vae_part
from nodes.models import Models
from nodes.saving import Prefix
from nodes.sockets import Clip, Dataset, Model, Vae
from nodes.training.export import known_words
from nodes.training.history import brought_together
from nodes.training.sources import SceneSource

_PRECISIONS = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}


@node(
    "ExportCheckpoint",
    display_name="Export Checkpoint",
    category="training/model",
    saves="output",
    lane="io",
)
def export_checkpoint(
    *,
    model: Model,
    clip: Clip,
    vae: Vae,
    filename_prefix: Prefix = "checkpoints/model",
    precision: Literal["fp16", "bf16", "fp32"] = "fp16",
    license: str = "",  # noqa: A002 - the word that the file has
    attribution: Annotated[str, Multiline()] = "",
    dataset: Dataset | None = None,
    context: Context,
) -> Report:
    """Save a whole model in the precision in which it is given away, with licence, attribution, the words that it knows and
    the training runs that it comes of.

    The words are those of the procedural scenes that it was trained on, if `dataset` is linked.
    """
    towers = tuple(tower.config.text[index] for index, tower in enumerate(clip.towers))
    config = replace(model.weights.config, text=towers, vae=vae.config.vae)
    about = {key: text for key, text in (("license", license), ("attribution", attribution)) if text}
    if dataset is not None and isinstance(dataset.source, SceneSource):
        about["known_words"] = json.dumps(known_words())
    parts = (model_part(model), *clip_parts(clip), vae_part(vae))
    about |= brought_together(Models.of(context).located_weights(part.ref) for part in parts)
    return save_parts(parts, config, filename_prefix, context, dtype=_PRECISIONS[precision], about=about)
