"""Parts of a model that are being made, as files: under the names of a checkpoint, with all that is needed to read them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import nn

from nodes.diffusion.config import ModelConfig
from nodes.diffusion.tokenizer import clip_vocabulary
from nodes.training.checkpoint import write_atomically
from nodes.weights.files import read_header
from nodes.weights.keymaps import Part
from nodes.weights.metadata import write_config
from nodes.weights.saved_names import checkpoint_place

_TOKENIZER = ("tokenizer.vocab", "tokenizer.merges")


def write_parts(path: Path, parts: Mapping[Part, nn.Module], config: ModelConfig, metadata: Mapping[str, str]) -> None:
    """Write networks in float32. `metadata` has the tokenizer of a file that holds a text encoder, and its history."""
    tensors = {
        checkpoint_place(part, config).prefix + name: tensor.detach().cpu().float()
        for part, module in parts.items()
        for name, tensor in module.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"format": "pt", "modelspec.architecture": config.family, "config": write_config(config)}
    write_atomically(path, tensors, about | dict(metadata))


def tokenizer_of(path: Path) -> dict[str, str]:
    """The tokenizer's metadata in a file; nothing for CLIP's own."""
    metadata = read_header(path).metadata
    return {key: metadata[key] for key in _TOKENIZER if key in metadata}


def tokenizer_metadata(merges: Sequence[str]) -> dict[str, str]:
    """What a file says of a tokenizer with these merges, in the format of CLIP's vocab.json and merges.txt."""
    vocabulary = json.dumps(clip_vocabulary(merges), ensure_ascii=False)
    return {"tokenizer.vocab": vocabulary, "tokenizer.merges": "\n".join(["#version: 0.2", *merges])}
