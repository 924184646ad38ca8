"""The `config` entry of a file's metadata: a `ModelConfig` as JSON, written by our training and read by our loader.

A file that carries one needs no guessing from shapes. Sections are named as in LDM configuration files, their fields as
in `nodes/diffusion/config.py`; LDM's `attention_resolutions` (the downsampling factors that have attention) may stand
for a depth at each level. A field the file does not name keeps the value of Stable Diffusion 1.5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, Literal, TypeVar, cast, get_args

from graph.errors import InputError
from graph.json import Json, JsonObject, loads
from nodes.diffusion.config import (
    Betas,
    ContinuousNoise,
    Label,
    ModelConfig,
    Prediction,
    Rgb,
    SamplerDefaults,
    ScheduleConfig,
    TextConfig,
    UNetConfig,
    VaeConfig,
)
from nodes.weights.errors import WeightsConfig

Section = TypeVar("Section", UNetConfig, VaeConfig, TextConfig, SamplerDefaults)

_TRAINED_AS: Mapping[Prediction, str] = {"eps": "epsilon", "v": "v_prediction"}
"""Predictions by the words of LDM's and diffusers' programs; others have but the one name."""
_PREDICTIONS: Mapping[str, Prediction] = {
    **{name: name for name in get_args(Prediction)},
    **{word: name for name, word in _TRAINED_AS.items()},
}
_TOLD_AS: Mapping[str, Literal["log", "angle"]] = {"log": "log", "angle": "angle"}
_BETAS: Mapping[str, Betas] = {name: name for name in get_args(Betas)}
_LABELS: Mapping[str, Label] = {name: name for name in get_args(Label)}


def read_config(metadata: Mapping[str, str], file_name: str) -> ModelConfig | None:
    """The configuration a file carries, None if it carries none. Raises `WeightsConfig` if it makes no sense."""
    text = metadata.get("config")
    if text is None:
        return None
    family = metadata.get("modelspec.architecture", "from metadata")
    try:
        return _model(family, _object(loads(text, source="the configuration")))
    except InputError as error:
        reason = error.problems[0].message
    except KeyError as error:
        reason = f"{error.args[0]!r} is missing or has no known value"
    except (TypeError, ValueError) as error:
        reason = str(error)
    raise WeightsConfig(
        f"{file_name}: the configuration in its metadata cannot be used: {reason}",
        hint="Without the `config` entry the family is detected from the tensors.",
    )


def write_config(config: ModelConfig) -> str:
    """The JSON text that `read_config` turns back into this configuration."""
    schedule = config.schedule
    document = {
        "family": config.family,
        "unet": asdict(config.unet),
        "vae": asdict(config.vae),
        "text": [asdict(tower) for tower in config.text],
        "prediction_type": _TRAINED_AS.get(schedule.prediction, schedule.prediction),
        "betas": {
            "schedule": schedule.betas,
            "beta_start": schedule.beta_start,
            "beta_end": schedule.beta_end,
            "num_train_timesteps": schedule.timesteps,
            "zero_terminal_snr": schedule.zero_terminal_snr,
            "continuous": None if schedule.continuous is None else asdict(schedule.continuous),
        },
        "scale_factor": config.scale_factor,
        "native_size": config.native_size,
        "size_multiple": config.size_multiple,
        "preview_rgb": config.preview_rgb,
        "defaults": asdict(config.defaults),
        "label": config.label,
    }
    return json.dumps(document)


def _model(family: str, config: JsonObject) -> ModelConfig:
    text = config["text"]
    towers = text if isinstance(text, list) else [text]
    width, height = _numbers(config.get("native_size", [512, 512]))
    return ModelConfig(
        family=str(config.get("family", family)),
        unet=_section(UNetConfig, _with_depths(_object(config["unet"]))),
        vae=_section(VaeConfig, _object(config["vae"])),
        text=tuple(_section(TextConfig, _object(tower)) for tower in towers),
        schedule=_schedule(config),
        scale_factor=_number(config.get("scale_factor", 0.18215)),
        native_size=(int(width), int(height)),
        size_multiple=int(_number(config.get("size_multiple", 8))),
        preview_rgb=_preview(config.get("preview_rgb")),
        defaults=_section(SamplerDefaults, _object(config.get("defaults", {}))),
        label=_LABELS[str(config.get("label", "prompt"))],
    )


def _section(kind: type[Section], values: JsonObject) -> Section:
    """The fields that the JSON object names, each checked against the type of its default."""
    defaults = kind()
    named = [one.name for one in fields(kind) if one.name in values]
    return replace(defaults, **{name: _field(name, values[name], getattr(defaults, name)) for name in named})


def _field(name: str, value: Json, default: object) -> Any:
    if default is None or value is None:
        fits = value is None or type(value) is int
    elif isinstance(default, tuple):
        fits = isinstance(value, list) and all(type(item) in (int, bool) for item in value)
    elif isinstance(default, float):
        fits = type(value) in (int, float)
    else:
        fits = type(value) is type(default)
    if not fits:
        raise TypeError(f"{name} cannot be {value!r}")
    return tuple(value) if isinstance(value, list) else value


def _with_depths(unet: JsonObject) -> JsonObject:
    """LDM's one depth for all levels that `attention_resolutions` names, as a depth for each level."""
    depth = unet.get("transformer_depth", 1)
    if isinstance(depth, list):
        return unet
    factors = _numbers(unet["attention_resolutions"])
    levels = len(_numbers(unet["channel_mult"]))
    depths: list[Json] = [depth if 2**level in factors else 0 for level in range(levels)]
    return {**unet, "transformer_depth": depths, "middle_depth": depth}


def _schedule(config: JsonObject) -> ScheduleConfig:
    betas = _object(config.get("betas", {}))
    return ScheduleConfig(
        betas=_BETAS[str(betas.get("schedule", "scaled_linear"))],
        beta_start=_number(betas.get("beta_start", 0.00085)),
        beta_end=_number(betas.get("beta_end", 0.012)),
        timesteps=int(_number(betas.get("num_train_timesteps", 1000))),
        prediction=_PREDICTIONS[str(config.get("prediction_type", "epsilon"))],
        zero_terminal_snr=betas.get("zero_terminal_snr") is True,
        continuous=_continuous(betas.get("continuous")),
    )


def _continuous(value: Json) -> ContinuousNoise | None:
    if value is None:
        return None
    noise = _object(value)
    told_as = _TOLD_AS[str(noise.get("told_as", "log"))]
    return ContinuousNoise(_number(noise["sigma_min"]), _number(noise["sigma_max"]), told_as)


def _preview(value: Json) -> tuple[Rgb, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise TypeError(f"preview_rgb cannot be {value!r}")
    rows = [_numbers(row) for row in value]
    if any(len(row) != 3 for row in rows):
        raise ValueError("preview_rgb needs three numbers for each latent channel")
    return tuple((red, green, blue) for red, green, blue in rows)


def _object(value: Json) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError(f"an object is expected where {value!r} stands")
    return value


def _number(value: Json) -> float:
    if type(value) not in (int, float):
        raise TypeError(f"a number is expected where {value!r} stands")
    return float(cast("float", value))


def _numbers(value: Json) -> list[float]:
    if not isinstance(value, list):
        raise TypeError(f"a list of numbers is expected where {value!r} stands")
    return [_number(item) for item in value]
