"""Models, text encoders and guiders at rest: references to files, and everything that was laid over them.

Patches are frozen values of numbers, kept by the name of their class; those that hold prompts keep them beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from graph.json import Json, JsonObject
from graph.values import Encoded, RawTensor
from nodes.diffusion.attention_guidance import PerturbedAttention, SelfAttention
from nodes.diffusion.cfg_patches import (
    AdaptiveProjected,
    CfgNorm,
    CfgZeroStar,
    EpsilonScaling,
    FrequencyScaling,
    Mahiro,
    PerpendicularNegative,
    RescaleCfg,
    TangentialDamping,
)
from nodes.diffusion.config import ContinuousNoise, ScheduleConfig
from nodes.diffusion.deep_shrink import DeepShrink
from nodes.diffusion.differential import Differential
from nodes.diffusion.dual_guidance import ThirdAway, ThirdTowards
from nodes.diffusion.freeu import FreeU
from nodes.diffusion.hypertile import HyperTile
from nodes.diffusion.operation_patches import SharpenGuidance, TonemapGuidance
from nodes.diffusion.patching import Patch
from nodes.diffusion.token_merging import TokenMerging
from nodes.sockets.encoding import decode_conditioning, encode_conditioning, under
from nodes.sockets.handles import Clip, Conditioning, Guider, Model
from nodes.sockets.reference_encoding import (
    decode_adapter,
    decode_file,
    decode_weights,
    encode_adapter,
    encode_file,
    encode_weights,
    object_of,
)
from nodes.weights.hypernetworks import HypernetworkRef

_PATCHES: Final[Mapping[str, type[Any]]] = {
    kind.__name__: kind
    for kind in (
        AdaptiveProjected,
        CfgNorm,
        CfgZeroStar,
        DeepShrink,
        Differential,
        EpsilonScaling,
        FreeU,
        FrequencyScaling,
        HyperTile,
        Mahiro,
        PerturbedAttention,
        RescaleCfg,
        SelfAttention,
        SharpenGuidance,
        TangentialDamping,
        TokenMerging,
        TonemapGuidance,
    )
}
"""Patches made of numbers and names alone."""


def encode_model(model: Model) -> Encoded:
    patches = [_encode_patch(patch) for patch in model.patches]
    data: JsonObject = {
        "weights": encode_weights(model.weights),
        "adapters": [encode_adapter(one) for one in model.adapters],
        "patches": [patch.data for patch in patches],
        "schedule": None if model.schedule is None else asdict(model.schedule),
        "hypernetworks": [encode_file(one.path, one.digest, one.strength) for one in model.hypernetworks],
    }
    return Encoded(data, _numbered(patches))


def decode_model(encoded: Encoded) -> Model:
    data = object_of(encoded.data)
    schedule = data["schedule"]
    parts = (Encoded(patch, under(encoded, f"{index}.")) for index, patch in enumerate(data["patches"]))
    return Model(
        decode_weights(data["weights"]),
        tuple(map(decode_adapter, data["adapters"])),
        tuple(map(_decode_patch, parts)),
        None if schedule is None else _decode_schedule(schedule),
        tuple(HypernetworkRef(*decode_file(one)) for one in data["hypernetworks"]),
    )


def encode_clip(clip: Clip) -> Encoded:
    towers: list[Json] = [encode_weights(tower) for tower in clip.towers]
    adapters: list[Json] = [encode_adapter(one) for one in clip.adapters]
    return Encoded({"towers": towers, "layer": clip.layer, "adapters": adapters})


def decode_clip(encoded: Encoded) -> Clip:
    data = object_of(encoded.data)
    towers = tuple(decode_weights(tower) for tower in data["towers"])
    return Clip(towers, data["layer"], tuple(map(decode_adapter, data["adapters"])))


def encode_guider(guider: Guider) -> Encoded:
    parts = {
        "model": encode_model(guider.model),
        "positive": encode_conditioning(guider.positive),
        "negative": encode_conditioning(guider.negative),
    }
    data: JsonObject = {"cfg": guider.cfg, **{name: part.data for name, part in parts.items()}}
    tensors = {f"{name}.{key}": raw for name, part in parts.items() for key, raw in part.tensors.items()}
    return Encoded(data, tensors)


def decode_guider(encoded: Encoded) -> Guider:
    data = object_of(encoded.data)
    return Guider(
        decode_model(Encoded(data["model"], under(encoded, "model."))),
        decode_conditioning(Encoded(data["positive"], under(encoded, "positive."))),
        decode_conditioning(Encoded(data["negative"], under(encoded, "negative."))),
        float(data["cfg"]),
    )


def _decode_schedule(data: Json) -> ScheduleConfig:
    known = object_of(data)
    continuous = known["continuous"]
    noise = None if continuous is None else ContinuousNoise(**continuous)
    return ScheduleConfig(**{**known, "continuous": noise})


def _encode_patch(patch: Patch) -> Encoded:
    if isinstance(patch, PerpendicularNegative):
        empty = encode_conditioning(Conditioning(patch.entries))
        data: JsonObject = {"scale": patch.scale, "empty": empty.data, "always_both": patch.always_both}
        return Encoded(data | {"type": "PerpendicularNegative"}, empty.tensors)
    name = type(patch).__name__
    if isinstance(patch, ThirdTowards | ThirdAway):
        third = encode_conditioning(Conditioning(patch.entries))
        return Encoded({"type": name, "third": third.data, "scale": patch.scale}, third.tensors)
    return Encoded({"type": name, "values": asdict(patch)})  # type: ignore[call-overload]


def _decode_patch(encoded: Encoded) -> Patch:
    data = object_of(encoded.data)
    if data["type"] == "PerpendicularNegative":
        empty = decode_conditioning(Encoded(data["empty"], encoded.tensors))
        return PerpendicularNegative(empty.entries, float(data["scale"]), data["always_both"])
    if "third" in data:
        third = decode_conditioning(Encoded(data["third"], encoded.tensors))
        kind = ThirdTowards if data["type"] == ThirdTowards.__name__ else ThirdAway
        return kind(third.entries, float(data["scale"]))
    patch: Patch = _PATCHES[data["type"]](**data["values"])
    return patch


def _numbered(parts: Sequence[Encoded]) -> dict[str, RawTensor]:
    """The tensors of all parts, each under the number of its part."""
    return {f"{index}.{name}": raw for index, part in enumerate(parts) for name, raw in part.tensors.items()}
