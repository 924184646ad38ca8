"""Which model a file holds, by table: a few tensors whose shapes tell the families apart.

A configuration in the file's metadata comes first. A family is a row; adding one is adding a row. What the shapes
cannot tell (noise or velocity prediction) is told by marker tensors or, for SD 2.x, by the spread of one bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nodes.diffusion.config import (
    SD15,
    SD15_INPAINT,
    SD15_IP2P,
    SD20,
    SD20_INPAINT,
    SD21_V,
    SDXL,
    SDXL_REFINER,
    ModelConfig,
)
from nodes.weights.errors import WeightsUnknownFamily
from nodes.weights.files import Header, read_tensors
from nodes.weights.metadata import read_config

_UNET = "model.diffusion_model."
_FIRST_CONV = f"{_UNET}input_blocks.0.0.weight"
_LABEL = f"{_UNET}label_emb.0.0.weight"
_CROSS_ATTENTION = "transformer_blocks.0.attn2.to_k.weight"
_V_WITNESS = f"{_UNET}output_blocks.11.1.transformer_blocks.0.norm1.bias"
_V_SPREAD = 0.09  # SD 2.x trained for velocity has a wider bias there than SD 2.x trained for noise


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells U-Nets apart: channels in, base width, width of the context, width of the label (0: none)."""

    in_channels: int
    model_channels: int
    context_dim: int
    adm_in_channels: int


FAMILIES: Sequence[ModelConfig] = (SD15, SD15_INPAINT, SD15_IP2P, SD20, SD20_INPAINT, SDXL, SDXL_REFINER)


def detect(header: Header) -> ModelConfig:
    """The configuration of the model in a file.

    Raises `WeightsUnknownFamily` naming what was seen, `WeightsConfig` for unusable metadata.
    """
    carried = read_config(header.metadata, header.path.name)
    if carried is not None:
        return carried
    seen = _fingerprint(header)
    for family in FAMILIES:
        if seen == fingerprint_of(family):
            return _with_prediction(family, header)
    raise WeightsUnknownFamily(
        f"{header.path.name} is no model that is known here: {_seen(header, seen)}",
        hint="Stable Diffusion 1.x, 2.x and SDXL checkpoints are known, as single .safetensors files with LDM names.",
    )


def fingerprint_of(config: ModelConfig) -> Fingerprint:
    """The fingerprint that files of this configuration have."""
    unet = config.unet
    return Fingerprint(unet.in_channels, unet.model_channels, unet.context_dim, unet.adm_in_channels or 0)


def _fingerprint(header: Header) -> Fingerprint | None:
    first = header.tensors.get(_FIRST_CONV)
    if first is None or len(first.shape) != 4:
        return None
    contexts = [
        entry.shape[1]
        for name, entry in header.tensors.items()
        if name.startswith(_UNET) and name.endswith(_CROSS_ATTENTION) and len(entry.shape) == 2
    ]
    label = header.tensors.get(_LABEL)
    label_width = label.shape[1] if label is not None and len(label.shape) == 2 else 0
    return Fingerprint(first.shape[1], first.shape[0], contexts[0] if contexts else 0, label_width)


def _with_prediction(family: ModelConfig, header: Header) -> ModelConfig:
    if "v_pred" in header.tensors:
        schedule = replace(family.schedule, prediction="v", zero_terminal_snr="ztsnr" in header.tensors)
        return replace(family, schedule=schedule)
    if family is SD20 and _V_WITNESS in header.tensors:
        witness = read_tensors(header, [_V_WITNESS])[_V_WITNESS].float()
        return SD21_V if float(witness.std()) > _V_SPREAD else SD20
    return family


def _seen(header: Header, seen: Fingerprint | None) -> str:
    if seen is not None:
        return (
            f"its U-Net takes {seen.in_channels} channels, is {seen.model_channels} wide, has a context of "
            f"{seen.context_dim} and a label of {seen.adm_in_channels}"
        )
    prefixes = sorted({name.split(".", 1)[0] for name in header.tensors})
    shown = ", ".join(prefixes[:6]) or "nothing"
    return f"it has {len(header.tensors)} tensors, under {shown}"
