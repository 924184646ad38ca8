"""What can go wrong in a training run, with a code that stays the same."""

from __future__ import annotations

from graph.errors import GraphError


class TrainingError(GraphError):
    """A run cannot start or go on. `code` is stable; the message says what and what to do."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message, code=code, hint=hint)
