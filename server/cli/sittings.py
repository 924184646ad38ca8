"""Sittings: a workflow that trains, run again and again, each time on from the checkpoint that it saved the time before.

Such a workflow has two parameters: `checkpoint`, what it begins from, and `sitting`, the number of the sitting from 0, from
which it takes other pictures each time. What is done is written beside the runs, so that any sitting can be killed and
given again. Of what sittings leave, that of the last few stays.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from graph.errors import InputError, Problem
from graph.events import RunFinished
from graph.files import write_durably
from nodes.catalogue import load_catalogue
from server.source import read_source

_CHECKPOINTS: Final = "checkpoints/"
_KEPT: Final = 3


_PARAMETERS: Final = ("checkpoint", "sitting")


def expect_sittings(workflow: Path) -> None:
    """Raises InputError for a workflow that lacks a parameter by which sittings tell it how to go on."""
    known = {one.name for one in read_source(workflow, load_catalogue()).document.parameters}
    lacking = [name for name in _PARAMETERS if name not in known]
    if not lacking:
        return
    named = " and ".join(f"`{name}`" for name in lacking)
    message = f"{workflow} has no parameter {named}, by which --sittings tells each sitting how to go on"
    hint = "Add it to the workflow, as workflows/training/sitting.json has it, or leave --sittings out to train once."
    raise InputError([Problem("no_sittings", message, path="$.parameters", hint=hint)])


@dataclass(frozen=True, slots=True)
class Made:
    """What one sitting left in the output folder: its checkpoint and the folders of its runs, as names in there."""

    checkpoint: str
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sittings:
    """How many sittings of a workflow are done in an output folder, and what the last of them left, the newest last.

    `began_from` is the checkpoint that the command line named for the first, None where it named none.
    """

    output: Path
    file: Path
    done: int
    made: tuple[Made, ...]
    began_from: str | None = None

    @staticmethod
    def read(output: Path, workflow: Path) -> Sittings:
        """Those of a workflow in an output folder. Raises InputError for a file that does not say."""
        file = output / "training" / f"{workflow.stem}-sittings.json"
        if not file.is_file():
            return Sittings(output, file, 0, ())
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            made = tuple(Made(one["checkpoint"], tuple(one["runs"])) for one in told["made"])
            return Sittings(output, file, int(told["done"]), made, told.get("began_from"))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            hint = "To begin anew, move it away, or choose another output folder."
            told = f"{file} does not say how many sittings are done"
            raise InputError([Problem("sittings_unreadable", told, hint=hint)]) from error

    def expect_beginning(self, checkpoint: str | None) -> None:
        """Raises InputError where sittings that began from another checkpoint are to begin from this one."""
        if checkpoint is None or not self.made or checkpoint == self.began_from:
            return
        began = f"from {self.began_from}" if self.began_from else "without --checkpoint"
        message = (
            f"the sittings in {self.output} began {began}; {self.done} are done, and the next goes on from the last"
        )
        hint = (
            f"Leave --checkpoint out to go on. To begin anew, move {self.file} away, or choose another output folder."
        )
        raise InputError([Problem("sittings_of_another", message, hint=hint)])

    @property
    def flags(self) -> Sequence[str]:
        """What the next sitting is told. The first begins from what the workflow or the command line names."""
        if not self.made:
            return ("--sitting", "0")
        return ("--checkpoint", self.made[-1].checkpoint.removeprefix(_CHECKPOINTS), "--sitting", str(self.done))

    def keep(self, finished: RunFinished, checkpoint: str | None) -> None:
        """One more is done, where the command line named this checkpoint or none: write it down, and let go what one long
        before has left. Raises InputError where it has saved no checkpoint."""
        saved = [
            one.name
            for outcome in finished.outcomes.values()
            for one in (outcome.report.files if outcome.report is not None else ())
            if one.name.startswith(_CHECKPOINTS)
        ]
        if not saved:
            hint = "Save it below checkpoints/ with ExportCheckpoint."
            raise InputError([Problem("no_checkpoint", "this workflow saves no checkpoint to go on from", hint=hint)])
        made = (*self.made, Made(saved[-1], self._runs(finished)))
        began_from = self.began_from if self.made else checkpoint
        told = {"done": self.done + 1, "began_from": began_from, "made": [asdict(one) for one in made[-_KEPT:]]}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_durably(self.file, [json.dumps(told, indent=1).encode() + b"\n"])
        # What a later sitting has found again, such as an autoencoder that is trained once, is still in use.
        needed = {run for one in made[-_KEPT:] for run in one.runs}
        for old in made[:-_KEPT]:
            (self.output / old.checkpoint).unlink(missing_ok=True)
            for run in set(old.runs) - needed:
                shutil.rmtree(self.output / run, ignore_errors=True)

    def _runs(self, finished: RunFinished) -> tuple[str, ...]:
        """The folders that the nodes of a run say they have trained in."""
        said = [text for one in finished.outcomes.values() if one.report is not None for text in one.report.text]
        folders = sorted((self.output / "training").glob("*/"))
        return tuple(f"training/{path.name}" for path in folders if any(path.name in text for text in said))
