"""Writes small checkpoint files for tests: a whole tiny model, and damaged versions of anything."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from nodes.diffusion.clip import TextEncoder
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


def openclip_tensors(encoder: TextEncoder) -> dict[str, Tensor]:
    """A text tower under OpenCLIP's names: the inverse of the key map, written out by hand."""
    ours = encoder.state_dict()
    theirs = {
        "token_embedding.weight": ours["text_model.embeddings.token_embedding.weight"],
        "positional_embedding": ours["text_model.embeddings.position_embedding.weight"],
        "ln_final.weight": ours["text_model.final_layer_norm.weight"],
        "ln_final.bias": ours["text_model.final_layer_norm.bias"],
        "text_projection": ours["text_projection.weight"].t().contiguous(),
        "logit_scale": torch.tensor(4.6),
    }
    for index in range(encoder.config.num_hidden_layers):
        layer, block = f"text_model.encoder.layers.{index}", f"transformer.resblocks.{index}"
        for kind in ("weight", "bias"):
            fused = [ours[f"{layer}.self_attn.{one}_proj.{kind}"] for one in "qkv"]
            theirs[f"{block}.attn.in_proj_{kind}"] = torch.cat(fused)
            theirs[f"{block}.attn.out_proj.{kind}"] = ours[f"{layer}.self_attn.out_proj.{kind}"]
            for there, here in (("ln_1", "layer_norm1"), ("ln_2", "layer_norm2")):
                theirs[f"{block}.{there}.{kind}"] = ours[f"{layer}.{here}.{kind}"]
            for there, here in (("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2")):
                theirs[f"{block}.{there}.{kind}"] = ours[f"{layer}.{here}.{kind}"]
    return theirs


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
