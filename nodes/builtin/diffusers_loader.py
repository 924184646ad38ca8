"""Loading a model from a folder as the diffusers library saves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

from graph.context import Context
from graph.declare import FileIn, node
from graph.result import Blocked
from nodes.builtin.part_loaders import sdxl_towers
from nodes.diffusion.config import ModelConfig, Prediction
from nodes.folders import FolderError, Folders
from nodes.sockets import Clip, Model, Vae
from nodes.weights.diffusers_folders import part_file, read_scheduler
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef, open_part

_PREDICTIONS: Final[Mapping[str, Prediction]] = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}
_TEXT_FOLDERS: Final = ("text_encoder", "text_encoder_2")


@node("DiffusersLoader", category="advanced/loaders/deprecated", returns=("MODEL", "CLIP", "VAE"), lane="io")
def diffusers_loader(
    *, model_path: Annotated[str, FileIn("diffusers")], context: Context
) -> tuple[Model | Blocked, Clip | Blocked, Vae | Blocked]:
    """A whole model from a folder with a model_index.json, as the diffusers library saves it."""
    folders = context.service(Folders)
    index = folders.find("diffusers", model_path)
    if index is None:
        raise FolderError(f"there is no folder {model_path!r} with a model_index.json", code="file_not_found")
    unet = _opened(folders, index, "unet", Part.UNET)
    if unet is None:
        missing = f"{model_path} contains no unet: load its parts with other loaders"
        return Blocked(missing), Blocked(missing), Blocked(missing)
    config = _scheduled(unet.config, index)
    vae = part_file(index, "vae")
    towers = _towers(folders, index, config)
    return (
        Model(replace(unet, config=config)),
        Clip(towers) if towers else Blocked(f"{model_path} lacks a text encoder: load it from another file"),
        Vae(WeightsRef(vae, folders.digest(vae), Part.VAE, config))
        if vae
        else Blocked(f"{model_path} contains no VAE: load it from another file"),
    )


def _opened(folders: Folders, index: Path, folder: str, part: Part) -> WeightsRef | None:
    path = part_file(index, folder)
    return None if path is None else WeightsRef(path, folders.digest(path), part, open_part(path, part))


def _towers(folders: Folders, index: Path, config: ModelConfig) -> tuple[WeightsRef, ...]:
    """The text encoders, as the family reads them; none unless all are there."""
    found = [ref for folder in _TEXT_FOLDERS if (ref := _opened(folders, index, folder, Part.TEXT)) is not None]
    if len(found) != len(config.text):
        return ()
    if len(found) == 2:
        return sdxl_towers(found, f"the text encoders of {index.parent.name}")
    return tuple(found)


def _scheduled(config: ModelConfig, index: Path) -> ModelConfig:
    """The configuration with what the pipeline says of its schedule."""
    said = read_scheduler(index)
    schedule = config.schedule
    prediction = _PREDICTIONS.get(said.prediction_type or "")
    if prediction is not None:
        schedule = replace(schedule, prediction=prediction)
    if said.zero_terminal_snr is not None:
        schedule = replace(schedule, zero_terminal_snr=said.zero_terminal_snr)
    return replace(config, schedule=schedule)
