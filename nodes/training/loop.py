"""The training loop: step, average, observe, keep. What is trained is a `Task`.

A run resumes from its last checkpoint with the very same numbers it would have had without the interruption:
every step draws its data and noise from its own seed, so the step's number is all the state chance has.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from nodes.diffusion.training.averaging import ema_decay, update_ema
from nodes.diffusion.training.learning_rate import LearningRate
from nodes.training.checkpoint import (
    TrainingState,
    last_good,
    latest_checkpoint,
    load_checkpoint,
    new_state,
    save_checkpoint,
)
from nodes.training.errors import TrainingError
from nodes.training.settings import RunSettings
from nodes.training.workers import Gradients

LOG_EVERY = 20  # steps
CHECKPOINT_EVERY = 600.0  # seconds
OBSERVE_EVERY = 1200.0  # seconds


class Trainable(Protocol):
    """What a step trains."""

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The weights by name, in a fixed order."""
        ...

    def gradients(self, step: int) -> Gradients:
        """Loss and gradients of the batch of a step: a function of the weights and the step alone."""
        ...


class Pace(Protocol):
    """What of a run's settings its steps depend on."""

    @property
    def learning_rate(self) -> LearningRate: ...

    @property
    def clip(self) -> float:
        """The largest gradient norm."""
        ...

    @property
    def ema(self) -> float:
        """The largest decay of the averaged weights; 0 for no average but the weights themselves."""
        ...


class Task(Trainable, Protocol):
    """What the loop trains, and looks at on the way."""

    def observe(self, step: int, folder: Path) -> Mapping[str, float]:
        """Measure the weights as they are and write pictures of what they do into the run's folder."""
        ...


def train(task: Task, settings: RunSettings, folder: Path, stopped: Callable[[], bool]) -> TrainingState:
    """Run until `settings.stop_at` or until `stopped()`; resumes what the folder holds.

    Raises TrainingError ("diverged") when the loss or the gradient is no longer finite: nothing of such a step
    is kept, and the message names the last good checkpoint.
    """
    state = resumed(task, settings, folder)
    log = _Log(folder / "log.jsonl", settings.batch)
    checkpointed = observed = time.monotonic()
    if state.step == 0:
        _observe(task, state, folder, log)
    while not stopped() and state.step != settings.stop_at:
        loss, norm = training_step(task, state, settings, folder)
        log.step(state.step, loss, norm, settings.learning_rate.at(state.step - 1))
        now = time.monotonic()
        if now - checkpointed >= CHECKPOINT_EVERY:
            save_checkpoint(folder, state)
            checkpointed = now
        if now - observed >= OBSERVE_EVERY:
            _observe(task, state, folder, log)
            observed = time.monotonic()
    save_checkpoint(folder, state)
    return state


def resumed(task: Task, settings: RunSettings, folder: Path) -> TrainingState:
    """The state to go on from: that of the folder's newest checkpoint, or a new one."""
    state = new_state(task.parameters, settings.weight_decay)
    newest = latest_checkpoint(folder)
    if newest is not None:
        load_checkpoint(newest, state)
    return state


def training_step(task: Trainable, state: TrainingState, settings: Pace, folder: Path) -> tuple[float, float]:
    """One update of the weights and their average, in place; returns loss and gradient norm."""
    result = task.gradients(state.step)
    parameters = list(state.parameters.values())
    for parameter, gradient in zip(parameters, result.gradients, strict=True):
        parameter.grad = gradient
    norm = float(nn.utils.clip_grad_norm_(parameters, settings.clip))
    if not (math.isfinite(result.loss) and math.isfinite(norm)):
        raise _diverged(state.step, folder)
    for group in state.optimizer.param_groups:
        group["lr"] = settings.learning_rate.at(state.step)
    state.optimizer.step()
    state.optimizer.zero_grad()
    update_ema(list(state.average.values()), parameters, ema_decay(state.step, settings.ema))
    state.step += 1
    return result.loss, norm


@contextmanager
def averaged(state: TrainingState) -> Iterator[None]:
    """Inside, the parameters hold the averaged weights."""
    kept = [parameter.data for parameter in state.parameters.values()]
    for name, parameter in state.parameters.items():
        parameter.data = state.average[name]
    try:
        yield
    finally:
        for parameter, data in zip(state.parameters.values(), kept, strict=True):
            parameter.data = data


def _observe(task: Task, state: TrainingState, folder: Path, log: _Log) -> None:
    with averaged(state), torch.no_grad():
        log.write({"step": state.step, **task.observe(state.step, folder)})


def _diverged(step: int, folder: Path) -> TrainingError:
    return TrainingError(
        "diverged",
        f"loss or gradient is not finite at step {step}; {last_good(folder)}. Lower the learning rate and resume.",
    )


class _Log:
    """Appends one JSON line every `LOG_EVERY` steps: mean loss, learning rate, examples per second."""

    def __init__(self, path: Path, batch: int) -> None:
        self._path = path
        self._batch = batch
        self._losses: list[float] = []
        self._norms: list[float] = []
        self._since = time.monotonic()

    def step(self, step: int, loss: float, norm: float, rate: float) -> None:
        self._losses.append(loss)
        self._norms.append(norm)
        if step % LOG_EVERY:
            return
        count, seconds = len(self._losses), time.monotonic() - self._since
        self.write(
            {
                "step": step,
                "loss": round(sum(self._losses) / count, 5),
                "gradient_norm": round(sum(self._norms) / count, 4),
                "learning_rate": rate,
                "examples_per_second": round(count * self._batch / seconds, 2),
            }
        )
        self._losses, self._norms, self._since = [], [], time.monotonic()

    def write(self, entry: Mapping[str, float]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": round(time.time()), **entry}) + "\n")
