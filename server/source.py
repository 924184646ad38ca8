"""Reading a workflow from whatever file carries one: our documents, ComfyUI's two forms, and pictures made by either."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from graph.comfyui.imported import Imported
from graph.comfyui.read import read_workflow
from graph.document import parse, to_json
from graph.errors import InputError, Problem
from graph.json import MAX_BYTES
from graph.spec import Catalogue
from server.seeds import RANDOM, draw


def read_source(path: Path, catalogue: Catalogue) -> Imported:
    """Read a file of any form. Raises InputError with every problem."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        hint = "Give the path of a workflow file or of a picture that carries one."
        message = f"cannot read {path}: {error.strerror or error}"
        raise InputError([Problem("file_unreadable", message, hint=hint)]) from None
    found = read_workflow(content, catalogue, source=str(path))
    if f'"{RANDOM}"'.encode() not in content:
        return found
    return replace(found, document=parse(draw(to_json(found.document), catalogue)[0]))
