"""Networks that are files of their own beside the parts of a checkpoint: which they are, and how they are loaded.

A `NetworkRef` is to them what `WeightsRef` is to a checkpoint's parts: what travels on wires. Each kind has its table
elsewhere (`upscalers.py`, ...); this file ties them to one way of opening and loading.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from nodes.diffusion.clip_vision import ClipVision, ClipVisionConfig
from nodes.diffusion.config import ModelConfig
from nodes.diffusion.control_net import ControlNet, ControlNetConfig
from nodes.diffusion.esrgan import CompactConfig, RrdbConfig
from nodes.diffusion.gligen import Gligen, GligenConfig
from nodes.diffusion.photomaker import PhotoMaker, PhotoMakerConfig
from nodes.diffusion.style_adapter import StyleAdapter, StyleConfig
from nodes.diffusion.swin_ir import SwinIrConfig
from nodes.diffusion.t2i_adapter import T2iAdapter, T2iAdapterConfig
from nodes.diffusion.taesd import TaesdConfig, build_taesd
from nodes.diffusion.upscalers import UpscalerConfig, build_upscaler
from nodes.weights.clip_visions import detect_clip_vision
from nodes.weights.control_loras import load_control_lora
from nodes.weights.control_nets import detect_control_net
from nodes.weights.errors import WeightsMissing
from nodes.weights.files import Header, read_header
from nodes.weights.gligens import detect_gligen
from nodes.weights.keymaps import Place, same_names
from nodes.weights.load import CLIP_ROUNDED_TO, Held, WeightsRef, load_module
from nodes.weights.patched import PatchedPart, open_patched
from nodes.weights.patches import WeightPatch
from nodes.weights.photomakers import detect_photomaker
from nodes.weights.style_models import detect_style_model
from nodes.weights.t2i_adapters import detect_t2i_adapter
from nodes.weights.taesd import detect_taesd
from nodes.weights.upscalers import detect_upscaler

ControlConfig = ControlNetConfig | T2iAdapterConfig
NetworkConfig = (
    UpscalerConfig | TaesdConfig | ClipVisionConfig | ControlConfig | GligenConfig | StyleConfig | PhotoMakerConfig
)


@dataclass(frozen=True, slots=True)
class NetworkRef:
    """One network in one file. `digest` is that of the file's content.

    `base` is the U-Net that a control network's weights are added to, if they are differences, under `base_patches`.
    """

    path: Path
    digest: str
    config: NetworkConfig
    base: WeightsRef | None = None
    base_patches: tuple[WeightPatch, ...] = ()


@dataclass(frozen=True, slots=True)
class TaesdRef:
    """A tiny autoencoder: its two files, and the family whose latents it speaks."""

    encoder: NetworkRef
    decoder: NetworkRef
    config: ModelConfig


def open_taesd(path: Path) -> TaesdConfig:
    """Which half of a tiny autoencoder a file holds. Raises a `WeightsError`; reads no weights."""
    return detect_taesd(read_header(path))


def open_control_net(path: Path) -> ControlConfig:
    """Which control network or T2I-Adapter a file holds. Raises a `WeightsError`; reads no weights."""
    header = read_header(path)
    adapter = detect_t2i_adapter(header)
    return detect_control_net(header).config if adapter is None else adapter.config


def is_difference(path: Path) -> bool:
    """Whether a control network's weights are to be added to those of a U-Net."""
    header = read_header(path)
    return detect_t2i_adapter(header) is None and detect_control_net(header).is_difference


def open_clip_vision(path: Path) -> ClipVisionConfig:
    """Which CLIP vision tower a file holds. Raises a `WeightsError`; reads no weights."""
    return detect_clip_vision(read_header(path)).config


def open_upscaler(path: Path) -> UpscalerConfig:
    """Which upscale model a file holds. Raises a `WeightsError`; reads no weights."""
    return detect_upscaler(read_header(path)).config


