"""Which model a file holds, by table: a few tensors whose shapes tell the families apart.

A configuration in the file's metadata comes first. A family is a row; adding one is adding a row. What the shapes
cannot tell (noise or velocity prediction) is told by marker tensors or, for SD 2.x, by the spread of one bias.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nodes.diffusion.config import (
    SD15,
    SD15_INPAINT,
    SD15_IP2P,
    SD20,
    SD20_INPAINT,
    SD21_UNCLIP_H,
    SD21_UNCLIP_L,
    SD21_V,
    SD_X4_UPSCALER,
    SDXL,
    SDXL_INPAINT,
    SDXL_IP2P,
    SDXL_REFINER,
    ContinuousNoise,
    ModelConfig,
    ScheduleConfig,
)
from nodes.weights.errors import WeightsUnknownFamily
from nodes.weights.files import Header, read_tensors
from nodes.weights.keymaps import Part
from nodes.weights.metadata import read_config

_CROSS_ATTENTION = "transformer_blocks.0.attn2.to_k.weight"
_V_SPREAD = 0.09  # SD 2.x trained for velocity has a wider bias there than SD 2.x trained for noise


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to name the layers that tell U-Nets apart: the first convolution, and the label's first layer, which has one
    of several names. `witness` is a bias that tells SD 2.x for velocity."""

    prefix: str
    first_conv: str
    labels: tuple[str, ...]
    witness: str


