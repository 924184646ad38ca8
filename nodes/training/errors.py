"""What can go wrong in a training run, with a code that stays the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graph.errors import GraphError


class TrainingError(GraphError):
    """A run cannot start or go on. `code` is stable; the message says what and what to do."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message, code=code, hint=hint)


@contextmanager
def saving(folder: Path, kept: str) -> Iterator[None]:
    """Inside, what the disk refuses is a TrainingError ("cannot_save") that says what is `kept` in the folder."""
    try:
        yield
    except OSError as error:
        raise TrainingError(
            "cannot_save",
            f"nothing can be written into {folder}: {error.strerror or error}; {kept}",
            "Free some space, or choose another output folder, and run again.",
        ) from error
