"""What can go wrong in a training run, with a code that stays the same."""

from __future__ import annotations


class TrainingError(Exception):
    """A run cannot start or go on. `code` is stable; the message says what and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
