"""Which models run here, as tables of the page on coverage: every family that is told by its file, the precisions and
forms of files, and the ways of sampling that people know models by.

The rows of families are those of detection; tests load each of them in each form and precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from nodes.diffusion.config import ModelConfig
from nodes.weights.detect import FAMILIES, fingerprint_of

NAMES: Final[Mapping[str, str]] = {
    "sd15": "Stable Diffusion 1.x",
    "sd15_inpaint": "SD 1.x inpainting",
    "sd15_ip2p": "InstructPix2Pix",
    "sd20": "Stable Diffusion 2.x (eps; v: `sd21_v`)",
    "sd20_inpaint": "SD 2.x inpainting",
    "sd21_unclip_l": "SD 2.1 unCLIP, ViT-L",
    "sd21_unclip_h": "SD 2.1 unCLIP, ViT-H",
    "sd_x4_upscaler": "SD x4 upscaler",
    "sdxl": "Stable Diffusion XL",
    "sdxl_inpaint": "SDXL inpainting",
    "sdxl_ip2p": "SDXL InstructPix2Pix, CosXL Edit",
    "sdxl_refiner": "SDXL refiner",
}
"""What people call the families."""

FORMS: Final = ("single file", "diffusers folder", "parts in files of their own")
STORAGE: Final = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
"""Precisions in which weights may be stored, by their names in safetensors files."""


@dataclass(frozen=True, slots=True)
class Style:
    """A way of sampling that a kind of model is known for: how it is told or chosen, and the nodes that do it."""

    name: str
    how: str
    nodes: tuple[str, ...]


STYLES: Final = (
    Style("noise (eps)", "the default", ("KSampler",)),
    Style(
        "velocity (v)",
        "the tensor `v_pred`, a scheduler_config.json, for SD 2.x the spread of a bias; or chosen",
        ("ModelSamplingDiscrete", "CheckpointLoader"),
    ),
    Style(
        "zero-terminal SNR",
        "the tensor `ztsnr`, a scheduler_config.json; or chosen",
        ("ModelSamplingDiscrete", "RescaleCFG"),
    ),
    Style(
        "continuous noise (CosXL, EDM)",
        "the tensors `edm_vpred.sigma_max` and `_min`; or chosen",
        ("ModelSamplingContinuousEDM", "ModelSamplingContinuousV"),
    ),
    Style("LCM", "sampler `lcm`, scheduler `sgm_uniform`, cfg 1 to 2", ("ModelSamplingDiscrete", "KSampler")),
    Style("Turbo", "1 to 4 steps of its own noise levels, cfg 1", ("SDTurboScheduler", "SamplerCustom")),
    Style(
        "Lightning", "sampler `euler`, scheduler `sgm_uniform`, as many steps as the file says, cfg 1", ("KSampler",)
    ),
    Style("Hyper", "sampler `ddim` or `lcm`, scheduler `sgm_uniform`, cfg 1", ("KSampler", "ManualSigmas")),
    Style("unCLIP", "guided by pictures", ("unCLIPCheckpointLoader", "unCLIPConditioning")),
    Style("inpainting", "shown the picture and the mask", ("InpaintModelConditioning",)),
    Style("editing by instruction", "shown the picture", ("InstructPixToPixConditioning", "DualCFGGuider")),
)


def model_lines() -> list[str]:
    """The sections on models."""
    return [
        "## Model by model",
        "",
        f"Each is told by its tensors and runs from {', '.join(FORMS[:-1])} and {FORMS[-1]}; weights may be stored as",
        f"{', '.join(f'`{one}`' for one in STORAGE)}. Unknown models are named, not guessed at.",
        "",
        "| model | family | predicts | U-Net takes | width | context | label | text towers | size |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(_row, FAMILIES),
        "",
        "| way of sampling | how it is told or chosen | nodes |",
        "|---|---|---|",
        *(f"| {one.name} | {one.how} | {', '.join(f'`{name}`' for name in one.nodes)} |" for one in STYLES),
        "",
    ]


def _row(config: ModelConfig) -> str:
    seen = fingerprint_of(config)
    width, height = config.native_size
    cells = (
        NAMES[config.family],
        f"`{config.family}`",
        config.schedule.prediction,
        f"{seen.in_channels} channels",
        str(seen.model_channels),
        str(seen.context_dim),
        " ".join(_label(config)) or "-",
        " + ".join(str(tower.hidden_size) for tower in config.text),
        f"{width}x{height}",
    )
    return f"| {' | '.join(cells)} |"


def _label(config: ModelConfig) -> Iterator[str]:
    if config.unet.num_classes is not None:
        yield f"{config.unet.num_classes} levels of noise"
    elif config.unet.adm_in_channels is not None:
        yield str(config.unet.adm_in_channels)
