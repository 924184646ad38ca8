"""Networks that are files of their own beside the parts of a checkpoint: which they are, and how they are loaded.

A `NetworkRef` is to them what `WeightsRef` is to a checkpoint's parts: what travels on wires. Each kind has its table
elsewhere (`upscalers.py`, ...); this file ties them to one way of opening and loading.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from nodes.diffusion.config import ModelConfig
from nodes.diffusion.taesd import TaesdConfig, build_taesd
from nodes.diffusion.upscaler import CompactConfig, RrdbConfig, UpscalerConfig, build_upscaler
from nodes.weights.files import Header, read_header
from nodes.weights.keymaps import Place, same_names
from nodes.weights.load import load_module
from nodes.weights.taesd import detect_taesd
from nodes.weights.upscalers import detect_upscaler

NetworkConfig = RrdbConfig | CompactConfig | TaesdConfig


@dataclass(frozen=True, slots=True)
class NetworkRef:
    """One network in one file. `digest` is that of the file's content."""

    path: Path
    digest: str
    config: NetworkConfig


@dataclass(frozen=True, slots=True)
class TaesdRef:
    """A tiny autoencoder: its two files, and the family whose latents it speaks."""

    encoder: NetworkRef
    decoder: NetworkRef
    config: ModelConfig


def open_taesd(path: Path) -> TaesdConfig:
    """Which half of a tiny autoencoder a file holds. Raises a `WeightsError`; reads no weights."""
    return detect_taesd(read_header(path))


def open_upscaler(path: Path) -> UpscalerConfig:
    """Which upscale model a file holds. Raises a `WeightsError`; reads no weights."""
    return detect_upscaler(read_header(path)).config


def build_network(config: NetworkConfig) -> nn.Module:
    """The network on the meta device: names and shapes, no memory."""
    with torch.device("meta"):
        match config:
            case RrdbConfig() | CompactConfig():
                return build_upscaler(config)
            case TaesdConfig():
                return build_taesd(config)


def load_network(ref: NetworkRef, dtype: torch.dtype) -> nn.Module:
    """The network with its weights, on the CPU. Raises a `WeightsError`."""
    header = read_header(ref.path)
    place, what = _place(header, ref.config)
    return load_module(header, place, build_network(ref.config), what, dtype).module


def network_bytes(config: NetworkConfig, dtype: torch.dtype) -> int:
    """Bytes that the weights take once loaded."""
    return sum(parameter.numel() for parameter in build_network(config).parameters()) * dtype.itemsize


def _place(header: Header, config: NetworkConfig) -> tuple[Place, str]:
    """Where the network is in its file, and what it is called in messages."""
    match config:
        case RrdbConfig() | CompactConfig():
            return detect_upscaler(header).place, "upscale model"
        case TaesdConfig():
            return Place("", same_names), f"{config.half} of a tiny autoencoder"
