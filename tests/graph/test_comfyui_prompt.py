"""API prompts to documents and back."""

from __future__ import annotations

import pytest

from graph.bind import bind
from graph.comfyui.export_prompt import export_prompt
from graph.comfyui.prompt import import_prompt
from graph.comfyui.read import import_workflow
from graph.document import Document, InputValue, Link, Node, Parameter, Subgraph, SubgraphOutput
from graph.errors import InputError
from graph.flatten import flatten
from graph.json import Json, JsonObject
from tests.graph.comfyui_cases import CATALOGUE, canvas, node, sent

LOADER: JsonObject = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}}


def one_node(kind: str, **inputs: Json) -> JsonObject:
    return {"1": LOADER, "2": {"class_type": kind, "inputs": inputs}}


READ: dict[str, tuple[str, dict[str, Json], dict[str, InputValue], list[str]]] = {
    "a link by position": ("CLIPTextEncode", {"clip": ["1", 1]}, {"clip": Link("1", "CLIP")}, []),
    "a link with a number as id": ("CLIPTextEncode", {"clip": [1, 1.0]}, {"clip": Link("1", "CLIP")}, []),
    "a link to a node that is not there": ("CLIPTextEncode", {"clip": ["9", 0]}, {"clip": Link("9", "output_0")}, []),
    "a link to a missing output": (
        "CLIPTextEncode", {"clip": ["1", 3]}, {"clip": Link("1", "output_3")}, ["comfyui_unknown_slot"]),
    "a numeric text": ("KSampler", {"steps": "12", "cfg": "6.5"}, {"steps": 12, "cfg": 6.5}, []),
    "the text false": ("Options", {"late": "false"}, {"late": False}, []),
    "a number for a text": ("CLIPTextEncode", {"text": 5}, {"text": "5"}, []),
    "a wrapped value": ("CLIPTextEncode", {"text": {"__value__": "x"}}, {"text": "x"}, []),
    "a wrapped list": ("Unknown", {"points": {"__value__": [1, 2]}}, {"points": [1, 2]}, []),
    "an undeclared literal": ("CLIPTextEncode", {"tekst": "x"}, {}, ["comfyui_undeclared_input"]),
    "an undeclared link": (
        "CLIPTextEncode", {"model": ["1", 0]}, {"model": Link("1", "MODEL")}, ["comfyui_undeclared_input"]),
    "an undeclared list": ("CLIPTextEncode", {"model": [1, 2, 3]}, {}, ["comfyui_undeclared_input"]),
    "what old editors sent along": ("LoadImage", {"image": "a.png", "upload": "image"}, {"image": "a.png"}, []),
    "a list that is no link": ("KSampler", {"model": ["1"]}, {}, ["comfyui_bad_link"]),
    "a link with a text as position": ("KSampler", {"model": ["1", "0"]}, {}, ["comfyui_bad_link"]),
    "an unknown type keeps everything": ("Unknown", {"a": 1, "b": ["1", 2]}, {"a": 1, "b": Link("1", "VAE")}, []),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "inputs", "expected", "codes"), READ.values(), ids=READ)
def test_inputs(kind: str, inputs: dict[str, Json], expected: dict[str, InputValue], codes: list[str]) -> None:
    imported = import_prompt(one_node(kind, **inputs), CATALOGUE)
    assert imported.document.nodes["2"].inputs == expected
    assert [problem.code for problem in imported.problems] == codes
    assert all((problem.path or "").startswith("$['2'].inputs['") for problem in imported.problems)


def test_a_link_from_an_unknown_type_names_its_output_by_position() -> None:
    prompt: JsonObject = {
        "a": {"class_type": "Unknown"},
        "b": {"class_type": "ImageInvert", "inputs": {"image": ["a", 2]}},
    }
    assert import_prompt(prompt, CATALOGUE).document.nodes["b"].inputs == {"image": Link("a", "output_2")}


def test_a_title_is_kept_and_any_id_is_one() -> None:
    prompt: JsonObject = {"an id [with] $igns": {**LOADER, "_meta": {"title": "Mine"}}, "12:5": LOADER}
    nodes = import_prompt(prompt, CATALOGUE).document.nodes
    assert nodes["an id [with] $igns"].title == "Mine"
    assert nodes["12:5"].title is None


def test_a_request_body_is_read_too() -> None:
    body: JsonObject = {"client_id": "x", "prompt": {"1": LOADER}}
    assert import_prompt(body, CATALOGUE).document == import_prompt({"1": LOADER}, CATALOGUE).document


WRONG: dict[str, tuple[JsonObject, str, str]] = {
    "no class_type": ({"1": {"inputs": {}}}, "comfyui_node", "$['1']"),
    "no object": ({"1": 5}, "comfyui_node", "$['1']"),
    "an empty id": ({"": LOADER}, "comfyui_node", "$['']"),
    "inputs that are a list": ({"1": {"class_type": "X", "inputs": []}}, "comfyui_inputs", "$['1'].inputs"),
}


