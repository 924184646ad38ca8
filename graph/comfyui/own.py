"""What a document says and a canvas has no place for: its name, its description, its parameters.

An export leaves them under `extra.latentgraph`, where other editors keep what they do not know, and an import takes
them back. Parameters that primitives draw are not repeated there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from graph.comfyui.drawing import Drawing
from graph.comfyui.names import Names
from graph.comfyui.primitives import primitive_binds
from graph.comfyui.shapes import as_identity, as_list, as_object, as_text
from graph.document import Document, Node, Parameter
from graph.json import Json, JsonObject

OWN_KEY: Final = "latentgraph"


def own_data(document: Document, drawing: Drawing) -> JsonObject:
    """The entry to leave in the file; empty if there is nothing to say."""
    drawn = {tuple(primitive_binds(one, document.nodes)) for _, one in drawing.primitives}
    listed: list[Json] = [
        _parameter(one, drawing.ids) for one in document.parameters if one.binds and one.binds not in drawn
    ]
    own: JsonObject = {"name": document.name, "description": document.description, "parameters": listed}
    return {key: value for key, value in own.items() if value}


def with_own_data(document: Document, data: Json) -> Document:
    """The document with what an earlier export left in the file, as far as its nodes still exist."""
    own = as_object(data)
    if own is None:
        return document
    names = Names(one.name for one in document.parameters)
    listed = [_read(as_object(one) or {}, document.nodes, names) for one in as_list(own.get("parameters"))]
    return replace(
        document,
        name=as_text(own.get("name")) or "",
        description=as_text(own.get("description")) or "",
        parameters=(*document.parameters, *(one for one in listed if one is not None)),
    )


def _parameter(parameter: Parameter, ids: Mapping[str, Json]) -> Json:
    binds: list[Json] = [[ids[node], name] for node, name in parameter.binds if node in ids]
    data: JsonObject = {"name": parameter.name, "binds": binds}
    return data if parameter.help is None else {**data, "help": parameter.help}


def _read(data: JsonObject, nodes: Mapping[str, Node], names: Names) -> Parameter | None:
    name = as_text(data.get("name"))
    pairs: Sequence[list[Json]] = [one for one in as_list(data.get("binds")) if isinstance(one, list)]
    binds = [(as_identity(one[0]), as_text(one[1])) for one in pairs if len(one) == 2]
    kept = tuple((node, key) for node, key in binds if node in nodes and node is not None and key is not None)
    if name is None or not kept:
        return None
    return Parameter(names.take(name), kept, as_text(data.get("help")))
