"""What nodes wrote and show, as JSON: of a run that tells it, and of a plan for what is known already."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from graph.json import JsonObject
from graph.result import Report, SavedFile

Keep: TypeAlias = Callable[[str], "str | None"]
"""Keeps a saved file by its content: its digest, None if that cannot be done."""


def report(one: Report, keep: Keep | None = None) -> JsonObject:
    """What a node wrote and shows. Paths stay inside; folder and name, or the digest, are how a file is asked for."""
    told: JsonObject = {}
    if one.files:
        told["files"] = [_file(file, keep) for file in one.files]
    if one.text:
        told["text"] = list(one.text)
    return told


def _file(file: SavedFile, keep: Keep | None) -> JsonObject:
    told: JsonObject = {"folder": file.folder, "name": file.name, "bytes": file.bytes}
    digest = keep(file.path) if keep else None
    return told if digest is None else told | {"digest": digest}
