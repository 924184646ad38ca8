"""Captioned pictures to train on: drawn by rule or from a folder, looked at, and encoded once."""

from __future__ import annotations

from random import Random
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor

from graph.context import Context
from graph.declare import Range, node
from graph.result import Report
from nodes.builtin.picture_sets import FolderName
from nodes.builtin.ranges import BatchSize
from nodes.diffusion.sampling import scaled_latent
from nodes.errors import UnsuitableInput
from nodes.folders import DATASETS, FolderError, Folders
from nodes.models import Models
from nodes.pictures import PictureError, read_picture
from nodes.sockets import Dataset, Image, LatentDataset, Vae
from nodes.training.errors import TrainingError
from nodes.training.picture_folders import CaptionedFile, Unusable, listed, scan, too_deep
from nodes.training.pixels import to_pixels
from nodes.training.shared_encoding import encoded_together
from nodes.training.sources import FolderSource, PictureFile, SceneSource
from nodes.training_jobs import TrainingJob
from nodes.weights.load import WeightsRef

Unused = Literal["skip", "refuse"]
PictureSide = Annotated[int, Range(16, 2048, 8)]


@node("ProceduralScenes", display_name="Procedural Scenes", category="training/data", returns="DATASET", lane="inline")
def procedural_scenes(
    *,
    split: Literal["training", "held out"],
    size: PictureSide = 128,
    count: Annotated[int, Range(1, 10_000_000)] = 4096,
    first_seed: Annotated[int, Range(0, 2**40)] = 0,
    part: Annotated[int, Range(0, 2**20)] = 0,
) -> Dataset:
    """Pictures drawn by rule, with exact captions: sprites on plain backgrounds and in landscapes, size pixels square.

    Every tenth combination of object, place and colour is never drawn for training, only in the split that is held out. Part
    1 are the count pictures after those of part 0, and so on: fresh ones for every sitting of a long training.
    """
    first = first_seed + part * count
    return Dataset(SceneSource("held out" if split == "held out" else "training", size, count, first))


@node("CaptionedPictures", display_name="Captioned Pictures", category="training/data", returns="DATASET", lane="io")
def captioned_pictures(
    *,
    folder: FolderName,
    size: PictureSide = 128,
    unusable: Unused = "skip",
    without_caption: Literal["skip", "refuse", "empty caption"] = "skip",
    context: Context,
) -> tuple[Dataset, Report]:
    """The pictures of a folder in the input folder, cut to squares, with the texts beside them: `cat.txt` for `cat.png`.

    A subfolder such as `10_cat` holds pictures that are used ten times each. What cannot be used or has no caption is
    listed, and left out or refused.
    """
    path = context.service(Folders).find(DATASETS, folder)
    if path is None:
        raise FolderError(f"there is no folder {folder!r} in the input folder", code="file_not_found")
    folders, files = context.service(Folders), []
    left_out = too_deep(path)
    for one in left_out:
        _expect_allowed(one, unusable)
    for number, file in enumerate(found := scan(path)):
        context.progress(number, len(found))
        if fault := _fault(file):
            left_out.append(Unusable(file.name, fault))
            _expect_allowed(left_out[-1], unusable)
        elif file.caption is None and without_caption != "empty caption":
            left_out.append(Unusable(file.name, file.why_no_caption))
            _expect_allowed(left_out[-1], without_caption)
        else:
            files += [PictureFile(str(file.path), folders.digest(file.path), file.caption or "")] * file.repeats
    if not files:
        raise TrainingError("dataset_empty", f"there is no picture that can be used{listed(left_out)}")
    text = [f"{len(files)} pictures"]
    if left_out:
        text.append(f"{len(left_out)} files are not used{listed(left_out)}")
    return Dataset(FolderSource(size, tuple(files))), Report(text=tuple(text))


@node("DatasetPictures", display_name="Dataset Pictures", category="training/data", returns=("IMAGE", "captions"))
def dataset_pictures(
    *,
    dataset: Dataset,
    first: Annotated[int, Range(0, 10_000_000)] = 0,
    number: BatchSize = 16,
    context: Context,
) -> tuple[Image, str]:
    """Some pictures of a dataset, and a caption of each, one a line: to see what is trained on."""
    indices = range(first, min(first + number, dataset.source.count))
    if not indices:
        raise UnsuitableInput(f"the dataset has {dataset.source.count} pictures", hint="Begin with an earlier one.")
    context.cancel.check()
    pixels = torch.from_numpy(dataset.source.pictures(indices)).float() / 255
    return Image(pixels), "\n".join(dataset.source.caption(index, Random(index)) for index in indices)


@node(
    "EncodeDataset",
    display_name="Encode Dataset",
    category="training/data",
    returns="LATENT_DATASET",
    lane="device",
)
def encode_dataset(*, dataset: Dataset, vae: Vae, context: Context) -> LatentDataset:
    """The latents of all pictures of a dataset, kept like any result: what has not changed is not encoded again."""
    if not isinstance(vae.weights, WeightsRef):
        raise UnsuitableInput(
            "a tiny autoencoder makes previews, and nothing to train on", hint="Use a checkpoint's VAE."
        )
    source, models = dataset.source, Models.of(context)
    different = source.different
    held = models.residency.policy.placement_of(vae.weights)
    job = TrainingJob(
        context, "latents", encode_dataset, (dataset, vae), torch.device(held.device).type, str(held.dtype)
    )
    with models.vae(vae.weights) as module, torch.inference_mode():

        def encode(wanted: range) -> Tensor:
            pictures = source.pictures(different[wanted.start : wanted.stop])
            pixels = to_pixels(np.ascontiguousarray(pictures)).to(held.device)
            return scaled_latent(vae.config, module.encode(pixels).mode()).half().cpu()

        count = len(different)
        latents = encoded_together(job.folder, count, encode, lambda done: context.progress(done, count))
    if count < source.count:
        latents = latents[torch.tensor(source.places)]
    return LatentDataset(latents, source, vae.config.preview_rgb)


def _fault(file: CaptionedFile) -> str:
    """Why a picture cannot be read; nothing if it can."""
    try:
        read_picture(file.path)
    except PictureError as error:
        return str(error)
    return ""


def _expect_allowed(one: Unusable, choice: str) -> None:
    if choice == "refuse":
        raise TrainingError(
            "dataset_unusable",
            f"{one.name} cannot be used: {one.reason}",
            "Mend it, or choose to skip such files.",
        )
