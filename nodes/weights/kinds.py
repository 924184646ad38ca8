"""What kind of model a file holds, by table: each kind is asked whether it is one, the more particular first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nodes.weights.clip_visions import detect_clip_vision
from nodes.weights.control_nets import detect_control_net
from nodes.weights.detect import detect, detect_part
from nodes.weights.embeddings import embedding_shape
from nodes.weights.errors import WeightsError
from nodes.weights.files import Header
from nodes.weights.gligens import detect_gligen
from nodes.weights.hypernetworks import check_hypernetwork
from nodes.weights.keymaps import Part
from nodes.weights.load import find_place, open_checkpoint
from nodes.weights.lora_family import adapter_family
from nodes.weights.lora_keymaps import split_key
from nodes.weights.photomakers import detect_photomaker
from nodes.weights.style_models import detect_style_model
from nodes.weights.t2i_adapters import detect_t2i_adapter
from nodes.weights.taesd import detect_taesd
from nodes.weights.upscalers import detect_upscaler

_PARTS: Final[Mapping[Part, str]] = {
    Part.UNET: "U-Net",
    Part.VAE: "VAE",
    Part.TEXT: "text encoder",
    Part.TEXT_2: "second text encoder",
}

_AMBIGUOUS: Final = frozenset({"factors", "alpha"})
"""What adapters have under names that others have too."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model in words, and the folder below `models/` where nodes look for it."""

    title: str
    folder: str


def kind_of(header: Header) -> Kind | None:
    """The kind of model in a file, None for one of no kind that is known here. Reads next to no weights."""
    for recognise in _KINDS:
        try:
            found = recognise(header)
        except WeightsError:
            continue
        if found is not None:
            return found
    return None


def _checkpoint(header: Header) -> Kind | None:
    found = open_checkpoint(header.path)
    parts = [title for part, title in _PARTS.items() if part in found.parts]
    if len(parts) < 2:
        return None
    return Kind(f"{found.config.family} checkpoint ({', '.join(parts)})", "checkpoints")


def _hypernetwork(header: Header) -> Kind:
    widths = ", ".join(map(str, sorted(check_hypernetwork(header.path))))
    return Kind(f"hypernetwork for contexts {widths} wide", "hypernetworks")


def _embedding(header: Header) -> Kind | None:
    shape = embedding_shape(header)
    return None if shape is None else Kind(f"textual inversion: {shape[0]} vectors, {shape[1]} wide", "embeddings")


def _adapter(header: Header) -> Kind | None:
    roles = {split[1] for key in header.tensors if (split := split_key(key)) is not None}
    if roles <= _AMBIGUOUS:
        return None
    return Kind(f"LoRA or a relative, for {adapter_family(header) or 'a model that it does not tell'}", "loras")


def _t2i_adapter(header: Header) -> Kind | None:
    found = detect_t2i_adapter(header)
    return None if found is None else Kind(f"T2I-Adapter of a {found.config.family} model", "controlnet")


def _control_net(header: Header) -> Kind:
    return Kind(f"control network of a {detect_control_net(header).config.family} model", "controlnet")


def _gligen(header: Header) -> Kind:
    return Kind(f"GLIGEN network of a {detect_gligen(header).config.family} model", "gligen")


def _photomaker(header: Header) -> Kind:
    detect_photomaker(header)
    return Kind("PhotoMaker encoder", "photomaker")


def _style_model(header: Header) -> Kind:
    detect_style_model(header)
    return Kind("style model", "style_models")


def _clip_vision(header: Header) -> Kind:
    return Kind(f"CLIP vision model, {detect_clip_vision(header).config.hidden_size} wide", "clip_vision")


def _upscaler(header: Header) -> Kind:
    return Kind(f"upscale model, {detect_upscaler(header).config.scale:g} times", "upscale_models")


def _taesd(header: Header) -> Kind:
    return Kind(f"{detect_taesd(header).half} of a tiny autoencoder", "vae_approx")


def _unet(header: Header) -> Kind | None:
    config = detect(header)
    return None if find_place(header, Part.UNET, config) is None else Kind(f"{config.family} U-Net", "diffusion_models")


def _vae(header: Header) -> Kind | None:
    config = detect_part(header, Part.VAE)
    return None if find_place(header, Part.VAE, config) is None else Kind("VAE", "vae")


def _text_encoder(header: Header) -> Kind | None:
    config = detect_part(header, Part.TEXT)
    is_there = find_place(header, Part.TEXT, config) is not None
    return Kind(f"text encoder of a {config.family} model", "text_encoders") if is_there else None


_KINDS: Final[Sequence[Callable[[Header], Kind | None]]] = (
    _checkpoint, _hypernetwork, _embedding, _t2i_adapter, _control_net, _adapter, _gligen, _photomaker, _style_model,
    _upscaler, _taesd, _unet, _vae, _text_encoder, _clip_vision,
)  # fmt: skip
