"""Sittings: a workflow that trains, run again and again, each time on from the checkpoint that it saved the time before.

Such a workflow has two parameters: `checkpoint`, what it begins from, and `sitting`, the number of the sitting from 0, from
which it takes other pictures each time. What is done is written beside the runs, so that any sitting can be killed and
given again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from graph.errors import InputError, Problem
from graph.events import RunFinished
from graph.files import write_whole

_CHECKPOINTS: Final = "checkpoints/"


@dataclass(frozen=True, slots=True)
class Sittings:
    """How many sittings are done, and the checkpoint that the last of them saved: None before the first."""

    file: Path
    done: int
    checkpoint: str | None

    @staticmethod
    def read(output: Path, workflow: Path) -> Sittings:
        """Those of a workflow in an output folder."""
        file = output / "training" / f"{workflow.stem}-sittings.json"
        if not file.is_file():
            return Sittings(file, 0, None)
        told = json.loads(file.read_text(encoding="utf-8"))
        return Sittings(file, int(told["done"]), str(told["checkpoint"]))

    @property
    def flags(self) -> Sequence[str]:
        """What the next sitting is told. The first begins from what the workflow or the command line names."""
        if self.checkpoint is None:
            return ("--sitting", "0")
        return ("--checkpoint", self.checkpoint, "--sitting", str(self.done))

    def keep(self, finished: RunFinished) -> Sittings:
        """One more is done. Raises InputError where it has saved no checkpoint."""
        saved = [
            one.name
            for outcome in finished.outcomes.values()
            for one in (outcome.report.files if outcome.report is not None else ())
            if one.name.startswith(_CHECKPOINTS)
        ]
        if not saved:
            hint = "Save it below checkpoints/ with ExportCheckpoint."
            raise InputError([Problem("no_checkpoint", "this workflow saves no checkpoint to go on from", hint=hint)])
        kept = Sittings(self.file, self.done + 1, saved[-1].removeprefix(_CHECKPOINTS))
        self.file.parent.mkdir(parents=True, exist_ok=True)
        told = {"done": kept.done, "checkpoint": kept.checkpoint}
        write_whole(self.file, [json.dumps(told, indent=1).encode() + b"\n"])
        return kept
