"""Reading a workflow from whatever file carries one: our documents, ComfyUI's two forms, and pictures made by either."""

from __future__ import annotations

from pathlib import Path

from graph.comfyui.imported import Imported
from graph.comfyui.read import read_workflow
from graph.errors import InputError, Problem
from graph.json import MAX_BYTES
from graph.spec import Catalogue


def read_source(path: Path, catalogue: Catalogue) -> Imported:
    """Read a file of any form. Raises InputError with every problem."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        hint = "Give the path of a workflow file or of a picture that carries one."
        message = f"cannot read {path}: {error.strerror or error}"
        raise InputError([Problem("file_unreadable", message, hint=hint)]) from None
    return read_workflow(content, catalogue, source=str(path))
