"""Training as nodes do it: where a run is kept, and how it is watched.

A run is kept in a folder named by what it is made of, under `training/` in the output folder. A node that is cancelled or
killed leaves checkpoints there; the same node with the same inputs goes on from the last of them, whatever has become of
the cache. When it is done, its result stays and the checkpoints go. Two processes never train in one folder at a time, but
for those that torch's launcher starts to train together: of these the first alone writes.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from PIL import Image as Pillow
from safetensors.torch import load_file
from torch import Tensor

from graph.context import Context
from graph.declare import implementation
from graph.files import write_durably
from graph.json import Json
from graph.result import Report, SavedFile
from graph.states import States, state_key
from nodes.diffusion.config import ModelConfig
from nodes.folders import Folders
from nodes.training.checkpoint import last_good, write_atomically
from nodes.training.errors import TrainingError, saving
from nodes.training.job import Schedule, Trained, expect_room, tidy, train_to_end
from nodes.training.loss_curve import training_preview
from nodes.training.ranks import all_here, own_share
from nodes.training.step import Trainable
from nodes.weights.load import open_checkpoint

_FOLDER: Final = "training"
_RESULT: Final = "result.safetensors"
_LOSSES: Final = "losses.safetensors"
_ABOUT: Final = "run.json"
_LOCK: Final = "lock"
_TOLD_OVER: Final = 20
_SAMPLES_SHARE: Final = 20
"""Drawing samples takes at most one part in so many of the time."""
_SECONDS_TO_FIRST_SAMPLES: Final = 20.0

DrawSamples = Callable[[], Pillow.Image]
NodeFunction = Callable[..., object]


class TrainingJob:
    """The run of one node: its folder, and what it came to once it is done."""

    def __init__(
        self, context: Context, kind: str, node: NodeFunction, values: tuple[object, ...], *settings: Json
    ) -> None:
        """`node` is the function whose run it is: another version of it makes another run. `values` are those on the node's
        wires, `settings` everything else that decides the numbers."""
        known, made_by = context.service(States).values, implementation(node)
        assert made_by is not None, f"{node} is no node"
        wired: list[Json] = [known.digest(value) for value in values]
        key = state_key("training", made_by.spec.type, made_by.spec.version, wired, list(settings))
        self.folder = context.service(Folders).root("output") / _FOLDER / f"{kind}-{key[:16]}"
        self._context = context

    @property
    def result(self) -> Path:
        """The file that the run is for. It exists when the run is done."""
        return self.folder / _RESULT

    @property
    def done(self) -> bool:
        return self.result.is_file() and (self.folder / _LOSSES).is_file()

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Inside, this run is nobody else's. Raises TrainingError: "run_in_use", "cannot_save"."""
        if not own_share().first:
            yield
            return
        expect_room(self.folder)
        with saving(self.folder, "no run can be kept there"):
            lock = open(self.folder / _LOCK, "ab")  # noqa: SIM115 - closed below
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise TrainingError(
                    "run_in_use",
                    f"another process is training this very run in {self.folder}",
                    "Wait for it: what it comes to is found by everybody. Or stop it, and run again to go on from its "
                    "last checkpoint.",
                ) from None
            yield

    def config(self) -> ModelConfig:
        """The configuration of what the run made, where that is a part of a model."""
        return open_checkpoint(self.result).config

    def told(self) -> Report:
        """How the losses went, and where everything is. With the file of the result: where that is gone, the run is to be
        made again, whatever is known of its outputs."""
        losses = self.losses()
        first, last = losses[:_TOLD_OVER].mean(), losses[-_TOLD_OVER:].mean()
        text = f"loss {first:.4g} at first, {last:.4g} after {len(losses)} steps; kept in {self.folder}"
        return Report((self._file(),), (text,))

    def made(self) -> Report:
        """The file of the result alone."""
        return Report((self._file(),))

    def _file(self) -> SavedFile:
        return SavedFile.at(self.result, "output", f"{_FOLDER}/{self.folder.name}/{_RESULT}")

    def losses(self) -> Tensor:
        """The losses of a run that is done, float64 [N]."""
        return load_file(self.folder / _LOSSES)["losses"]

    def run(self, task: Trainable, schedule: Schedule, samples: DrawSamples | None = None) -> Tensor:
        """Train to the end, or as far as the user lets it; returns the losses. The task's parameters are the average then.

        Raises `Cancelled` and TrainingError.
        """
        watch = _Watch(self._context, samples)
        with torch.enable_grad():
            state = train_to_end(task, schedule, self.folder, watch)
        with torch.no_grad():
            for name, parameter in state.parameters.items():
                parameter.copy_(state.average[name])
        return torch.tensor(state.losses, dtype=torch.float64)

    def finish(self, losses: Tensor, about: dict[str, Json], write: Callable[[Path], None]) -> None:
        """`write` the result to a path, keep the losses and what the run was, and let the checkpoints go.

        Of processes that train together the first does it, and the others wait for it."""
        if own_share().first:
            with saving(self.folder, last_good(self.folder)):
                write(self.result)
                write_durably(self.folder / _ABOUT, [json.dumps(about, indent=1).encode() + b"\n"])
                write_atomically(self.folder / _LOSSES, {"losses": losses}, {})  # the last: with it the run is done
            tidy(self.folder)
        all_here()


class _Watch:
    """Tells the run of each step, with a preview for whoever looks. Samples are drawn as often as they are cheap."""

    def __init__(self, context: Context, samples: DrawSamples | None) -> None:
        self._context, self._draw = context, samples
        self._drawn: Pillow.Image | None = None
        self._next = time.monotonic() + _SECONDS_TO_FIRST_SAMPLES

    def __call__(self, trained: Trained) -> None:
        if self._draw is not None and trained.step and time.monotonic() >= self._next:
            began = time.monotonic()
            self._drawn = self._draw()
            now = time.monotonic()
            self._next = now + max(_SECONDS_TO_FIRST_SAMPLES, _SAMPLES_SHARE * (now - began))
        losses, drawn = trained.losses, self._drawn
        self._context.progress(trained.step, trained.steps, lambda: training_preview(list(losses), drawn))
