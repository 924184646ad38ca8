"""Trained adapters as files, in the form that kohya's programs write and everybody reads."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from nodes.diffusion.training.trainable_adapters import TrainableAdapter
from nodes.training.checkpoint import write_atomically
from nodes.weights.load import WeightsRef
from nodes.weights.lora_keymaps import kohya_alias
from nodes.weights.saved_names import ARCHITECTURES, BASE_VERSIONS

_SUFFIXES = {
    "up": "lora_up.weight",
    "down": "lora_down.weight",
    "w1a": "hada_w1_a",
    "w1b": "hada_w1_b",
    "w2a": "hada_w2_a",
    "w2b": "hada_w2_b",
}
_KRONECKER_SUFFIXES = {"w1": "lokr_w1", "w2": "lokr_w2", "w2a": "lokr_w2_a", "w2b": "lokr_w2_b"}


def write_lora(path: Path, adapter: TrainableAdapter, target: WeightsRef, dtype: torch.dtype, steps: int) -> None:
    """Write an adapter for a part of a model. Alpha is the rank of each layer, so strength 1 is what was trained."""
    tensors: dict[str, Tensor] = {}
    for layer, factors in adapter.factors.items():
        alias = kohya_alias(layer, target.part, target.config, two_towers=len(target.config.text) > 1)
        suffixes = _KRONECKER_SUFFIXES if "w1" in factors else _SUFFIXES
        for role, value in factors.items():
            tensors[f"{alias}.{suffixes[role]}"] = value.detach().cpu().to(dtype)
        tensors[f"{alias}.alpha"] = torch.tensor(float(_rank(factors, adapter.rank)), dtype=dtype)
    family = target.config.family
    about = {
        "format": "pt",
        "ss_network_module": "lycoris.kohya"
        if any("w1" in one or "w1a" in one for one in adapter.factors.values())
        else "networks.lora",
        "ss_network_dim": str(adapter.rank),
        "ss_network_alpha": str(float(adapter.rank)),
        "ss_steps": str(steps),
        "ss_base_model_version": BASE_VERSIONS.get(family, family),
        "modelspec.architecture": f"{ARCHITECTURES.get(family, family)}/lora",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, tensors, about)


def _rank(factors: dict[str, torch.nn.Parameter], rank: int) -> int:
    """The rank of one layer's factors: what readers divide alpha by."""
    for role in ("down", "w1b", "w2b"):
        if role in factors:
            return factors[role].shape[0]
    return rank
