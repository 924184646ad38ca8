"""Writes small checkpoint files for tests: a whole tiny model, and damaged versions of anything."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from nodes.diffusion.config import ModelConfig
from nodes.weights.embedded import EMBEDDED_CHECKPOINT, embedded_checkpoints
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef, open_checkpoint
from nodes.weights.metadata import write_config
from tests.nodes.tiny import MODEL, tiny_text_encoder, tiny_unet, tiny_vae


def tiny_tensors(config: ModelConfig = MODEL) -> dict[str, Tensor]:
    """Every tensor of a tiny model under its name in an SD 1.x checkpoint."""
    parts = {
        "model.diffusion_model.": tiny_unet(config.unet),
        "first_stage_model.": tiny_vae(config.vae),
        "cond_stage_model.transformer.": tiny_text_encoder(config.text[0]),
    }
    return {prefix + name: one for prefix, module in parts.items() for name, one in module.state_dict().items()}


def write_tiny_checkpoint(
    path: Path,
    config: ModelConfig = MODEL,
    dtype: torch.dtype = torch.float32,
    extra: Mapping[str, Tensor] | None = None,
) -> Path:
    """A checkpoint that names its configuration in the metadata."""
    tensors = {name: one.to(dtype) for name, one in {**tiny_tensors(config), **(extra or {})}.items()}
    save_file(tensors, path, metadata={"config": write_config(config)})
    return path


def reference(path: Path, part: Part) -> WeightsRef:
    """A reference to a part, the path standing for the digest."""
    return WeightsRef(path, str(path), part, open_checkpoint(path).config)


def embedded_reference(part: Part) -> WeightsRef:
    return reference(embedded_checkpoints()[EMBEDDED_CHECKPOINT], part)


def write_raw(path: Path, header: object, data: bytes = b"") -> Path:
    """A file with this header, right or wrong, and this data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path
