"""A training run of known length, as a job: it ends with its last step, and goes on from its last checkpoint after anything
else that ended it.

Its folder is found by what it is made of, so the same inputs find the same run. What it came to stays there; checkpoints go.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nodes.diffusion.training.learning_rate import LearningRate
from nodes.training.checkpoint import (
    TrainingState,
    checkpoints,
    load_checkpoint,
    new_state,
    save_checkpoint,
    step_of,
)
from nodes.training.errors import TrainingError, saving
from nodes.training.optimizers import OptimizerName
from nodes.training.precision import TrainingDtype
from nodes.training.ranks import own_share, told_by_first
from nodes.training.step import Trainable, training_step

SECONDS_BETWEEN: Final = 30.0
"""Least seconds between two checkpoints: what a killed run loses, where one is quickly written."""

_LONGEST_WARMUP: Final = 300

_LONGEST_SHARE: Final = 20
"""Writing checkpoints takes at most one part in so many of the time."""

_NO_BETTER_LATER: Final = frozenset({"diverged", "cannot_save"})
"""Errors after which the state is not worth a checkpoint, or cannot have one."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast. A `Pace`, with an end."""

    steps: int
    learning_rate: LearningRate
    clip: float = 1.0
    ema: float = 0.0
    weight_decay: float = 0.0
    optimizer: OptimizerName = "AdamW"
    dtype: TrainingDtype = "fp32"
    """In what the optimizer multiplies matrices, if it does."""


def decaying(
    steps: int,
    rate: float,
    ema: float,
    *,
    weight_decay: float = 0.0,
    optimizer: OptimizerName = "AdamW",
    dtype: TrainingDtype = "fp32",
) -> Schedule:
    """A rate that warms up, stays, and falls to zero over the last third."""
    falling = max(1, steps // 3)
    learning_rate = LearningRate(rate, min(_LONGEST_WARMUP, steps // 10), steps - falling, falling)
    return Schedule(steps, learning_rate, ema=ema, weight_decay=weight_decay, optimizer=optimizer, dtype=dtype)


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """After a step: how many are done, of how many, and the loss of each."""

    state: TrainingState
    steps: int

    @property
    def step(self) -> int:
        return self.state.step

    @property
    def losses(self) -> Sequence[float]:
        return self.state.losses


Watch = Callable[[Trained], None]


def train_to_end(task: Trainable, schedule: Schedule, folder: Path, watch: Watch) -> TrainingState:
    """Take every step that no earlier run in this folder has taken. `watch` is called after each, and before the first.

    Whatever else ends the run (a cancel that `watch` raises, pictures that have changed) leaves a checkpoint of where it is,
    and so does its end, until the result is kept. Raises TrainingError: "diverged" with the last good checkpoint named,
    "cannot_save" when the disk is full.

    Of several processes (`ranks.py`) the first alone watches and saves; all have to see the same folder.
    """
    state = new_state(task.parameters, schedule.weight_decay, schedule.optimizer, schedule.dtype)
    expect_room(folder)
    _resume(folder, state)
    if not own_share().first:
        return _follow(task, schedule, folder, state)
    saved, due = state.step, time.monotonic() + SECONDS_BETWEEN
    try:
        watch(Trained(state, schedule.steps))
        while state.step < schedule.steps:
            loss, _ = training_step(task, state, schedule, folder)
            state.losses.append(loss)
            if time.monotonic() >= due:
                began = time.monotonic()
                save_checkpoint(folder, state)
                saved, now = state.step, time.monotonic()
                due = now + max(SECONDS_BETWEEN, _LONGEST_SHARE * (now - began))
            watch(Trained(state, schedule.steps))
    except BaseException as error:
        if state.step > saved and not (isinstance(error, TrainingError) and error.code in _NO_BETTER_LATER):
            save_checkpoint(folder, state)
        raise
    if state.step > saved:
        save_checkpoint(folder, state)
    return state


def _resume(folder: Path, state: TrainingState) -> None:
    """Go on from the newest checkpoint, in every process from the one that the first has found.

    Raises TrainingError ("out_of_step") in a process that has come to another run than the first.
    """
    run = zlib.crc32(folder.name.encode())
    if told_by_first(run) != run:
        raise TrainingError(
            "out_of_step",
            f"the processes do not train the same: one is at {folder.name}",
            "Give all of them the same workflow, options and files, and the same output and cache folders.",
        )
    found = {step_of(path): path for path in checkpoints(folder)}
    newest = told_by_first(max(found, default=-1))
    if newest >= 0:
        load_checkpoint(found[newest], state)


def _follow(task: Trainable, schedule: Schedule, folder: Path, state: TrainingState) -> TrainingState:
    """Take the steps that the first process takes."""
    while state.step < schedule.steps:
        loss, _ = training_step(task, state, schedule, folder)
        state.losses.append(loss)
    return state


def expect_room(folder: Path) -> None:
    """Make the folder of a run. Raises TrainingError ("cannot_save") where that is not possible."""
    with saving(folder, "no run can be kept there"):
        folder.mkdir(parents=True, exist_ok=True)


def tidy(folder: Path) -> None:
    """A run that has come to its end needs its checkpoints no more."""
    for path in checkpoints(folder):
        path.unlink(missing_ok=True)
