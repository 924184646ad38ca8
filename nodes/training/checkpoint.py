"""The state of a run on disk: written whole or not at all, found again after any kill.

One safetensors file holds weights, their average and the optimizer's moments; random numbers need no state, as
every step draws from its own seed. A file appears under its name only when it is complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from graph.files import drop_abandoned_drafts, write_durably
from nodes.diffusion.training.muon import Muon
from nodes.training.errors import TrainingError, saving
from nodes.training.optimizers import OptimizerName, optimizers_of
from nodes.training.precision import TrainingDtype
from nodes.weights.writing import planned, safetensors_chunks

_KEPT = 3
_PATTERN = "checkpoint-*.safetensors"
_LOSSES = "losses"
_MOMENTS: Final[Mapping[str, str]] = {"exp_avg": "mean", "exp_avg_sq": "square", "square_avg": "square"}
"""What an optimizer remembers of each weight, to its name in a file."""


@dataclass(eq=False)
class TrainingState:
    """A run between two steps: `step` steps are done. The tensors are updated in place by the loop.

    `losses` has one for each step where a run of known length is watched, and stays empty otherwise. Each parameter is one
    optimizer's.
    """

    step: int
    parameters: Mapping[str, nn.Parameter]
    average: dict[str, Tensor]
    optimizers: Sequence[torch.optim.Optimizer]
    losses: list[float] = field(default_factory=list)


def new_state(
    parameters: Mapping[str, nn.Parameter],
    weight_decay: float,
    optimizer: OptimizerName = "AdamW",
    dtype: TrainingDtype = "fp32",
) -> TrainingState:
    """The state before the first step; the average starts at the weights. `dtype` is what the optimizer multiplies matrices
    in, if it does."""
    average = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    return TrainingState(0, parameters, average, optimizers_of(parameters, weight_decay, optimizer, dtype))


def save_checkpoint(folder: Path, state: TrainingState) -> Path:
    """Write the state and drop all but the last few older ones.

    Raises TrainingError ("cannot_save") when the disk refuses: the older ones are all still there then.
    """
    tensors = {f"weights.{name}": parameter.detach() for name, parameter in state.parameters.items()}
    tensors |= {f"average.{name}": tensor for name, tensor in state.average.items()}
    for name, parameter, optimizer in _owned(state):
        moments = optimizer.state.get(parameter, {})
        tensors |= {f"{_MOMENTS[key]}.{name}": value for key, value in moments.items() if key in _MOMENTS}
    if state.losses:
        tensors[_LOSSES] = torch.tensor(state.losses, dtype=torch.float64)
    path = folder / f"checkpoint-{state.step:09d}.safetensors"
    with saving(folder, last_good(folder)):
        write_atomically(path, tensors, {"step": str(state.step)})
    for old in sorted(folder.glob(_PATTERN))[:-_KEPT]:
        old.unlink()
    drop_abandoned_drafts(folder)
    return path


def write_atomically(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file that appears complete or not at all, even if the machine stops.

    The same content gives the same bytes. Raises OSError when the disk refuses, `WeightsNotFinite` for NaN and infinity.
    """
    write_durably(path, safetensors_chunks([planned(name, one.cpu()) for name, one in tensors.items()], metadata))


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest readable checkpoint of a folder. A damaged one is passed over for the one before."""
    return next(iter(checkpoints(folder)), None)


def checkpoints(folder: Path) -> list[Path]:
    """The readable checkpoints of a folder, the newest first."""
    return [path for path in sorted(folder.glob(_PATTERN), reverse=True) if _readable(path)]


def step_of(path: Path) -> int:
    """How many steps are done in a checkpoint, by its name."""
    return int(path.stem.removeprefix("checkpoint-"))


def _readable(path: Path) -> bool:
    try:
        with safe_open(path, "pt") as file:
            file.keys()
    except (SafetensorError, OSError):
        return False
    return True


def last_good(folder: Path) -> str:
    """The newest checkpoint of a folder, in words for a message."""
    newest = latest_checkpoint(folder)
    return f"the last good checkpoint is {newest or 'none yet'}"


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
        for name, parameter, optimizer in _owned(state):
            moments = {key: f"{kind}.{name}" for key, kind in _moments_of(optimizer).items()}
            if moments and all(key in stored for key in moments.values()):
                kept = {key: _laid_out_as(parameter, file.get_tensor(name)) for key, name in moments.items()}
                # A fused optimizer wants its count where the weights are.
                taken = torch.tensor(float(state.step), device=parameter.device)
                optimizer.state[parameter] = {"step": taken, **kept}
        if _LOSSES in stored:
            state.losses[:] = file.get_tensor(_LOSSES).tolist()


def _owned(state: TrainingState) -> Iterator[tuple[str, nn.Parameter, torch.optim.Optimizer]]:
    """Each parameter, its name and its optimizer."""
    owner = {
        parameter: optimizer
        for optimizer in state.optimizers
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    return ((name, parameter, owner[parameter]) for name, parameter in state.parameters.items())


def _laid_out_as(parameter: Tensor, tensor: Tensor) -> Tensor:
    """The tensor in the parameter's memory format: fused optimizers read memory, not strides."""
    return torch.empty_like(parameter).copy_(tensor)


def _moments_of(optimizer: torch.optim.Optimizer) -> Mapping[str, str]:
    match optimizer:
        case torch.optim.Adam():  # AdamW is one
            return {key: _MOMENTS[key] for key in ("exp_avg", "exp_avg_sq")}
        case Muon():
            return {"exp_avg": _MOMENTS["exp_avg"]}
        case torch.optim.RMSprop():
            return {"square_avg": _MOMENTS["square_avg"]}
        case _:
            return {}
