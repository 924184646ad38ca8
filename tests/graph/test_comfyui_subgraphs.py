"""Subgraph definitions, the widgets that instances show, and the group nodes that came before them."""

from __future__ import annotations

from typing import cast

import pytest

from graph.comfyui.export_prompt import export_prompt
from graph.comfyui.export_ui import export_ui
from graph.comfyui.ui import import_ui
from graph.document import Document, Link, Parameter, SubgraphOutput, parse, to_json
from graph.errors import InputError
from graph.json import Json, JsonObject
from tests.graph.comfyui_cases import CATALOGUE, HARMLESS, canvas, definition, drawn, node, sent, slot

ID = "3649d32d-3c81-4249-9e89-a1fe12609f65"
OTHER = "5c992ce5-7a24-449d-9372-8e1ed5e38cc8"
PICTURE = node(1, "LoadImage", values=["a.png", "image"])
SAVE = node(9, "SaveImage", inputs=[slot("images", "IMAGE", 2)], values=["p"])


def read(file: Json) -> Document:
    """The document of a file that says nothing wrong, and which survives a round trip."""
    imported = import_ui(file, CATALOGUE)
    assert all(one.code in HARMLESS for one in imported.problems)
    assert parse(to_json(imported.document)) == imported.document
    assert import_ui(export_ui(imported.document, CATALOGUE), CATALOGUE).document == imported.document
    return imported.document


def with_definitions(*definitions: JsonObject, nodes: list[JsonObject], links: Json) -> JsonObject:
    return canvas(nodes, links, definitions={"subgraphs": list(definitions)})


LATENT = node(5, "EmptyLatentImage", inputs=[slot("width", "INT", 1, widget=True)], values=[64, 32, 1])
SIZED = definition(
    ID, [LATENT], [[1, -10, 0, 5, 0], [2, 5, 0, -20, 0]], inputs=["width"], outputs=["LATENT"], name="Sized"
)
INVERTER = definition(
    ID, [node(5, "ImageInvert", inputs=[slot("image", "IMAGE", 1)])], [[1, -10, 0, 5, 0], [2, 5, 0, -20, 0]],
    inputs=["picture"], outputs=["IMAGE"], name="Inverter",
)  # fmt: skip


def inverted(*definitions: JsonObject, kind: str = ID) -> JsonObject:
    """A picture through a subgraph into a file."""
    instance = node(3, kind, inputs=[slot("picture", "IMAGE", 1)], outputs=[slot("IMAGE")])
    return with_definitions(
        *definitions, nodes=[PICTURE, instance, SAVE], links=[[1, 1, 0, 3, 0, "IMAGE"], [2, 3, 0, 9, 0, "IMAGE"]]
    )


def test_a_definition_becomes_a_subgraph_with_parameters_and_outputs() -> None:
    document = read(inverted(INVERTER))
    subgraph = document.subgraphs["Inverter"]
    assert subgraph.parameters == (Parameter("picture", (("5", "image"),)),)
    assert subgraph.outputs == (SubgraphOutput("IMAGE", Link("5", "IMAGE")),)
    assert document.nodes["3"].type == "subgraph:Inverter"
    assert document.nodes["3"].inputs == {"picture": Link("1", "IMAGE")}
    prompt = export_prompt(document, CATALOGUE)
    assert sent(prompt, "3:5") == {"image": ["1", 0]}
    assert sent(prompt, "9")["images"] == ["3:5", 0]


def test_definitions_inside_definitions() -> None:
    inner = definition(OTHER, [node(7, "ImageInvert", inputs=[slot("image", "IMAGE", 1)])],
                       [[1, -10, 0, 7, 0], [2, 7, 0, -20, 0]], inputs=["picture"], outputs=["IMAGE"],
                       name="Inner")  # fmt: skip
    outer = definition(ID, [node(5, OTHER, inputs=[slot("picture", "IMAGE", 1)], outputs=[slot("IMAGE")])],
                       [[1, -10, 0, 5, 0], [2, 5, 0, -20, 0]], inputs=["picture"], outputs=["IMAGE"], name="Outer",
                       definitions={"subgraphs": [inner]})  # fmt: skip
    document = read(inverted(outer))
    assert document.subgraphs.keys() == {"Outer", "Inner"}
    assert sent(export_prompt(document, CATALOGUE), "3:5:7") == {"image": ["1", 0]}


def test_two_definitions_of_one_name_stay_apart() -> None:
    document = read(inverted(INVERTER, INVERTER | {"id": OTHER}, kind=OTHER))
    assert document.subgraphs.keys() == {"Inverter", "Inverter_2"}
    assert document.nodes["3"].type == "subgraph:Inverter_2"


