"""Latents from files and to files, in ComfyUI's `.latent` form: safetensors with one tensor `latent_tensor`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import torch
from safetensors.torch import save

from graph.context import Context
from graph.declare import FileIn, node
from graph.result import Report
from nodes.builtin.ranges import CELL
from nodes.errors import UnsuitableInput
from nodes.folders import FolderError, Folders
from nodes.saving import Numbered, Prefix, fill_prefix
from nodes.sockets import Latent
from nodes.weights.files import read_header, read_tensors

_TENSOR = "latent_tensor"
_VERSION = "latent_format_version_0"
_SCALE_BEFORE_VERSIONS = 0.18215


@node("SaveLatent", category="_for_testing", saves="output", lane="io")
def save_latent(*, samples: Latent, filename_prefix: Prefix = "latents/ComfyUI", context: Context) -> Report:
    """Save a latent into the output folder, with the workflow inside."""
    height, width = (CELL * side for side in samples.samples.shape[2:])
    stem = fill_prefix(filename_prefix, width=width, height=height, now=datetime.now())
    texts = dict(context.metadata)
    data = save({_TENSOR: samples.samples.contiguous(), _VERSION: torch.tensor([])}, texts or None)
    series = Numbered(context.service(Folders), "output", stem, ".latent")
    return Report(files=(series.save(data),))


@node("LoadLatent", category="_for_testing", returns="LATENT", lane="io")
def load_latent(*, latent: Annotated[str, FileIn("latents")], context: Context) -> Latent:
    """A latent from a file in the input folder."""
    path = context.service(Folders).find("latents", latent)
    if path is None:
        raise FolderError(f"there is no latent {latent!r} in the input folder", code="file_not_found")
    header = read_header(path)
    if _TENSOR not in header.tensors:
        raise UnsuitableInput(f"{latent} holds no latent", hint="Use a .latent file that Save Latent wrote.")
    samples = read_tensors(header, [_TENSOR])[_TENSOR].float()
    if samples.ndim != 4:
        raise UnsuitableInput(f"{latent} holds a tensor of shape {list(samples.shape)}, which is no latent of pictures")
    return Latent(samples if _VERSION in header.tensors else samples / _SCALE_BEFORE_VERSIONS)
