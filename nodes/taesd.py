"""Tiny autoencoders in the folder `vae_approx`: which pairs of files are there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from graph.spec import ExtraName
from nodes.diffusion.config import ModelConfig
from nodes.folders import Folders
from nodes.weights.networks import NetworkRef, TaesdRef, open_taesd
from nodes.weights.taesd import TAESD, TaesdNames

FOLDER: Final = "vae_approx"
SUFFIX: Final = ".safetensors"

TAESD_CHOICES: Final = tuple(
    ExtraName(name, FOLDER, (names.encoder + SUFFIX, names.decoder + SUFFIX)) for name, names in TAESD.items()
)
"""The tiny autoencoders as a VAE loader offers them, with the files that they are made of."""


def available_taesd(folders: Folders) -> list[str]:
    """The names of `TAESD` of which both files are there: what a VAE loader offers."""
    return [name for name, names in TAESD.items() if _files(folders, names) is not None]


def find_taesd(folders: Folders, name: str) -> TaesdRef | None:
    """The tiny autoencoder of a name of `TAESD`, None if a file is missing. Raises a `WeightsError` for other files."""
    files = _files(folders, TAESD[name])
    if files is None:
        return None
    encoder, decoder = (NetworkRef(path, folders.digest(path), open_taesd(path)) for path in files)
    return TaesdRef(encoder, decoder, TAESD[name].family)


def find_previewer(folders: Folders, config: ModelConfig) -> NetworkRef | None:
    """The tiny decoder for the latents of a model, if it is there. Latents are alike where their scale is."""
    for names in TAESD.values():
        if names.family.scale_factor == config.scale_factor and names.family.vae.embed_dim == config.vae.embed_dim:
            path = _file(folders, names.decoder)
            return None if path is None else NetworkRef(path, folders.digest(path), open_taesd(path))
    return None


def _files(folders: Folders, names: TaesdNames) -> tuple[Path, Path] | None:
    encoder, decoder = _file(folders, names.encoder), _file(folders, names.decoder)
    return None if encoder is None or decoder is None else (encoder, decoder)


def _file(folders: Folders, stem: str) -> Path | None:
    return folders.find(FOLDER, stem + SUFFIX)
