"""Showing whatever is on a wire."""

from __future__ import annotations

from typing import Annotated

from graph.declare import SocketOnly, node
from graph.result import Report
from graph.values import Values
from nodes.sockets import VALUE_TYPES


@node(
    "PreviewAny",
    display_name="Preview Any",
    category="utils",
    effect=True,
    words=("show text", "print", "debug", "display"),
)
def preview_any(*, source: Annotated[object, SocketOnly()]) -> Report:
    """Show a value as text: texts and numbers as they are, of others the kind, shape and range."""
    text = str(source) if isinstance(source, str | int | float) else Values(VALUE_TYPES).describe(source)
    return Report(text=(text,))
