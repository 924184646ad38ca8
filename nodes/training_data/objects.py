"""The nouns of the training pictures: a hand-made table of things that can be placed in a scene.

`objects.json` holds one line per sprite: its code point, a clean noun, the plural, synonyms, the kind of
thing it is, its own colour, and what may be done to it. Everything that says a word about a sprite reads it
here; the pixels are in `sprites.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

Number = Literal["count", "mass", "plural"]


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """One kind of thing. `weight` is how often it is drawn relative to the others, at least 1."""

    code: str
    noun: str
    plural: str
    number: Number
    synonyms: tuple[str, ...]
    kind: str
    colour: str | None
    recolourable: bool
    directional: bool
    floats: bool
    weight: int


def object_kinds() -> tuple[ObjectKind, ...]:
    """All kinds of the vendored table, in file order."""
    text = (resources.files("nodes.training_data") / "objects.json").read_text(encoding="utf-8")
    return tuple(_object_kind(entry) for entry in json.loads(text))


def _object_kind(entry: dict[str, Any]) -> ObjectKind:
    return ObjectKind(
        code=entry["code"],
        noun=entry["noun"],
        plural=entry.get("plural", entry["noun"]),
        number=entry.get("number", "count"),
        synonyms=tuple(entry.get("synonyms", ())),
        kind=entry["kind"],
        colour=entry.get("colour"),
        recolourable=entry.get("recolourable", False),
        directional=entry.get("directional", False),
        floats=entry.get("floats", False),
        weight=entry.get("weight", 1),
    )