def test_an_input_that_is_an_output_passes_through() -> None:
    through = definition(ID, [], [[1, -10, 0, -20, 0]], inputs=["picture"], outputs=["IMAGE"])
    document = read(inverted(through))
    assert sent(export_prompt(document, CATALOGUE), "9")["images"] == ["1", 0]


def test_a_definition_that_contains_itself_is_read_and_cannot_be_run() -> None:
    itself = definition(ID, [node(5, ID, inputs=[slot("picture", "IMAGE", 1)], outputs=[slot("IMAGE")])],
                        [[1, -10, 0, 5, 0], [2, 5, 0, -20, 0]], inputs=["picture"], outputs=["IMAGE"])  # fmt: skip
    document = read(inverted(itself))
    with pytest.raises(InputError) as refused:
        export_prompt(document, CATALOGUE)
    assert refused.value.problems[0].code == "recursive_subgraph"


def sized(*, values: Json = None, proxies: Json = None, inputs: Json = None) -> JsonObject:
    properties: JsonObject = {} if proxies is None else {"proxyWidgets": proxies}
    instance = node(3, ID, inputs=inputs, outputs=[slot("LATENT")], values=values) | {"properties": properties}
    return with_definitions(SIZED, nodes=[instance], links=[])


SHOWN: dict[str, tuple[JsonObject, JsonObject]] = {
    "the value inside holds": (sized(proxies=[["5", "width"]]), {}),
    "a value of its own": (sized(values=[128], proxies=[["5", "width"]]), {"width": 128}),
    "a value equal to the one inside says nothing": (sized(values=[64], proxies=[["5", "width"]]), {}),
    "an input of the subgraph itself": (sized(values=[128], proxies=[["-1", "width"]]), {"width": 128}),
    "a widget without a link": (
        sized(values=[128, 99], proxies=[["5", "width"], ["5", "height"]]), {"width": 128, "height": 99}),
    "ids as numbers": (sized(values=[128], proxies=[[5, "width"]]), {"width": 128}),
    "before proxies: all inputs that stand for widgets": (sized(values=[128]), {"width": 128}),
    "before proxies: as drawn": (
        sized(values=[128], inputs=[slot("width", "INT", widget=True)]), {"width": 128}),
    "what is only drawn is skipped": (
        sized(values=["x", 128], proxies=[["5", "$$preview"], ["5", "width"]]), {"width": 128}),
    "a numeric text": (sized(values=["128"], proxies=[["5", "width"]]), {"width": 128}),
}  # fmt: skip


@pytest.mark.parametrize(("file", "inputs"), SHOWN.values(), ids=SHOWN)
def test_the_values_of_shown_widgets(file: JsonObject, inputs: JsonObject) -> None:
    document = read(file)
    assert document.nodes["3"].inputs == inputs
    expected = {"width": 64, "height": 32, "batch_size": 1} | inputs
    assert sent(export_prompt(document, CATALOGUE), "3:5") == expected


def test_a_shown_widget_becomes_an_input_of_the_subgraph() -> None:
    document = read(sized(proxies=[["5", "width"], ["5", "height"]]))
    assert [one.name for one in document.subgraphs["Sized"].parameters] == ["width", "height"]
    (exported,) = cast(
        "list[JsonObject]", cast("JsonObject", export_ui(document, CATALOGUE)["definitions"])["subgraphs"]
    )
    assert [one["name"] for one in cast("list[JsonObject]", exported["inputs"])] == ["width", "height"]


def test_the_control_of_a_seed_inside_is_no_input() -> None:
    sampler = node(5, "KSampler", values=[7, "randomize", 20, 8, "euler", 1])
    inside = definition(ID, [sampler], [[2, 5, 0, -20, 0]], inputs=[], outputs=["LATENT"])
    shown: Json = [["5", "seed"], ["5", "control_after_generate"], ["5", "steps"]]
    instance = node(3, ID, values=[8, "fixed", 30]) | {"properties": {"proxyWidgets": shown}}
    document = read(with_definitions(inside, nodes=[instance], links=[]))
    assert document.nodes["3"].inputs == {"seed": 8, "steps": 30}
    assert drawn(export_ui(document, CATALOGUE), 3)["properties"] == {"proxyWidgets": shown}


def test_an_exported_definition_links_its_boundary() -> None:
    (exported,) = cast(
        "list[JsonObject]",
        cast("JsonObject", export_ui(read(inverted(INVERTER)), CATALOGUE)["definitions"])["subgraphs"],
    )
    assert exported["id"] == ID
    assert [(one["name"], one["type"], one["linkIds"]) for one in cast("list[JsonObject]", exported["inputs"])] == [
        ("picture", "IMAGE", [1])
    ]
    links = [tuple(one.values())[1:5] for one in cast("list[JsonObject]", exported["links"])]
    assert links == [(-10, 0, 5, 0), (5, 0, -20, 0)]