@pytest.mark.parametrize(("prompt", "code", "path"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_has_a_place(prompt: JsonObject, code: str, path: str) -> None:
    (problem,) = import_prompt(prompt, CATALOGUE).problems
    assert (problem.code, problem.path, problem.severity) == (code, path, "error")


@pytest.mark.parametrize("data", [None, 5, "x", [], True])
def test_what_is_no_object_is_refused(data: Json) -> None:
    with pytest.raises(InputError) as refused:
        import_prompt(data, CATALOGUE)
    assert refused.value.problems[0].code == "comfyui_not_a_prompt"


def test_an_export_gives_every_widget_a_value_and_every_node_a_title() -> None:
    document = Document({"a": Node("CheckpointLoaderSimple", {"ckpt_name": "x"}),
                         "b": Node("CLIPTextEncode", {"clip": Link("a", "CLIP")}, title="Prompt")})  # fmt: skip
    assert export_prompt(document, CATALOGUE) == {
        "a": {
            "class_type": "CheckpointLoaderSimple",
            "inputs": {"ckpt_name": "x"},
            "_meta": {"title": "Load Checkpoint"},
        },
        "b": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["a", 1]}, "_meta": {"title": "Prompt"}},
    }


def decoding(**changes: Node) -> Document:
    """A loader, a picture, and what lies between them and the file."""
    nodes = {
        "load": Node("LoadImage", {"image": "a.png"}),
        "invert": Node("ImageInvert", {"image": Link("load", "IMAGE")}),
        "save": Node("SaveImage", {"images": Link("invert", "IMAGE"), "filename_prefix": "p"}),
    }
    return Document({**nodes, **changes})


RESOLVED: dict[str, tuple[Document, Json]] = {
    "as it is": (decoding(), ["invert", 0]),
    "bypassed": (decoding(invert=Node("ImageInvert", {"image": Link("load", "IMAGE")}, "bypass")), ["load", 0]),
    "muted": (decoding(invert=Node("ImageInvert", {"image": Link("load", "IMAGE")}, "mute")), None),
    "rerouted": (
        decoding(save=Node("SaveImage", {"images": Link("r", "value")}), r=Node("Reroute", {"value": Link("load", "MASK")})),
        ["load", 1]),
    "a link to nowhere": (decoding(save=Node("SaveImage", {"images": Link("gone", "IMAGE")})), None),
}  # fmt: skip


@pytest.mark.parametrize(("document", "images"), RESOLVED.values(), ids=RESOLVED)
def test_structure_is_resolved(document: Document, images: Json) -> None:
    inputs = sent(export_prompt(document, CATALOGUE), "save")
    assert inputs.get("images") == images
    assert ("images" in inputs) == (images is not None)


def test_a_subgraph_becomes_nodes_with_colon_ids() -> None:
    inner = Subgraph(
        "invert",
        {"5": Node("ImageInvert")},
        (Parameter("picture", (("5", "image"),)),),
        (SubgraphOutput("IMAGE", Link("5", "IMAGE")),),
    )
    instance = Node("subgraph:invert", {"picture": Link("load", "IMAGE")})
    document = decoding(invert=instance)
    prompt = export_prompt(Document(document.nodes, subgraphs={"invert": inner}), CATALOGUE)
    assert sent(prompt, "invert:5") == {"image": ["load", 0]}
    assert sent(prompt, "save")["images"] == ["invert:5", 0]
    assert "invert" not in prompt


def test_an_unknown_subgraph_cannot_be_exported() -> None:
    with pytest.raises(InputError) as refused:
        export_prompt(Document({"a": Node("subgraph:none")}), CATALOGUE)
    assert refused.value.problems[0].code == "unknown_subgraph"


def test_a_list_is_wrapped_so_that_it_is_not_taken_for_a_link() -> None:
    document = Document({"a": Node("Unknown", {"points": ["1", 0]})})
    prompt = export_prompt(document, CATALOGUE)
    assert sent(prompt, "a") == {"points": {"__value__": ["1", 0]}}
    assert import_prompt(prompt, CATALOGUE).document.nodes["a"].inputs == document.nodes["a"].inputs


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ({"4": {"class_type": "Nope"}}, "$['4']"),
        ({"prompt": {"4": {"class_type": "Nope"}}}, "$.prompt['4']"),
        (canvas([node(7, "Note"), node(4, "Nope")]), "$.nodes[1]"),
        (canvas([node(4, "Nope", mode=0), node(5, "ImageInvert", mode=4)]), "$.nodes[0]"),
    ],
)
def test_later_problems_lead_into_the_file_of_the_user(file: JsonObject, path: str) -> None:
    document = import_workflow(file, CATALOGUE).document
    problems = bind(flatten(document, CATALOGUE), CATALOGUE).problems
    assert [(problem.code, problem.node, problem.path) for problem in problems] == [("unknown_type", "4", path)]
