"""Files changed at random places: an import either succeeds or says what is wrong, and so do the exports after it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.comfyui.export_prompt import export_prompt
from graph.comfyui.export_ui import export_ui
from graph.comfyui.metadata import import_picture
from graph.comfyui.read import import_workflow, read_workflow
from graph.document import Document, Link, Node, Subgraph, SubgraphOutput, parse, to_json
from graph.errors import InputError
from graph.json import Json
from graph.spec import NodeSpec
from tests.graph.comfyui_cases import (
    CATALOGUE,
    canvas,
    definition,
    full_catalogue,
    needs_shared,
    node,
    shared_files,
    slot,
)

ID = "3649d32d-3c81-4249-9e89-a1fe12609f65"
EVERYTHING: Json = canvas(
    [
        node(1, "LoadImage", values=["a.png", "image"]),
        node(2, "Reroute", inputs=[slot("", "*", 1)], outputs=[slot("", "*")]),
        node(3, ID, inputs=[slot("picture", "IMAGE", 2)], outputs=[slot("IMAGE")], values=[64],
             properties={"proxyWidgets": [["5", "width"], ["-1", "picture"]]}),
        node(4, "PrimitiveNode", outputs=[slot("INT")], values=[64, "increment"], title="Seed"),
        node(5, "KSampler", inputs=[slot("model", "MODEL"), slot("seed", "INT", 3, widget=True)],
             values=[7, "randomize", 20, 8, "euler", 1]),
        node(6, "Note", values=["text"]),
        node(7, "workflow>mine", inputs=[slot("image", "IMAGE", 1)], values=["b.png", 1]),
        node(8, "FromSomePack", inputs=[slot("a", "INT", widget=True)], values=[1, "fixed"], mode=4),
        node(9, "SaveImage", inputs=[slot("images", "IMAGE", 4)], values={"filename_prefix": "p"}),
    ],
    [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"], [3, 4, 0, 5, 1, "INT"],
     {"id": 4, "origin_id": 3, "origin_slot": 0, "target_id": 9, "target_slot": 0, "parentId": 2}],
    groups=[{"title": "G", "bounding": [0, 0, 9, 9]}],
    extra={
        "ds": {"scale": 1, "offset": [0, 0]},
        "reroutes": [{"id": 1, "pos": [0, 0]}, {"id": 2, "parentId": 1, "pos": [0, 0]}],
        "linkExtensions": [{"id": 1, "parentId": 2}],
        "latentgraph": {"name": "n", "parameters": [{"name": "p", "binds": [["5", "steps"]]}]},
        "groupNodes": {"mine": {
            "nodes": [node(0, "LoadImage", outputs=[slot("IMAGE")]), node(1, "ImageInvert", inputs=[slot("image")])],
            "links": [[0, 0, 1, 0]], "external": [[0, 0, "IMAGE"]], "config": {"1": {"input": {"x": {"visible": False}}}},
        }},
    },
    definitions={"subgraphs": [definition(
        ID,
        [node(5, "EmptyLatentImage", inputs=[slot("width", "INT", 2, widget=True)], values=[1, 2, 3]),
         node(6, "ImageInvert", inputs=[slot("image", "IMAGE", 1)]), node(7, ID)],
        [[1, -10, 0, 6, 0], [2, -10, 1, 5, 0], [3, 6, 0, -20, 0], [4, -10, 0, -20, 1]],
        inputs=["picture", "width"], outputs=["IMAGE", "through"],
    )]},
)  # fmt: skip
PROMPT: Json = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}, "_meta": {"title": "T"}},
    "2": {"class_type": "FromSomePack", "inputs": {"x": ["1", 0], "y": {"__value__": [1]}}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 1], "filename_prefix": 5}},
}

UNRESOLVED = {"recursive_subgraph", "unknown_subgraph", "unknown_output", "name_clash", "subgraph_too_large"}
"""Why a document may have no API prompt; all are found by the engine's own flattening."""

