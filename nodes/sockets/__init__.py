"""The values on wires: what each socket carries (`tensors.py`, `handles.py`), and how the engine keeps and shows it
(`table.py`, `encoding.py`)."""

from __future__ import annotations

from nodes.sockets.datasets import Dataset, LatentDataset, TokenizerTable
from nodes.sockets.handles import Clip, Conditioning, Guider, Model, Noise, Sampler, Vae
from nodes.sockets.networks import (
    ClipVision,
    ClipVisionOutput,
    ControlNet,
    Gligen,
    PhotoMaker,
    StyleModel,
    UpscaleModel,
)
from nodes.sockets.operations import LatentOperation
from nodes.sockets.table import VALUE_TYPES
from nodes.sockets.tensors import Image, Latent, Mask, ScaledLatent, Sigmas
from nodes.sockets.training import LoraModel, LossMap

__all__ = [
    "VALUE_TYPES",
    "Clip",
    "ClipVision",
    "ClipVisionOutput",
    "Conditioning",
    "ControlNet",
    "Gligen",
    "Dataset",
    "Guider",
    "Image",
    "Latent",
    "LatentDataset",
    "LatentOperation",
    "LoraModel",
    "LossMap",
    "Mask",
    "Model",
    "Noise",
    "PhotoMaker",
    "Sampler",
    "ScaledLatent",
    "Sigmas",
    "StyleModel",
    "TokenizerTable",
    "UpscaleModel",
    "Vae",
]
