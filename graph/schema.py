"""The JSON Schema (draft 2020-12) of a workflow document, published as `graph/latentgraph-1.schema.json`, which
`python -m graph.schema` writes.

`document.py` reads right files fast; only a wrong one is shown to the schema validator, which names every fault. A test
holds the published file equal to `document_schema()`, and the reader and the schema to the same verdict.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, cast

from graph.document import FORMAT, json_path
from graph.errors import Problem
from graph.json import Json, JsonObject
from graph.schema_faults import told

FILE: Final = Path(__file__).with_name("latentgraph-1.schema.json")
_WHOLE: Final = f"What may be there is in graph/{FILE.name}."
ADDRESS: Final = "https://latentgraph.dev/schema/latentgraph-1.json"


def document_schema() -> JsonObject:
    """The schema of `latentgraph/1`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ADDRESS,
        "title": "latentgraph workflow",
        "type": "object",
        "required": ["format", "nodes"],
        "additionalProperties": False,
        "properties": {
            "$schema": {"type": "string"},
            "format": {"const": FORMAT},
            "name": {"type": "string"},
            "description": {"type": "string"},
            "nodes": {"$ref": "#/$defs/nodes"},
            "parameters": {"$ref": "#/$defs/parameters"},
            "subgraphs": _by_name("subgraph"),
            "ui": _UI,
        },
        "$defs": {
            "nodes": _by_name("node"),
            "node": _node(),
            "input": _input(),
            "parameters": _parameters(),
            "subgraph": _subgraph(),
        },
    }


_NAME: Final[JsonObject] = {"type": "string", "minLength": 1}
_PAIR: Final[JsonObject] = {"type": "array", "prefixItems": [_NAME, _NAME], "items": False, "minItems": 2}
_UI: Final[JsonObject] = {"type": "object", "description": "Belongs to editors; never changes a result."}


def _by_name(definition: str) -> JsonObject:
    return {
        "type": "object",
        "propertyNames": {"minLength": 1},
        "additionalProperties": {"$ref": f"#/$defs/{definition}"},
    }


def _node() -> JsonObject:
    return {
        "type": "object",
        "required": ["type"],
        "additionalProperties": False,
        "properties": {
            "type": {**_NAME, "description": "A node type, or `subgraph:NAME`."},
            "inputs": _by_name("input"),
            "mode": {"enum": ["on", "mute", "bypass"]},
            "title": {"type": ["string", "null"]},
            "ui": _UI,
        },
    }


def _input() -> JsonObject:
    return {
        "description": "A link, a literal, or an object literal wrapped in `value`.",
        "if": {"type": "object"},
        "then": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
            "properties": {"from": _PAIR, "value": True},
        },
    }


def _parameters() -> JsonObject:
    return {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name", "binds"],
            "additionalProperties": False,
            "properties": {
                "name": _NAME,
                "binds": {"type": "array", "items": _PAIR},
                "help": {"type": ["string", "null"]},
            },
        },
    }


def _subgraph() -> JsonObject:
    return {
        "type": "object",
        "required": ["nodes"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string"},
            "nodes": {"$ref": "#/$defs/nodes"},
            "parameters": {"$ref": "#/$defs/parameters"},
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "from"],
                    "additionalProperties": False,
                    "properties": {"name": _NAME, "from": _PAIR},
                },
            },
            "ui": _UI,
        },
    }


def published() -> str:
    """The text of the published file."""
    return json.dumps(document_schema(), indent=2) + "\n"


def structural_problems(data: Json, *, most: int = 100) -> list[Problem]:
    """Every place where `data` breaks the schema, in document order, at most `most`."""
    from jsonschema import Draft202012Validator  # imported here: 0.1 s that right files never pay

    validator = Draft202012Validator(document_schema())
    errors = sorted(validator.iter_errors(data), key=lambda error: [str(part) for part in error.absolute_path])
    return [_problem(list(error.absolute_path), *told(error)) for error in errors[:most]]


def _problem(path: list[str | int], message: str, hint: str | None) -> Problem:
    node = cast("str", path[1]) if len(path) > 1 and path[0] == "nodes" else None
    message = message if len(message) < 300 else message[:297] + "..."
    return Problem("document_structure", message, node=node, path=json_path(*path), hint=hint or _WHOLE)


if __name__ == "__main__":
    FILE.write_text(published(), "utf-8")