HOSTILE: list[Json] = [
    None, True, -1, 0, 2, 0.5, 1e300, 10**400, -(10**20), "", "-10", "-20", "x", "5", "12:5", "subgraph:x", ID,
    "workflow>mine", "Reroute", "PrimitiveNode", "Note", "KSampler", [], {}, [[]], [None], [1, 2], ["1", 0],
    {"0": 1, "1": 2}, {"name": "x"}, {"__value__": []}, [[1, 1, 0, 1, 0, "*"]], [["5", "width"]], "\ud800",
]  # fmt: skip


def places(value: Json) -> list[tuple[str | int, ...]]:
    """The path of every value inside a JSON value."""
    found: list[tuple[str | int, ...]] = []
    waiting: list[tuple[tuple[str | int, ...], Json]] = [((), value)]
    while waiting:
        path, one = waiting.pop()
        found.append(path)
        children: list[tuple[str | int, Json]] = []
        if isinstance(one, dict):
            children = list(one.items())
        elif isinstance(one, list):
            children = list(enumerate(one))
        waiting += [((*path, key), child) for key, child in children]
    return found


def at(value: Json, path: tuple[str | int, ...]) -> Json:
    for key in path:
        value = cast("dict[str | int, Json]", value)[key]
    return value


@st.composite
def damaged(draw: st.DrawFn, whole: Json) -> Json:
    """The value with up to six of its parts replaced by something hostile or by another part of it."""
    changed = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 6))):
        path = draw(st.sampled_from(places(changed)))
        inside = draw(st.booleans())
        part = at(changed, draw(st.sampled_from(places(changed)))) if inside else draw(st.sampled_from(HOSTILE))
        part = copy.deepcopy(part)
        if not path:
            return part
        cast("dict[str | int, Json]", at(changed, path[:-1]))[path[-1]] = part
    return changed


def survives(data: Json, catalogue: Mapping[str, NodeSpec]) -> None:
    try:
        imported = import_workflow(data, catalogue)
    except InputError as refused:
        assert refused.problems  # noqa: PT017 - either outcome is right
        return
    assert parse(to_json(imported.document)) == imported.document
    json.dumps(to_json(imported.document))
    settles(imported.document, catalogue)
    try:
        export_prompt(imported.document, catalogue)
    except InputError as refused:
        assert {one.code for one in refused.problems} <= UNRESOLVED  # noqa: PT017


def settles(document: Document, catalogue: Mapping[str, NodeSpec]) -> None:
    """However odd a document is, drawing and reading it again and again changes nothing any more."""
    odd = import_workflow(export_ui(document, catalogue), catalogue).document  # drawn, a node called Note is a note
    once = import_workflow(export_ui(odd, catalogue), catalogue).document
    twice = import_workflow(export_ui(once, catalogue), catalogue).document
    assert to_json(twice)["nodes"] == to_json(once)["nodes"]


@given(damaged(EVERYTHING))
@settings(max_examples=300, deadline=None)
def test_a_damaged_canvas(data: Json) -> None:
    survives(data, CATALOGUE)


@given(damaged(PROMPT))
@settings(max_examples=150, deadline=None)
def test_a_damaged_prompt(data: Json) -> None:
    survives(data, CATALOGUE)


@pytest.mark.parametrize(
    "path", [*shared_files("comfyui_workflows"), *shared_files("golden/workflows")], ids=lambda path: path.stem
)
@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_real_files(path: Path, data: st.DataObject) -> None:
    needs_shared()
    survives(data.draw(damaged(json.loads(path.read_text()))), full_catalogue())


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_bytes_of_any_kind(content: bytes) -> None:
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x00\x00\x00\x00WEBP", b"{"):
        with pytest.raises(InputError):
            read_workflow(start + content, CATALOGUE)
    with pytest.raises(InputError):
        import_picture(content, CATALOGUE)


def test_half_a_character_in_a_name_is_drawn_too() -> None:
    inner = Subgraph("\ud800", {}, (), (SubgraphOutput("\udfff", Link("a", "b")),))
    document = Document({"s": Node("subgraph:\ud800")}, subgraphs={"\ud800": inner})
    settles(document, CATALOGUE)
