"""Reading a workflow from whatever file carries one: our documents, ComfyUI's two forms, and pictures made by either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from graph.comfyui.metadata import read_picture
from graph.comfyui.recognise import recognise

from graph.comfyui.prompt import import_prompt
from graph.comfyui.ui import import_ui
from graph.document import Document, parse
from graph.errors import InputError, Problem
from graph.json import MAX_BYTES, Json, loads
from graph.spec import NodeSpec

Form = Literal["latentgraph", "comfyui", "comfyui-api"]

_PICTURES: Final = (b"\x89PNG\r\n\x1a\n", b"RIFF", b"\xff\xd8\xff")


@dataclass(frozen=True, slots=True)
class Source:
    """A document, the form it was read from, and what could not be carried over."""

    document: Document
    form: Form
    problems: tuple[Problem, ...] = ()


def read_source(path: Path, catalogue: Mapping[str, NodeSpec]) -> Source:
    """Read a file of any form. Raises InputError with every problem."""
    return interpret(read_json(path), catalogue)


def read_json(path: Path) -> Json:
    """The JSON in a file, or in a picture's metadata."""
    try:
        with open(path, "rb") as file:
            start = file.read(12)
            if start.startswith(_PICTURES):
                return read_picture(path)
            text = start + file.read(MAX_BYTES + 1)
    except OSError as error:
        hint = "Give the path of a workflow file or of a picture that carries one."
        message = f"cannot read {path}: {error.strerror or error}"
        raise InputError([Problem("file_unreadable", message, hint=hint)]) from None
    return loads(text, source=str(path))


def interpret(data: Json, catalogue: Mapping[str, NodeSpec]) -> Source:
    """Tell the form of a JSON value and import it."""
    form = recognise(data)
    if form == "latentgraph":
        return Source(parse(data), form)
    imported = import_prompt(data, catalogue) if form == "comfyui-api" else import_ui(data, catalogue)
    return Source(imported.document, form, imported.problems)