_LDM = (
    "input_blocks.0.0.weight",
    ("label_emb.0.0.weight",),
    "output_blocks.11.1.transformer_blocks.0.norm1.bias",
)
_DIFFUSERS = (
    "conv_in.weight",
    ("add_embedding.linear_1.weight", "class_embedding.linear_1.weight"),
    "up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias",
)
DIALECTS: Sequence[Dialect] = (
    Dialect("model.diffusion_model.", *_LDM),
    Dialect("diffusion_model.", *_LDM),
    Dialect("", *_LDM),
    Dialect("", *_DIFFUSERS),
)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells U-Nets apart: channels in, base width, width of the context, width of the label (0: none)."""

    in_channels: int
    model_channels: int
    context_dim: int
    adm_in_channels: int


FAMILIES: Sequence[ModelConfig] = (
    SD15, SD15_INPAINT, SD15_IP2P, SD20, SD20_INPAINT, SD21_UNCLIP_L, SD21_UNCLIP_H, SD_X4_UPSCALER,
    SDXL, SDXL_INPAINT, SDXL_IP2P, SDXL_REFINER,
)  # fmt: skip


def detect(header: Header) -> ModelConfig:
    """The configuration of the model in a file.

    Raises `WeightsUnknownFamily` naming what was seen, `WeightsConfig` for unusable metadata.
    """
    carried = read_config(header.metadata, header.path.name)
    if carried is not None:
        return carried
    dialect = next((one for one in DIALECTS if one.prefix + one.first_conv in header.tensors), DIALECTS[0])
    seen = _fingerprint(header, dialect)
    alike = next((model for key, model in _ALIKE.items() if key in header.tensors), None)
    if alike is not None:
        raise WeightsUnknownFamily(f"{header.path.name} is a {alike} model", hint=_KNOWN)
    for family in FAMILIES:
        if seen == fingerprint_of(family):
            return _with_prediction(family, header, dialect)
    other = next((family for part, family in _OTHER_MODELS if any(part in name for name in header.tensors)), None)
    if other is not None:
        raise WeightsUnknownFamily(f"{header.path.name} is a {other} model", hint=_KNOWN)
    raise WeightsUnknownFamily(
        f"{header.path.name} is no model that is known here: {_seen(header, seen)}",
        hint="Stable Diffusion 1.x, 2.x and SDXL checkpoints are known, as single .safetensors files with LDM names.",
    )


# Models of the shapes of those that are known, which work in other ways: by the one tensor that only they have.
_ALIKE: Mapping[str, str] = {"edm_mean": "Playground 2.5", "cc_projection.weight": "Stable Zero123"}
_KNOWN = "latentgraph runs Stable Diffusion 1.x, 2.x and XL."
# Layers that only these have; the more particular first.
_OTHER_MODELS: Sequence[tuple[str, str]] = (
    ("noise_refiner.", "Lumina 2"),
    ("joint_blocks.", "Stable Diffusion 3"),
    ("distilled_guidance_layer.", "Chroma"),
    ("individual_token_refiner.", "Hunyuan Video"),
    ("double_blocks.", "Flux"),
    ("single_transformer_blocks.", "Flux"),
    ("double_layers.", "AuraFlow"),
    ("double_stream_blocks.", "HiDream"),
    ("patchify_proj.", "LTX-Video"),
    ("adaln_single.", "PixArt"),
    ("img_mod.", "Qwen-Image"),
    ("clip_txt_mapper.", "Stable Cascade"),
    ("effnet_mapper.", "Stable Cascade"),
    ("time_stack.", "Stable Video Diffusion"),
    ("head.modulation", "Wan"),
)


def detect_part(header: Header, part: Part) -> ModelConfig:
    """The configuration of the model that one part in a file belongs to, as far as the part tells.

    Raises as `detect` does, where the part is a U-Net; `WeightsUnknownFamily` for an unknown text encoder.
    """
    carried = read_config(header.metadata, header.path.name)
    if carried is not None or part is Part.UNET:
        return detect(header)
    if part is Part.VAE:
        return replace(SD15, family="Stable Diffusion")
    for prefix, suffix in _TOKEN_TABLES:
        table = header.tensors.get(prefix + suffix)
        if table is not None and len(table.shape) == 2 and table.shape[1] in _TOWERS:
            return _of_tower(_TOWERS[table.shape[1]], header)
    raise WeightsUnknownFamily(
        f"{header.path.name} is no text encoder that is known here: {_seen(header, None)}",
        hint="The text encoders of Stable Diffusion 1.x, 2.x and SDXL are known, as .safetensors files.",
    )


_TOKEN_TABLES: Sequence[tuple[str, str]] = (
    ("", "text_model.embeddings.token_embedding.weight"),
    ("", "token_embedding.weight"),
    ("cond_stage_model.transformer.", "text_model.embeddings.token_embedding.weight"),
    ("cond_stage_model.model.", "token_embedding.weight"),
)
_TOWERS: Mapping[int, ModelConfig] = {
    768: SD15,
    1024: SD20,
    1280: SDXL_REFINER,
}
"""Width of a text tower, to a family that has it alone."""
_LAYER = re.compile(r"(?:layers|resblocks)\.(\d+)\.")


def _of_tower(family: ModelConfig, header: Header) -> ModelConfig:
    """The family, its tower as deep as the file has it: diffusers leaves out a last layer that is not used."""
    depth = 1 + max((int(match[1]) for name in header.tensors if (match := _LAYER.search(name))), default=0)
    (tower,) = family.text
    if depth == tower.num_hidden_layers - 1 and tower.layer == -2:
        tower = replace(tower, num_hidden_layers=depth, layer=-1, projection_dim=None)
    return replace(family, text=(tower,))


def fingerprint_of(config: ModelConfig) -> Fingerprint:
    """The fingerprint that files of this configuration have."""
    unet = config.unet
    return Fingerprint(unet.in_channels, unet.model_channels, unet.context_dim, unet.adm_in_channels or 0)


def _fingerprint(header: Header, dialect: Dialect) -> Fingerprint | None:
    first = header.tensors.get(dialect.prefix + dialect.first_conv)
    if first is None or len(first.shape) != 4:
        return None
    contexts = [
        entry.shape[1]
        for name, entry in header.tensors.items()
        if name.startswith(dialect.prefix) and name.endswith(_CROSS_ATTENTION) and len(entry.shape) == 2
    ]
    names = (dialect.prefix + label for label in dialect.labels)
    label = next((header.tensors[name] for name in names if name in header.tensors), None)
    label_width = label.shape[1] if label is not None and len(label.shape) == 2 else 0
    return Fingerprint(first.shape[1], first.shape[0], contexts[0] if contexts else 0, label_width)


def _with_prediction(family: ModelConfig, header: Header, dialect: Dialect) -> ModelConfig:
    witness_key = dialect.prefix + dialect.witness
    if header.tensors.keys() >= _EDM_MARKERS:
        return replace(family, schedule=_edm_schedule(family, header))
    if "v_pred" in header.tensors:
        schedule = replace(family.schedule, prediction="v", zero_terminal_snr="ztsnr" in header.tensors)
        return replace(family, schedule=schedule)
    if family is SD20 and witness_key in header.tensors:
        witness = read_tensors(header, [witness_key])[witness_key].float()
        return SD21_V if float(witness.std()) > _V_SPREAD else SD20
    return family


_EDM_MARKERS = frozenset({"edm_vpred.sigma_max", "edm_vpred.sigma_min"})


def _edm_schedule(family: ModelConfig, header: Header) -> ScheduleConfig:
    """Velocity over continuous noise, bounds as the file says (CosXL)."""
    bounds = read_tensors(header, sorted(_EDM_MARKERS))
    low, high = (float(bounds[f"edm_vpred.sigma_{end}"]) for end in ("min", "max"))
    return replace(family.schedule, prediction="v", continuous=ContinuousNoise(low, high))


def _seen(header: Header, seen: Fingerprint | None) -> str:
    if seen is not None:
        return (
            f"its U-Net takes {seen.in_channels} channels, is {seen.model_channels} wide, has a context of "
            f"{seen.context_dim} and a label of {seen.adm_in_channels}"
        )
    prefixes = sorted({name.split(".", 1)[0] for name in header.tensors})
    shown = ", ".join(prefixes[:6]) or "nothing"
    return f"it has {len(header.tensors)} tensors, under {shown}"
