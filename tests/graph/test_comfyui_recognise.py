"""Telling formats apart, and reading whichever it is."""

from __future__ import annotations

import json

import pytest

from graph.comfyui.read import read_workflow
from graph.comfyui.recognise import Format, recognise
from graph.errors import InputError
from graph.json import Json
from tests.graph.comfyui_cases import CATALOGUE, canvas

KNOWN: dict[str, tuple[Json, Format]] = {
    "a document of ours": ({"format": "latentgraph/1", "nodes": {}}, "latentgraph"),
    "a document of ours from the future": ({"format": "latentgraph/9", "nodes": {}}, "latentgraph"),
    "a canvas": (canvas([]), "comfyui"),
    "a canvas of version 1": ({"version": 1, "nodes": [], "links": []}, "comfyui"),
    "a prompt": ({"1": {"class_type": "X", "inputs": {}}}, "comfyui-api"),
    "a request body": ({"prompt": {"1": {"class_type": "X"}}, "client_id": "c"}, "comfyui-api"),
    "a prompt with a node called prompt": ({"prompt": {"class_type": "X"}}, "comfyui-api"),
    "a prompt with a node called nodes": ({"nodes": {"class_type": "X"}}, "comfyui-api"),
}


@pytest.mark.parametrize(("data", "form"), KNOWN.values(), ids=KNOWN)
def test_known_formats(data: Json, form: Format) -> None:
    assert recognise(data) == form


UNKNOWN: dict[str, tuple[Json, str]] = {
    "null": (None, ""),
    "a list": ([1], ""),
    "empty": ({}, "Give a latentgraph document"),
    "ours without its format": ({"nodes": {"a": {"type": "X"}}}, "lacks its first line"),
    "another program's": ({"nodes": [], "edges": []}, "another program"),
    "a workflow in an envelope": ({"workflow": {"nodes": []}}, "under `workflow`"),
}


@pytest.mark.parametrize(("data", "advice"), UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_formats_get_advice(data: Json, advice: str) -> None:
    with pytest.raises(InputError) as refused:
        recognise(data)
    (problem,) = refused.value.problems
    assert problem.code == "unknown_format"
    assert advice in (problem.hint or "")


READ: dict[str, tuple[Json, set[str]]] = {
    "ours": ({"format": "latentgraph/1", "nodes": {"a": {"type": "X"}}}, {"a"}),
    "a canvas": (canvas([{"id": 3, "type": "ImageInvert"}]), {"3"}),
    "a prompt": ({"5": {"class_type": "ImageInvert"}}, {"5"}),
}


@pytest.mark.parametrize(("data", "nodes"), READ.values(), ids=READ)
def test_one_door_for_all(data: Json, nodes: set[str]) -> None:
    assert read_workflow(json.dumps(data).encode(), CATALOGUE).document.nodes.keys() == nodes


@pytest.mark.parametrize(
    ("content", "code"), [(b"{", "json_syntax"), (b"\xff", "json_encoding"), (b"{}", "unknown_format")]
)
def test_what_is_wrong_is_said(content: bytes, code: str) -> None:
    with pytest.raises(InputError) as refused:
        read_workflow(content, CATALOGUE, source="mine.json")
    assert refused.value.problems[0].code == code