def open_gligen(path: Path) -> GligenConfig:
    """What a grounding network grounds. Raises a `WeightsError`; reads no weights."""
    return detect_gligen(read_header(path)).config


def open_style_model(path: Path) -> StyleConfig:
    """Which style adapter a file holds. Raises a `WeightsError`; reads no weights."""
    return detect_style_model(read_header(path))


def open_photomaker(path: Path) -> PhotoMakerConfig:
    """Which PhotoMaker encoder a file holds. Raises a `WeightsError`; reads no weights."""
    return detect_photomaker(read_header(path)).config


def build_network(config: NetworkConfig) -> nn.Module:
    """The network on the meta device: names and shapes, no memory."""
    with torch.device("meta"):
        match config:
            case RrdbConfig() | CompactConfig() | SwinIrConfig():
                return build_upscaler(config)
            case TaesdConfig():
                return build_taesd(config)
            case ClipVisionConfig():
                return ClipVision(config)
            case ControlNetConfig():
                return ControlNet(config)
            case T2iAdapterConfig():
                return T2iAdapter(config)
            case GligenConfig():
                return Gligen(config)
            case StyleConfig():
                return StyleAdapter(config)
            case PhotoMakerConfig():
                return PhotoMaker(config)


def load_network(ref: NetworkRef, dtype: torch.dtype) -> nn.Module:
    """The network with its weights, on the CPU. Raises a `WeightsError`."""
    header = read_header(ref.path)
    if isinstance(ref.config, ControlNetConfig) and ref.config.low_rank:
        return load_control_lora(header, ref.config, open_patched(_base(ref), ref.base_patches), dtype)
    place, what = _place(header, ref.config)
    held = Held(rounded_to=CLIP_ROUNDED_TO) if isinstance(ref.config, ClipVisionConfig) else Held()
    module = load_module(header, place, build_network(ref.config), what, dtype, held).module
    return module if ref.base is None else _added(module, open_patched(ref.base, ref.base_patches))


def _base(ref: NetworkRef) -> WeightsRef:
    if ref.base is None:
        raise WeightsMissing(
            f"{ref.path.name} holds changes to a model, and means nothing without it",
            hint="Use it on a prompt that a sampler is given together with the model.",
        )
    return ref.base


def network_bytes(config: NetworkConfig, dtype: torch.dtype) -> int:
    """Bytes that the weights take once loaded."""
    return sum(parameter.numel() for parameter in build_network(config).parameters()) * dtype.itemsize


def _place(header: Header, config: NetworkConfig) -> tuple[Place, str]:
    """Where the network is in its file, and what it is called in messages."""
    match config:
        case RrdbConfig() | CompactConfig() | SwinIrConfig():
            return detect_upscaler(header).place, "upscale model"
        case TaesdConfig():
            return Place("", same_names), f"{config.half} of a tiny autoencoder"
        case ClipVisionConfig():
            return detect_clip_vision(header).place, "CLIP vision model"
        case ControlNetConfig():
            return detect_control_net(header).place, f"control network of a {config.family} model"
        case T2iAdapterConfig():
            adapter = detect_t2i_adapter(header)
            place = Place("", same_names) if adapter is None else adapter.place
            return place, f"T2I-Adapter of a {config.family} model"
        case GligenConfig():
            return detect_gligen(header).place, f"GLIGEN network of a {config.family} model"
        case StyleConfig():
            return Place("", same_names), "style model"
        case PhotoMakerConfig():
            return detect_photomaker(header).place, "PhotoMaker encoder"


def _added(differences: nn.Module, base: PatchedPart) -> nn.Module:
    """The module with the weights of another added wherever both have them."""
    shapes = {name: one.shape for name, one in base.module.named_parameters()}
    for name, parameter in differences.named_parameters():
        if shapes.get(name) == parameter.shape:
            parameter.add_(base.parameter(name).to(parameter.dtype))
    return differences
