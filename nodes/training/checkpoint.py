"""The state of a run on disk: written whole or not at all, found again after any kill.

One safetensors file holds weights, their average and the optimizer's moments; random numbers need no state, as
every step draws from its own seed. A file appears under its name only when it is complete.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from nodes.training.errors import TrainingError

_KEPT = 3
_PATTERN = "checkpoint-*.safetensors"


@dataclass(eq=False)
class TrainingState:
    """A run between two steps: `step` steps are done. The tensors are updated in place by the loop."""

    step: int
    parameters: Mapping[str, nn.Parameter]
    average: dict[str, Tensor]
    optimizer: torch.optim.AdamW


def new_state(parameters: Mapping[str, nn.Parameter], weight_decay: float) -> TrainingState:
    """The state before the first step; the average starts at the weights. Biases and norms do not decay."""
    matrices = [parameter for parameter in parameters.values() if parameter.ndim > 1]
    vectors = [parameter for parameter in parameters.values() if parameter.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.99), fused=True)
    average = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    return TrainingState(0, parameters, average, optimizer)


def save_checkpoint(folder: Path, state: TrainingState) -> Path:
    """Write the state and drop all but the last few older ones."""
    tensors = {f"weights.{name}": parameter.detach() for name, parameter in state.parameters.items()}
    tensors |= {f"average.{name}": tensor for name, tensor in state.average.items()}
    for name, parameter in state.parameters.items():
        moments = state.optimizer.state.get(parameter)
        if moments:
            tensors[f"mean.{name}"] = moments["exp_avg"]
            tensors[f"square.{name}"] = moments["exp_avg_sq"]
    path = folder / f"checkpoint-{state.step:09d}.safetensors"
    write_atomically(path, tensors, {"step": str(state.step)})
    for old in sorted(folder.glob(_PATTERN))[:-_KEPT]:
        old.unlink()
    return path


def write_atomically(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file that appears complete or not at all, even if the machine stops."""
    partial = path.with_suffix(".partial")
    try:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial, dict(metadata))
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest readable checkpoint of a folder. A damaged one is passed over for the one before."""
    for path in sorted(folder.glob(_PATTERN), reverse=True):
        try:
            with safe_open(path, "pt") as file:
                file.keys()
        except (SafetensorError, OSError):
            continue
        return path
    return None


def load_checkpoint(path: Path, state: TrainingState) -> None:
    """Fill a state with that of a file. Raises TrainingError if the file is of another model."""
    with safe_open(path, "pt") as file, torch.no_grad():
        stored = set(file.keys())
        missing = [name for name in state.parameters if f"weights.{name}" not in stored]
        if missing:
            raise TrainingError(
                "other_model", f"{path.name} has no weights for {missing[0]}: is it another model's run?"
            )
        state.step = int(file.metadata()["step"])
        for name, parameter in state.parameters.items():
            parameter.copy_(file.get_tensor(f"weights.{name}"))
            state.average[name].copy_(file.get_tensor(f"average.{name}"))
            if f"mean.{name}" in stored:
                state.optimizer.state[parameter] = {
                    "step": torch.tensor(float(state.step)),
                    "exp_avg": file.get_tensor(f"mean.{name}"),
                    "exp_avg_sq": file.get_tensor(f"square.{name}"),
                }
