"""Real workflow files: nothing is lost on the way in and out, and what would be sent to ComfyUI is what its editor sends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from graph.comfyui.export_prompt import export_prompt
from graph.comfyui.export_ui import export_ui
from graph.comfyui.prompt import import_prompt
from graph.comfyui.read import import_workflow, read_workflow
from graph.comfyui.ui import import_ui
from graph.document import parse, to_json
from graph.flatten import flatten
from graph.json import Json, JsonObject
from tests.graph.comfyui_cases import HARMLESS, full_catalogue, needs_shared, sent, shared_files

pytestmark = pytest.mark.golden

CANVASES = shared_files("comfyui_workflows") or [Path("absent.json")]
PROMPTS = shared_files("golden/workflows") or [Path("absent.json")]
VIRTUAL = {"Note", "MarkdownNote", "PrimitiveNode"}
CONTROLS = {"fixed", "increment", "decrement", "randomize"}


def load(path: Path) -> JsonObject:
    needs_shared()
    return cast("JsonObject", json.loads(path.read_text()))


@pytest.mark.parametrize("path", CANVASES, ids=lambda path: path.stem)
def test_a_canvas_file_goes_in_and_out(path: Path) -> None:
    file, catalogue = load(path), full_catalogue()
    imported = import_ui(file, catalogue)
    assert all(one.code in HARMLESS for one in imported.problems)
    assert parse(to_json(imported.document)) == imported.document
    assert not flatten(imported.document, catalogue).problems
    exported = export_ui(imported.document, catalogue)
    assert import_ui(json.loads(json.dumps(exported)), catalogue).document == imported.document
    again = {cast("int", one["id"]): one for one in cast("list[JsonObject]", exported["nodes"])}
    for node in cast("list[JsonObject]", file["nodes"]):
        assert as_drawn(again[cast("int", node["id"])]) == as_drawn(node)


def as_drawn(node: JsonObject) -> JsonObject:
    """What must come back of a node: not its slots, which are rebuilt, nor flags that are false."""
    kept = {
        key: value for key, value in node.items() if key not in {"inputs", "outputs", "order", "flags", "properties"}
    }
    kept["properties"] = {key: one for key, one in cast("JsonObject", node.get("properties", {})).items()
                          if key != "proxyWidgets"}  # fmt: skip
    kept["flags"] = {key: flag for key, flag in cast("JsonObject", node["flags"]).items() if flag}
    return kept | {"widgets_values": listed_values(node)}


def listed_values(node: JsonObject) -> list[Json]:
    """The widget values of a node; of two things that only the oldest file has, what they mean today."""
    values = cast("list[Json]", node.get("widgets_values", []))
    if node["type"] == "SaveImage" and not values:
        return ["ComfyUI"]
    return ["randomize" if one is True and node["type"] == "KSampler" else one for one in values]


@pytest.mark.parametrize("path", [one for one in CANVASES if "netayume" not in one.stem], ids=lambda path: path.stem)
def test_what_would_be_sent_is_what_its_editor_sends(path: Path) -> None:
    file, catalogue = load(path), full_catalogue()
    prompt = export_prompt(import_ui(file, catalogue).document, catalogue)
    nodes = {cast("int", one["id"]): one for one in cast("list[JsonObject]", file["nodes"])}
    links = {cast("list[int]", one)[0]: cast("list[int]", one) for one in cast("list[Json]", file["links"])}
    live = [one for one in nodes.values() if one["type"] not in VIRTUAL and one["mode"] == 0]
    assert prompt.keys() == {str(one["id"]) for one in live}
    for node in live:
        inputs = dict(sent(prompt, str(node["id"])))
        for socket in cast("list[JsonObject]", node.get("inputs", [])):
            if socket["link"] is None:
                assert inputs.get(cast("str", socket["name"])) is None
                continue
            source = nodes[links[cast("int", socket["link"])][1]]
            value = inputs.pop(cast("str", socket["name"]))
            if source["type"] == "PrimitiveNode":
                assert value == cast("list[Json]", source["widgets_values"])[0]
            elif source["mode"] == 0:
                assert value == [str(source["id"]), links[cast("int", socket["link"])][2]]
        linked = {
            cast("str", one["name"]) for one in cast("list[JsonObject]", node.get("inputs", [])) if "widget" in one
        }
        assert list(inputs.values()) == own_values(node, linked)


def own_values(node: JsonObject, linked: set[str]) -> list[Json]:
    """The widget values of a node without captions of buttons, controls of seeds, and values beneath links."""
    values = [one for one in listed_values(node) if one not in CONTROLS]
    if node["type"] == "LoadImage":
        values = values[:1]
    names = [one.name for one in full_catalogue()[cast("str", node["type"])].inputs if one.widget]
    return [value for name, value in zip(names, values, strict=True) if name not in linked]


def test_a_bypassed_lora_passes_the_model_on() -> None:
    path = next((one for one in CANVASES if one.stem == "lora"), CANVASES[0])
    prompt = export_prompt(import_ui(load(path), full_catalogue()).document, full_catalogue())
    assert "13" not in prompt
    assert sent(prompt, "3")["model"] == ["11", 0]
    assert sent(prompt, "6")["clip"] == ["11", 1]


def test_primitives_become_parameters() -> None:
    path = next((one for one in CANVASES if one.stem == "sdxl_simple_example"), CANVASES[0])
    document = import_ui(load(path), full_catalogue()).document
    assert [(one.name, len(one.binds)) for one in document.parameters] == [
        ("steps", 2), ("end_at_step", 2), ("positive_prompt_text", 2), ("negative_prompt_text", 2),
    ]  # fmt: skip


def test_subgraphs_inside_subgraphs_become_colon_ids() -> None:
    path = next((one for one in CANVASES if "netayume" in one.stem), CANVASES[0])
    file, catalogue = load(path), full_catalogue()
    prompt = export_prompt(import_ui(file, catalogue).document, catalogue)
    assert prompt.keys() == {
        "9", "48:31", "48:32", "48:33", "48:34", "48:36", "48:49", "48:50", "48:51", "48:52",
        "48:35:40", "48:35:41", "48:35:42", "48:35:43",
    }  # fmt: skip
    assert sent(prompt, "9") == {"images": ["48:36", 0], "filename_prefix": "NetaYume_Lumina_3.5"}
    assert sent(prompt, "48:35:43") == {"clip": ["48:34", 1], "text": ["48:35:40", 0]}
    assert sent(prompt, "48:33")["negative"] == ["48:35:43", 0]
    assert sent(prompt, "48:33")["seed"] == 0
    assert sent(prompt, "48:34") == {"ckpt_name": "NetaYumev35_pretrained_all_in_one.safetensors"}


@pytest.mark.parametrize("path", PROMPTS, ids=lambda path: path.stem)
def test_a_prompt_goes_in_and_out_by_either_way(path: Path) -> None:
    file, catalogue = load(path), full_catalogue()
    imported = import_prompt(file, catalogue)
    assert imported.problems == ()
    assert without_titles(export_prompt(imported.document, catalogue)) == file
    drawn = import_ui(export_ui(imported.document, catalogue), catalogue)
    assert drawn.problems == ()
    assert without_titles(export_prompt(drawn.document, catalogue)) == file


def without_titles(prompt: JsonObject) -> JsonObject:
    nodes = {name: cast("JsonObject", one) for name, one in prompt.items()}
    return {name: {key: value for key, value in one.items() if key != "_meta"} for name, one in nodes.items()}


@pytest.mark.parametrize("path", [*CANVASES, *PROMPTS], ids=lambda path: path.stem)
def test_the_format_is_recognised(path: Path) -> None:
    file, catalogue = load(path), full_catalogue()
    document = import_workflow(file, catalogue).document
    assert read_workflow(json.dumps(to_json(document)).encode(), catalogue).document == document
