"""Values at rest: every value as JSON beside raw tensors, and back.

An encoder and its decoder stand together. Decoders raise ValueError for anything their encoder never wrote, and for a
weights file that is no longer the one that was meant: to the cache both are a miss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Final, TypeVar, get_args

import torch
from torch import Tensor

from graph.errors import GraphError
from graph.json import Json, JsonObject
from graph.values import Encoded, RawTensor
from nodes.diffusion.conditioning import (
    Area,
    AreaShare,
    ConcatImage,
    ConditioningEntry,
    Grounding,
    PictureHint,
    SizeConditioning,
)
from nodes.diffusion.control import ControlHint
from nodes.diffusion.gligen import TextBox
from nodes.diffusion.samplers.options import SamplerOptions
from nodes.sockets.handles import Conditioning, Noise, Sampler, Vae
from nodes.sockets.reference_encoding import decode_network, decode_weights, encode_network, encode_weights, object_of
from nodes.sockets.tensors import Image, Latent, Mask, ScaledLatent, Sigmas
from nodes.weights.files import DTYPES
from nodes.weights.load import WeightsRef
from nodes.weights.metadata import read_config, write_config
from nodes.weights.networks import NetworkRef, TaesdRef, open_control_net, open_gligen, open_taesd

T = TypeVar("T")

_DTYPE_NAMES: Final = {dtype: name for name, dtype in DTYPES.items()}
_SAMPLER_OPTIONS: Final[Mapping[str, type[SamplerOptions]]] = {kind.__name__: kind for kind in get_args(SamplerOptions)}


def encode_tensor(tensor: Tensor) -> RawTensor:
    """Row-major bytes, whatever the layout and the device."""
    plain = tensor.detach().cpu().contiguous()
    data = plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""
    return RawTensor(_DTYPE_NAMES[tensor.dtype], tuple(tensor.shape), data)


def decode_tensor(raw: RawTensor) -> Tensor:
    """The inverse of `encode_tensor`. Raises ValueError if type, shape and bytes do not fit each other."""
    dtype = DTYPES.get(raw.dtype)
    if dtype is None or len(raw.data) != math.prod(raw.shape) * dtype.itemsize:
        raise ValueError(f"{len(raw.data)} bytes are no {raw.dtype} tensor of shape {list(raw.shape)}")
    if not raw.data:
        return torch.empty(raw.shape, dtype=dtype)
    return torch.frombuffer(bytearray(raw.data), dtype=dtype).reshape(raw.shape)


def pack(data: Json = None, **tensors: Tensor | None) -> Encoded:
    """JSON with those tensors that are there."""
    present = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    return Encoded(data, {name: encode_tensor(tensor) for name, tensor in present.items()})


def checked(decode: Callable[[Encoded], T]) -> Callable[[Encoded], T]:
    """A decoder that says ValueError to whatever was never encoded."""

    def decoded(encoded: Encoded) -> T:
        try:
            return decode(encoded)
        except (KeyError, TypeError, AttributeError, IndexError, GraphError) as error:
            raise ValueError(f"not a value that was encoded here: {error!r}") from error

    return decoded


def encode_image(image: Image) -> Encoded:
    return pack(pixels=image.pixels)


def decode_image(encoded: Encoded) -> Image:
    return Image(decode_tensor(encoded.tensors["pixels"]))


def encode_mask(mask: Mask) -> Encoded:
    return pack(values=mask.values)


def decode_mask(encoded: Encoded) -> Mask:
    return Mask(decode_tensor(encoded.tensors["values"]))


def encode_sigmas(sigmas: Sigmas) -> Encoded:
    return pack(values=sigmas.values)


def decode_sigmas(encoded: Encoded) -> Sigmas:
    return Sigmas(decode_tensor(encoded.tensors["values"]))


def encode_scaled_latent(latent: ScaledLatent) -> Encoded:
    return pack(samples=latent.samples)


def decode_scaled_latent(encoded: Encoded) -> ScaledLatent:
    return ScaledLatent(decode_tensor(encoded.tensors["samples"]))


def encode_latent(latent: Latent) -> Encoded:
    index = None if latent.batch_index is None else list[Json](latent.batch_index)
    return pack({"batch_index": index}, samples=latent.samples, noise_mask=latent.noise_mask)


def decode_latent(encoded: Encoded) -> Latent:
    index = object_of(encoded.data)["batch_index"]
    return Latent(
        decode_tensor(encoded.tensors["samples"]),
        _optional(encoded, "noise_mask"),
        None if index is None else tuple(int(place) for place in index),
    )


def encode_vae(vae: Vae) -> Encoded:
    if isinstance(vae.weights, WeightsRef):
        return pack(encode_weights(vae.weights))
    tiny = vae.weights
    halves: JsonObject = {"encoder": encode_network(tiny.encoder), "decoder": encode_network(tiny.decoder)}
    return pack(halves | {"family": tiny.config.family, "config": write_config(tiny.config)})


def decode_vae(encoded: Encoded) -> Vae:
    data = object_of(encoded.data)
    if "encoder" not in data:
        return Vae(decode_weights(encoded.data))
    config = read_config({"config": data["config"]}, "the cached VAE")
    if config is None:
        raise ValueError("no configuration")
    encoder, decoder = (decode_network(data[half], open_taesd) for half in ("encoder", "decoder"))
    return Vae(TaesdRef(encoder, decoder, replace(config, family=data["family"])))


def encode_noise(noise: Noise) -> Encoded:
    return pack({"seed": noise.seed})


def decode_noise(encoded: Encoded) -> Noise:
    return Noise(object_of(encoded.data)["seed"])


def encode_sampler(sampler: Sampler) -> Encoded:
    options = sampler.options
    chosen: Json = None if options is None else {"type": type(options).__name__, "values": asdict(options)}
    return pack({"name": sampler.name, "options": chosen})


def decode_sampler(encoded: Encoded) -> Sampler:
    data = object_of(encoded.data)
    chosen = data["options"]
    return Sampler(data["name"], None if chosen is None else _SAMPLER_OPTIONS[chosen["type"]](**chosen["values"]))


def encode_conditioning(conditioning: Conditioning) -> Encoded:
    entries: list[Json] = []
    tensors: dict[str, RawTensor] = {}
    for index, entry in enumerate(conditioning.entries):
        encoded = _encode_entry(entry)
        entries.append(encoded.data)
        tensors |= {f"{index}.{name}": tensor for name, tensor in encoded.tensors.items()}
    return Encoded(entries, tensors)


def decode_conditioning(encoded: Encoded) -> Conditioning:
    if not isinstance(encoded.data, list):
        raise TypeError("not a list of entries")
    parts = (Encoded(data, under(encoded, f"{index}.")) for index, data in enumerate(encoded.data))
    return Conditioning(tuple(map(_decode_entry, parts)))


def _encode_entry(entry: ConditioningEntry) -> Encoded:
    area, size, concat, grounding = entry.area, entry.size, entry.concat, entry.grounding
    data: JsonObject = {
        "area": None if area is None else [area.height, area.width, area.y, area.x],
        "area_in": "cells" if isinstance(area, Area) else "shares",
        "strength": entry.strength,
        "mask_strength": entry.mask_strength,
        "mask_bounds": entry.mask_bounds,
        "start_percent": entry.start_percent,
        "end_percent": entry.end_percent,
        "size": {name: getattr(size, name) for name in SizeConditioning.__slots__},
        "controls": list(map(_encode_hint, entry.controls)),
        "noise_augmentation": 0.0 if concat is None else concat.noise_augmentation,
        "pictures": [[hint.strength, hint.noise_augmentation] for hint in entry.pictures],
        "grounding": None if grounding is None else _encode_grounding(grounding),
    }
    return pack(
        data,
        **{f"control.{index}": hint.image for index, hint in enumerate(entry.controls)},
        **{f"picture.{index}": hint.embeddings for index, hint in enumerate(entry.pictures)},
        **{f"box.{index}": box.phrase for index, box in enumerate(grounding.boxes if grounding else ())},
        token_bias=entry.token_bias,
        embedding=entry.embedding,
        pooled=entry.pooled,
        mask=entry.mask,
        concat=None if concat is None else concat.latent,
        concat_mask=None if concat is None else concat.mask,
    )


def _decode_entry(encoded: Encoded) -> ConditioningEntry:
    data = object_of(encoded.data)
    concat = _optional(encoded, "concat")
    shape = Area if data["area_in"] == "cells" else AreaShare
    return ConditioningEntry(
        embedding=decode_tensor(encoded.tensors["embedding"]),
        pooled=_optional(encoded, "pooled"),
        area=None if data["area"] is None else shape(*data["area"]),
        strength=data["strength"],
        mask=_optional(encoded, "mask"),
        mask_strength=data["mask_strength"],
        mask_bounds=data["mask_bounds"],
        start_percent=data["start_percent"],
        end_percent=data["end_percent"],
        concat=None
        if concat is None
        else ConcatImage(concat, _optional(encoded, "concat_mask"), data["noise_augmentation"]),
        size=SizeConditioning(**data["size"]),
        controls=tuple(
            _decode_hint(hint, decode_tensor(encoded.tensors[f"control.{index}"]))
            for index, hint in enumerate(data["controls"])
        ),
        pictures=tuple(
            PictureHint(decode_tensor(encoded.tensors[f"picture.{index}"]), *settings)
            for index, settings in enumerate(data["pictures"])
        ),
        grounding=_decode_grounding(encoded, data["grounding"]),
        token_bias=_optional(encoded, "token_bias"),
    )


def _encode_grounding(grounding: Grounding) -> Json:
    if not isinstance(grounding.network, NetworkRef):
        raise TypeError(f"boxes on a wire name their network by its file, not by {grounding.network!r}")
    boxes: list[Json] = [[box.height, box.width, box.y, box.x] for box in grounding.boxes]
    return {"network": encode_network(grounding.network), "boxes": boxes}


def _decode_grounding(encoded: Encoded, data: Json) -> Grounding | None:
    if data is None:
        return None
    known = object_of(data)
    boxes = (
        TextBox(decode_tensor(encoded.tensors[f"box.{index}"]), *place) for index, place in enumerate(known["boxes"])
    )
    return Grounding(decode_network(known["network"], open_gligen), tuple(boxes))


def _encode_hint(hint: ControlHint) -> Json:
    if not isinstance(hint.network, NetworkRef):
        raise TypeError(f"a hint on a wire names its network by its file, not by {hint.network!r}")
    return {
        "network": encode_network(hint.network),
        "strength": hint.strength,
        "start_percent": hint.start_percent,
        "end_percent": hint.end_percent,
        "kind": hint.kind,
        "also_negative": hint.also_negative,
    }


def _decode_hint(data: Json, image: Tensor) -> ControlHint:
    known = object_of(data)
    network = decode_network(known["network"], open_control_net)
    settings = {name: value for name, value in known.items() if name != "network"}
    return ControlHint(network, image, **settings)


def _optional(encoded: Encoded, name: str) -> Tensor | None:
    raw = encoded.tensors.get(name)
    return None if raw is None else decode_tensor(raw)


def under(encoded: Encoded, prefix: str) -> dict[str, RawTensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in encoded.tensors.items() if name.startswith(prefix)}
