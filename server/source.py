"""Reading a workflow from whatever file carries one: our documents, ComfyUI's two forms, and pictures made by either."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from graph.comfyui.imported import Imported
from graph.comfyui.read import read_workflow
from graph.comfyui.recognise import Format
from graph.comfyui.write import write_workflow
from graph.errors import InputError, Problem
from graph.json import MAX_BYTES, Json
from graph.spec import Catalogue
from server.draws import as_written, draw, kept, words_of


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
    return replace(found, document=draw(found.document, catalogue, as_written)[0])


def written(source: Imported, form: Format, catalogue: Catalogue) -> Json:
    """A workflow in a form. An API prompt can leave nothing open: what ComfyUI's editor would draw is drawn."""
    document = kept(source, catalogue)
    if form == "comfyui-api":
        document, _ = draw(source.document, catalogue, words_of(source))
    return write_workflow(document, form, catalogue)