def test_an_output_from_nowhere_is_reported() -> None:
    open_ended = definition(ID, [], [], inputs=["picture"], outputs=["IMAGE"])
    (problem,) = import_ui(inverted(open_ended), CATALOGUE).problems
    assert (problem.code, problem.path) == ("comfyui_open_output", "$.definitions.subgraphs[0].outputs[0]")


def test_a_primitive_inside_sets_its_widgets_and_is_drawn_again() -> None:
    one: JsonObject = {"name": "INT", "type": "INT", "links": [1]}
    primitive = node(4, "PrimitiveNode", outputs=[one], values=[128, "fixed"], title="Width")
    inside = definition(ID, [primitive, LATENT], [[1, 4, 0, 5, 0], [2, 5, 0, -20, 0]], inputs=[], outputs=["LATENT"])
    imported = import_ui(with_definitions(inside, nodes=[node(3, ID)], links=[]), CATALOGUE)
    assert imported.document.subgraphs[ID].nodes["5"].inputs["width"] == 128
    assert imported.document.subgraphs[ID].parameters == ()
    (problem,) = imported.problems
    assert (problem.code, problem.node) == ("comfyui_primitive", None)
    assert problem.message.startswith("the value of primitive 'Width' in subgraph ")
    assert problem.message.endswith(" now stands in 5.width")


@pytest.mark.parametrize("value", [64, 128])
def test_a_primitive_outside_sets_a_shown_widget(value: int) -> None:
    one: JsonObject = {"name": "INT", "type": "INT", "links": [1]}
    primitive = node(4, "PrimitiveNode", outputs=[one], values=[value, "fixed"])
    instance = node(3, ID, inputs=[slot("width", "INT", 1, widget=True)], values=[7])
    document = read(with_definitions(SIZED, nodes=[primitive, instance], links=[[1, 4, 0, 3, 0, "INT"]]))
    assert document.nodes["3"].inputs == {"width": value}
    assert document.parameters == (Parameter("width", (("3", "width"),)),)


GROUP: JsonObject = {
    "nodes": [
        node(-1, "LoadImage", outputs=[slot("IMAGE"), slot("MASK")]),
        node(-1, "ImageInvert", inputs=[slot("image", "IMAGE")], outputs=[slot("IMAGE")]),
        node(-1, "ImageInvert", title="Second", inputs=[slot("image", "IMAGE")], outputs=[slot("IMAGE")]),
        node(-1, "KSampler", inputs=[slot("model", "MODEL")], outputs=[slot("LATENT")]),
    ],
    "links": [[0, 0, 1, 0, 1, "IMAGE"]],
    "external": [],
    "config": {
        "3": {"input": {"steps": {"visible": False}, "cfg": {"name": "guidance"}}, "output": {"0": {"visible": False}}}
    },
}  # fmt: skip


def grouped(kind: str) -> JsonObject:
    """A group whose shown names are: image (a widget), image again (a socket), MASK, IMAGE, and a second IMAGE."""
    instance = node(3, kind, inputs=[slot("Second image", "IMAGE", 1)], outputs=[slot("MASK"), slot("IMAGE"), slot("x")],
                    values=["b.png", 7, "randomize", 6.5, "heun", 0.5])  # fmt: skip
    save = node(9, "SaveImage", inputs=[slot("images", "IMAGE", 2)], values=["p"])
    links: Json = [[1, 1, 0, 3, 0, "IMAGE"], [2, 3, 2, 9, 0, "IMAGE"]]
    return canvas([PICTURE, instance, save], links, extra={"groupNodes": {"mine": GROUP}})


@pytest.mark.parametrize("kind", ["workflow>mine", "workflow/mine"])
def test_a_group_node_becomes_a_subgraph(kind: str) -> None:
    document = read(grouped(kind))
    assert document.nodes["3"].type == "subgraph:mine"
    prompt = export_prompt(document, CATALOGUE)
    assert sent(prompt, "3:0") == {"image": "b.png"}
    assert sent(prompt, "3:1") == {"image": ["3:0", 0]}
    assert sent(prompt, "3:2") == {"image": ["1", 0]}
    assert sent(prompt, "9")["images"] == ["3:2", 0]
    sampler = {"seed": 7, "steps": 20, "cfg": 6.5, "sampler_name": "heun", "denoise": 0.5}
    assert sent(prompt, "3:3") == sampler
