"""Where each part goes in a checkpoint that is saved, and under which names: those of the family's first release.

The inverse of reading: a layout says from which stored tensor a parameter comes; here the stored tensor is put together
from the parameters that come from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import torch
from torch import Tensor

from nodes.diffusion.config import ModelConfig, ScheduleConfig
from nodes.weights.files import DTYPES
from nodes.weights.keymaps import Part, Place, Source, openclip_names, same_names
from nodes.weights.load import StoredPart
from nodes.weights.patched import PatchedPart
from nodes.weights.writing import Planned, planned

ARCHITECTURES: Final[Mapping[str, str]] = {
    "sd15": "stable-diffusion-v1",
    "sd15_inpaint": "stable-diffusion-v1-inpainting",
    "sd15_ip2p": "stable-diffusion-v1-edit",
    "sd20": "stable-diffusion-v2-512",
    "sd20_inpaint": "stable-diffusion-v2-inpainting",
    "sd21_v": "stable-diffusion-v2-768-v",
    "sd21_unclip_l": "stable-diffusion-v2-unclip-l",
    "sd21_unclip_h": "stable-diffusion-v2-unclip-h",
    "sd_x4_upscaler": "stable-diffusion-v2-x4-upscaler",
    "sdxl": "stable-diffusion-xl-v1-base",
    "sdxl_inpaint": "stable-diffusion-xl-v1-inpainting",
    "sdxl_ip2p": "stable-diffusion-xl-v1-edit",
    "sdxl_refiner": "stable-diffusion-xl-v1-refiner",
}
"""What the metadata of model files (ModelSpec, Stability AI, 2023) calls each family."""

BASE_VERSIONS: Final[Mapping[str, str]] = {
    "sd15": "sd_v1",
    "sd15_inpaint": "sd_v1",
    "sd15_ip2p": "sd_v1",
    "sd20": "sd_v2",
    "sd20_inpaint": "sd_v2",
    "sd21_v": "sd_v2_v",
    "sdxl": "sdxl_base_v1-0",
    "sdxl_refiner": "sdxl_base_v1-0_refiner",
}
"""What kohya's training programs call the families in the metadata of adapters."""

_SAVED_AS: Final[Mapping[torch.dtype, torch.dtype]] = {
    torch.float64: torch.float32,
    torch.float8_e4m3fn: torch.float16,
    torch.float8_e5m2: torch.float16,
}


def checkpoint_place(part: Part, config: ModelConfig) -> Place:
    """Where a part is in a checkpoint of this family."""
    if part is Part.UNET:
        return Place("model.diffusion_model.", same_names)
    if part is Part.VAE:
        return Place("first_stage_model.", same_names)
    index = 0 if part is Part.TEXT else 1
    tower = config.text[index]
    embedder = "cond_stage_model" if tower.norm_hidden else f"conditioner.embedders.{index}"
    if tower.hidden_act == "gelu":  # every tower of OpenCLIP, and none of OpenAI's
        return Place(f"{embedder}.model.", openclip_names)
    return Place(f"{embedder}.transformer.", same_names)


def part_plans(part: PatchedPart, place: Place, dtype: torch.dtype) -> Iterator[Planned]:
    """The tensors of a part at a place of a file."""
    by_key: defaultdict[str, list[tuple[str, Source]]] = defaultdict(list)
    for name in part.stored.sources:
        source = place.layout(name)[0]
        by_key[source.key].append((name, source))
    for key, sources in by_key.items():
        yield Planned(place.prefix + key, _shape(part, sources), dtype, _maker(part, sources))


def stored_dtype(stored: StoredPart) -> torch.dtype:
    """The precision in which most of a part is stored, or the nearest one that every program reads."""
    sizes: defaultdict[torch.dtype, int] = defaultdict(int)
    for source in stored.sources.values():
        entry = stored.file.header.tensors[stored.place.prefix + source.key]
        sizes[DTYPES[entry.dtype]] += entry.end - entry.begin
    dtype = max(sizes, key=lambda one: sizes[one])
    return _SAVED_AS.get(dtype, dtype)


def schedule_markers(schedule: ScheduleConfig) -> list[Planned]:
    """Tensors by which programs know what a model predicts where its shapes do not tell."""
    if schedule.prediction != "v":
        return []
    if schedule.continuous is not None:
        bounds = {"sigma_min": schedule.continuous.sigma_min, "sigma_max": schedule.continuous.sigma_max}
        return [planned(f"edm_vpred.{name}", torch.tensor(bound)) for name, bound in bounds.items()]
    marks = ["v_pred", *(["ztsnr"] if schedule.zero_terminal_snr else [])]
    return [planned(mark, torch.empty(0)) for mark in marks]


def _shape(part: PatchedPart, sources: list[tuple[str, Source]]) -> tuple[int, ...]:
    (name, source), *others = sources
    shape = tuple(part.module.get_parameter(name).shape)
    if source.third is not None:
        return ((1 + len(others)) * shape[0], *shape[1:])
    return shape[::-1] if source.transpose else shape


def _maker(part: PatchedPart, sources: list[tuple[str, Source]]) -> Callable[[], Tensor]:
    """Puts a stored tensor together from the parameters that are read from it."""
    in_order = sorted(sources, key=lambda pair: pair[1].third or 0)

    def make() -> Tensor:
        whole = torch.cat([part.parameter(name) for name, _ in in_order])
        return whole.t() if in_order[0][1].transpose else whole

    return make
