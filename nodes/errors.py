"""Errors of node bodies that belong to no one part."""

from __future__ import annotations

from graph.errors import GraphError


class UnsuitableInput(GraphError):
    """An input of the right type that this node cannot use. The message says which and why."""

    code = "unsuitable_input"


def expect_batch(over: int, under: int, what: str) -> None:
    """Raises `UnsuitableInput` unless a batch is as large as the one it is laid over, or has one entry for all of it."""
    if over not in (1, under):
        raise UnsuitableInput(f"a batch of {over} {what} cannot be laid over {under}: give 1, or {under}")
