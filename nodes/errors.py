"""Errors of node bodies that belong to no one part."""

from __future__ import annotations

from graph.errors import GraphError


class UnsuitableInput(GraphError):
    """An input of the right type that this node cannot use. The message says which and why."""

    code = "unsuitable_input"
