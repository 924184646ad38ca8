"""Whole models of every family, small enough for a test, in the layout that the family's files have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from safetensors.torch import save_file
from torch import Tensor

from nodes.diffusion.config import ModelConfig
from nodes.weights.metadata import write_config
from tests.nodes.checkpoints import openclip_tensors
from tests.nodes.tiny import (
    MODEL,
    MODEL_V,
    TEXT,
    TEXT_PROJECTED,
    UNET,
    UNET_LINEAR,
    tiny_text_encoder,
    tiny_unet,
    tiny_vae,
)

_SIZES: Final = 6 * 256
_REFINER_SIZES: Final = 5 * 256
_POOLED: Final = 16

_SD2 = replace(MODEL, unet=UNET_LINEAR, text=(replace(TEXT_PROJECTED, norm_hidden=True),))
_SDXL = replace(
    MODEL,
    unet=replace(UNET_LINEAR, transformer_depth=(0, 2), context_dim=48, adm_in_channels=_POOLED + _SIZES),
    text=(replace(TEXT, layer=-2, norm_hidden=False), TEXT_PROJECTED),
    scale_factor=0.13025,
)

FAMILIES: Final[Mapping[str, ModelConfig]] = {
    "sd15": MODEL,
    "sd15_inpaint": replace(MODEL, unet=replace(UNET, in_channels=9)),
    "sd20": _SD2,
    "sd20_inpaint": replace(_SD2, unet=replace(UNET_LINEAR, in_channels=9)),
    "sd21_v": replace(_SD2, schedule=MODEL_V.schedule),
    "sdxl": _SDXL,
    "sdxl_refiner": replace(
        _SDXL,
        unet=replace(_SDXL.unet, context_dim=24, adm_in_channels=_POOLED + _REFINER_SIZES),
        text=(TEXT_PROJECTED,),
    ),
}


def family_tensors(family: str) -> dict[str, Tensor]:
    """Every tensor of a family's checkpoint under its usual name."""
    config = FAMILIES[family]
    towers = [tiny_text_encoder(one, 3 + index) for index, one in enumerate(config.text)]
    match family:
        case "sdxl":
            text = {
                "conditioner.embedders.0.transformer.": towers[0].state_dict(),
                "conditioner.embedders.1.model.": openclip_tensors(towers[1]),
            }
        case "sdxl_refiner":
            text = {"conditioner.embedders.0.model.": openclip_tensors(towers[0])}
        case "sd20" | "sd20_inpaint" | "sd21_v":
            text = {"cond_stage_model.model.": openclip_tensors(towers[0])}
        case _:
            text = {"cond_stage_model.transformer.": towers[0].state_dict()}
    parts = {
        "model.diffusion_model.": tiny_unet(config.unet).state_dict(),
        "first_stage_model.": tiny_vae(config.vae).state_dict(),
        **text,
    }
    return {prefix + name: one for prefix, tensors in parts.items() for name, one in tensors.items()}


def write_family(path: Path, family: str) -> Path:
    """A checkpoint of a family."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"config": write_config(replace(FAMILIES[family], family=family))}
    save_file({name: one.contiguous() for name, one in family_tensors(family).items()}, path, metadata)
    return path
