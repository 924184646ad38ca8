"""Reading a workflow from whatever file carries one: our documents, ComfyUI's two forms, and pictures made by either."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from graph.comfyui.imported import Imported
from graph.comfyui.read import read_workflow
from graph.errors import InputError, Problem
from graph.json import MAX_BYTES
from graph.spec import Catalogue
from server.seeds import draw


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


def read_drawn(path: Path, catalogue: Catalogue) -> Imported:
    """The same, with a number for each seed that the file leaves open."""
    found = read_source(path, catalogue)
    return replace(found, document=draw(found.document, catalogue)[0])
