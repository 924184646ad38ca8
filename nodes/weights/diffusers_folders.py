"""Folders as the diffusers library saves pipelines: an index, and each part of the model in a folder of its own.

This module reads no weights and imports no torch: the service, too, asks what is in such a folder.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

INDEX: Final = "model_index.json"
_SCHEDULER: Final = "scheduler/scheduler_config.json"
_WEIGHTS: Final[Mapping[str, str]] = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
    "text_encoder_2": "model",
}
_SHARDED: Final = re.compile(r"\.(safetensors|bin)\.index(\.\w+)?\.json$")
_PICKLED: Final = ".bin"
_ENDINGS: Final = (
    ".safetensors",
    ".safetensors.index.json",
    *(f"{variant}{ending}" for variant in (".fp16", ".bf16") for ending in (".safetensors", ".safetensors.index.json")),
    *(f".safetensors.index{variant}.json" for variant in (".fp16", ".bf16")),
    ".bin",
    ".bin.index.json",
    *(f"{variant}.bin" for variant in (".fp16", ".bf16")),
    *(f".bin.index{variant}.json" for variant in (".fp16", ".bf16")),
)
"""In the order in which one is chosen. Pickles are refused with a hint when they are opened."""


@dataclass(frozen=True, slots=True)
class Scheduler:
    """What a pipeline says of its noise schedule, None where it says nothing."""

    prediction_type: str | None = None
    zero_terminal_snr: bool | None = None


def part_file(index: Path, part: str) -> Path | None:
    """The weights of a part (`unet`, `vae`, `text_encoder`, `text_encoder_2`) beside an index, None without any."""
    stem = index.parent / part / _WEIGHTS[part]
    files = (stem.with_name(stem.name + ending) for ending in _ENDINGS)
    return next((file for file in files if os.path.isfile(file)), None)


def is_sharded(path: Path) -> bool:
    """Whether a file is, by its name, an index of weights that lie in several."""
    return _SHARDED.search(path.name) is not None


def shards(index: Path) -> dict[str, str]:
    """Names of tensors to the names of files beside the index: what was made of pickles stands for them.

    Raises OSError, and ValueError where it makes no sense.
    """
    document = json.loads(index.read_bytes())
    found = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        raise ValueError("it has no weight_map of names to names")
    if any(os.path.basename(name) != name or name in ("", ".", "..") or "\\" in name for name in found.values()):
        raise ValueError("it names files that do not lie beside it")
    converted = {name: _converted(index, name) for name in set(found.values())}
    return {tensor: converted[name] for tensor, name in found.items()}


def _converted(index: Path, name: str) -> str:
    """The file that was made of a pickle beside it, if it is there."""
    safe = name.removesuffix(_PICKLED) + ".safetensors"
    return safe if name.endswith(_PICKLED) and os.path.isfile(index.with_name(safe)) else name


def pickled(weight_map: Mapping[str, str]) -> list[str]:
    """The pickles among the files of an index."""
    return sorted({name for name in weight_map.values() if name.endswith(_PICKLED)})


def files_of(path: Path) -> Iterator[Path]:
    """The file, and for an index the files of weights that it names and that are there."""
    yield path
    if not is_sharded(path):
        return
    try:
        named = sorted(set(shards(path).values()))
    except (OSError, ValueError):  # for the loader to tell
        return
    yield from (path.with_name(name) for name in named if os.path.isfile(path.with_name(name)))


def pipeline_files(index: Path) -> Iterator[Path]:
    """Every file that is read of a pipeline, the index first."""
    yield index
    for part in _WEIGHTS:
        file = part_file(index, part)
        if file is not None:
            yield from files_of(file)
    if os.path.isfile(index.parent / _SCHEDULER):
        yield index.parent / _SCHEDULER


def read_scheduler(index: Path) -> Scheduler:
    """What the pipeline says of its schedule; nothing if the file is not there or makes no sense."""
    try:
        data = json.loads((index.parent / _SCHEDULER).read_text("utf-8"))
        prediction, zero = data.get("prediction_type"), data.get("rescale_betas_zero_snr")
    except (OSError, ValueError, AttributeError):
        return Scheduler()
    return Scheduler(prediction if isinstance(prediction, str) else None, zero if isinstance(zero, bool) else None)
