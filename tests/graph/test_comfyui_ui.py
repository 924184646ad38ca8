"""Canvas files to documents: one case for each thing that the format does."""

from __future__ import annotations

from typing import cast

import pytest

from graph.comfyui.export_prompt import export_prompt
from graph.comfyui.export_ui import export_ui
from graph.comfyui.ui import import_ui
from graph.document import Document, InputValue, Link, Mode, Node, parse, to_json
from graph.errors import InputError
from graph.json import Json, JsonObject
from tests.graph.comfyui_cases import CATALOGUE, HARMLESS, canvas, drawn, node, sent, slot

LOADER = node(1, "CheckpointLoaderSimple", values=["a.safetensors"])
PICTURE = node(2, "LoadImage", values=["a.png", "image"])


def read(file: Json) -> Document:
    """The document of a file that says nothing wrong, and which survives a round trip."""
    imported = import_ui(file, CATALOGUE)
    assert all(one.code in HARMLESS for one in imported.problems)
    assert parse(to_json(imported.document)) == imported.document
    assert import_ui(export_ui(imported.document, CATALOGUE), CATALOGUE).document == imported.document
    return imported.document


def encode(identity: Json, link: Json, **more: Json) -> JsonObject:
    return node(identity, "CLIPTextEncode", inputs=[slot("clip", "CLIP", link)], values=["x"], **more)


LINKS: dict[str, Json] = {
    "0.4: a tuple": [[5, 1, 1, 3, 0, "CLIP"]],
    "1.0: an object": [{"id": 5, "origin_id": 1, "origin_slot": 1, "target_id": 3, "target_slot": 0, "type": "CLIP"}],
    "slots as numeric texts": [[5, 1, "1", 3, "0", "CLIP"]],
    "ids as texts": [["5", "1", 1, "3", 0, "CLIP"]],
    "deleted links beside it": [None, [5, 1, 1, 3, 0, "CLIP"], None],
    "with the type left out": [[5, 1, 1, 3, 0]],
}


@pytest.mark.parametrize("links", LINKS.values(), ids=LINKS)
def test_links_become_names(links: Json) -> None:
    document = read(canvas([LOADER, encode(3, 5)], links))
    assert document.nodes["3"] == Node(
        "CLIPTextEncode", {"text": "x", "clip": Link("1", "CLIP")}, ui={"pos": [10, 20], "size": [200, 100]}
    )


IDS: list[tuple[Json, str]] = [(3, "3"), ("3", "3"), (3.0, "3"), ("sampler", "sampler"), (2**53, str(2**53))]


@pytest.mark.parametrize(("identity", "name"), IDS)
def test_ids_become_texts(identity: Json, name: str) -> None:
    assert list(import_ui(canvas([node(identity, "ImageInvert")]), CATALOGUE).document.nodes) == [name]


DRAWN: dict[str, tuple[JsonObject, JsonObject]] = {
    "position and size as lists": ({"pos": [1, 2.5], "size": [3, 4]}, {"pos": [1, 2.5], "size": [3, 4]}),
    "position and size as objects": (
        {"pos": {"0": 1, "1": 2}, "size": {"0": 3, "1": 4}}, {"pos": [1, 2], "size": [3, 4]}),
    "colours": ({"color": "#222", "bgcolor": "#000"},
                {"pos": [10, 20], "size": [200, 100], "color": "#222", "bgcolor": "#000"}),
    "collapsed": ({"flags": {"collapsed": True}}, {"pos": [10, 20], "size": [200, 100], "collapsed": True}),
    "what only its editor knows": (
        {"flags": {"pinned": True}, "properties": {"ver": "1"}},
        {"pos": [10, 20], "size": [200, 100], "comfyui": {"properties": {"ver": "1"}, "flags": {"pinned": True}}}),
}  # fmt: skip


@pytest.mark.parametrize(("data", "ui"), DRAWN.values(), ids=DRAWN)
def test_how_a_node_is_drawn(data: JsonObject, ui: JsonObject) -> None:
    assert read(canvas([node(7, "ImageInvert") | data])).nodes["7"].ui == ui


def test_a_title_is_kept() -> None:
    assert read(canvas([node(7, "ImageInvert", title="Mine")])).nodes["7"].title == "Mine"


MODES: list[tuple[Json, Mode, list[str]]] = [
    (0, "on", []),
    (2, "mute", []),
    (4, "bypass", []),
    (1, "on", ["comfyui_mode"]),
    (3, "on", ["comfyui_mode"]),
    (None, "on", []),
    ("x", "on", []),
]


@pytest.mark.parametrize(("mode", "expected", "codes"), MODES)
def test_modes(mode: Json, expected: Mode, codes: list[str]) -> None:
    imported = import_ui(canvas([node(7, "ImageInvert") | {"mode": mode}]), CATALOGUE)
    assert imported.document.nodes["7"].mode == expected
    assert [problem.code for problem in imported.problems] == codes


SAMPLER_INPUTS: dict[str, tuple[Json, JsonObject, JsonObject]] = {
    "with a control": ([7, "randomize", 12, 6.5, "heun", 1], {"seed": 7, "steps": 12, "sampler_name": "heun"},
                       {"control": {"seed": "randomize"}}),
    "without": ([7, 12, 6.5, "heun", 1], {"seed": 7, "steps": 12, "sampler_name": "heun"}, {}),
    "fixed is what a seed is anyway": ([7, "fixed", 12, 6.5, "heun", 1], {"seed": 7, "steps": 12}, {}),
    "by name": ({"seed": "7", "steps": 12, "control_after_generate": "increment"}, {"seed": 7, "steps": 12},
                {"control": {"seed": "increment"}}),
    "too few take their defaults": ([7], {"seed": 7, "steps": 20, "cfg": 8.0, "sampler_name": "euler"}, {}),
    "none at all": (None, {"seed": 0, "steps": 20}, {}),
}  # fmt: skip


@pytest.mark.parametrize(("values", "inputs", "ui"), SAMPLER_INPUTS.values(), ids=SAMPLER_INPUTS)
def test_widget_values(values: Json, inputs: JsonObject, ui: JsonObject) -> None:
    found = read(canvas([node(7, "KSampler") | {"widgets_values": values}])).nodes["7"]
    assert inputs.items() <= cast("JsonObject", found.inputs).items()
    assert {key: value for key, value in found.ui.items() if key == "control"} == ui


def test_named_values_win_over_positions() -> None:
    shifted = node(7, "EmptyLatentImage", values=[1, 2, 3], widgets_values_named={"width": 64, "height": 32})
    assert read(canvas([shifted])).nodes["7"].inputs == {"width": 64, "height": 32, "batch_size": 3}


def test_a_linked_widget_keeps_its_place_and_its_value_beneath() -> None:
    number = node(1, "PrimitiveInt", values=[5, "increment"])
    latent = node(2, "EmptyLatentImage", inputs=[slot("height", "INT", 9, widget=True)], values=[64, 32, 2])
    document = read(canvas([number, latent], [[9, 1, 0, 2, 0, "INT"]]))
    assert document.nodes["2"].inputs == {"width": 64, "height": Link("1", "INT"), "batch_size": 2}
    assert document.nodes["2"].ui["beneath"] == {"height": 32}
    assert drawn(export_ui(document, CATALOGUE), 2)["widgets_values"] == [64, 32, 2]


def rerouted(*chain: JsonObject, links: Json, target: Json = 9) -> JsonObject:
    return canvas([LOADER, PICTURE, *chain, node(8, "ImageInvert", inputs=[slot("image", "IMAGE", target)])], links)


def reroute(identity: int, link: Json, kind: str = "Reroute") -> JsonObject:
    return node(identity, kind, inputs=[slot("", "*", link)], outputs=[slot("", "*")])


@pytest.mark.parametrize("kind", ["Reroute", "Reroute (rgthree)"])
def test_a_reroute_is_a_node_that_the_engine_dissolves(kind: str) -> None:
    file = rerouted(reroute(5, 6, kind), links=[[6, 2, 0, 5, 0, "*"], [9, 5, 0, 8, 0, "IMAGE"]])
    document = read(file)
    assert document.nodes["5"].type == "Reroute"
    assert document.nodes["5"].inputs == {"value": Link("2", "IMAGE")}
    assert document.nodes["8"].inputs == {"image": Link("5", "value")}
    assert sent(export_prompt(document, CATALOGUE), "8") == {"image": ["2", 0]}
    assert drawn(export_ui(document, CATALOGUE), 5)["type"] == kind


def test_reroutes_in_a_circle_lead_nowhere() -> None:
    file = rerouted(reroute(5, 6), reroute(6, 7), links=[[6, 6, 0, 5, 0], [7, 5, 0, 6, 0], [9, 5, 0, 8, 0]])
    assert sent(export_prompt(read(file), CATALOGUE), "8") == {}


POINTS: list[Json] = [{"id": 1, "pos": [1, 1], "linkIds": [9]}, {"id": 2, "parentId": 1, "pos": [2, 2], "linkIds": [9]}]
RUNS_THROUGH: dict[str, JsonObject] = {
    "0.4: beside the tuples": canvas(
        [PICTURE, node(8, "ImageInvert", inputs=[slot("image", "IMAGE", 9)])], [[9, 2, 0, 8, 0, "IMAGE"]],
        extra={"reroutes": POINTS, "linkExtensions": [{"id": 9, "parentId": 2}]}),
    "1.0: in the links": canvas(
        [PICTURE, node(8, "ImageInvert", inputs=[slot("image", "IMAGE", 9)])],
        [{"id": 9, "origin_id": 2, "origin_slot": 0, "target_id": 8, "target_slot": 0, "parentId": 2}],
        reroutes=POINTS, version=1),
}  # fmt: skip


@pytest.mark.parametrize("file", RUNS_THROUGH.values(), ids=RUNS_THROUGH)
def test_points_of_links_are_only_drawn(file: JsonObject) -> None:
    document = read(file)
    assert document.nodes["8"].inputs == {"image": Link("2", "IMAGE")}
    assert document.ui["reroutes"] == [{"id": "1", "pos": [1, 1]}, {"id": "2", "pos": [2, 2], "parent": "1"}]
    assert document.nodes["8"].ui["via"] == {"image": "2"}
    extra = cast("JsonObject", export_ui(document, CATALOGUE)["extra"])
    assert [one["linkIds"] for one in cast("list[JsonObject]", extra["reroutes"])] == [[1], [1]]
    assert extra["linkExtensions"] == [{"id": 1, "parentId": 2}]


def primitive(values: list[Json], links: list[Json], *, title: str | None = None, kind: str = "INT") -> JsonObject:
    output: JsonObject = {"name": kind, "type": kind, "links": links, "widget": {"name": "width"}}
    more: JsonObject = {} if title is None else {"title": title}
    return node(4, "PrimitiveNode", outputs=[output], values=values) | more


LATENT = node(2, "EmptyLatentImage", inputs=[slot("width", "INT", 7, widget=True), slot("height", "INT", 8, widget=True)],
              values=[1, 2, 3])  # fmt: skip
TWO_LINKS: Json = [[7, 4, 0, 2, 0, "INT"], [8, 4, 0, 2, 1, "INT"]]


def test_a_primitive_becomes_the_value_of_its_widgets_and_a_parameter() -> None:
    document = read(canvas([primitive([64, "increment"], [7, 8], title="Picture size"), LATENT], TWO_LINKS))
    assert document.nodes.keys() == {"2"}
    assert document.nodes["2"].inputs == {"width": 64, "height": 64, "batch_size": 3}
    (parameter,) = document.parameters
    assert (parameter.name, parameter.binds) == ("picture_size", (("2", "width"), ("2", "height")))
    again = drawn(export_ui(document, CATALOGUE), 4)
    assert (again["type"], again["widgets_values"], again["title"]) == (
        "PrimitiveNode",
        [64, "increment"],
        "Picture size",
    )


def test_what_became_of_a_primitive_is_told_at_the_first_input_that_it_sets() -> None:
    file = canvas([LATENT, primitive([64, "fixed"], [7, 8], title="Picture size")], TWO_LINKS)
    (problem,) = import_ui(file, CATALOGUE).problems
    assert (problem.code, problem.severity, problem.path) == ("comfyui_primitive", "warning", "$.nodes[1]")
    assert (problem.node, problem.input) == ("2", "width")
    told = "primitive 'Picture size' is now the parameter 'picture_size', which sets 2.width, 2.height"
    assert problem.message == told


def test_a_primitive_that_sets_much_is_told_in_a_few_words() -> None:
    latents = [node(10 + one, "EmptyLatentImage", inputs=[slot("width", "INT", one, widget=True)]) for one in range(9)]
    links: list[Json] = [[one, 4, 0, 10 + one, 0, "INT"] for one in range(9)]
    (problem,) = import_ui(canvas([*latents, primitive([64], [*range(9)])], links), CATALOGUE).problems
    assert problem.message.endswith("which sets 10.width, 11.width, 12.width, 13.width and 5 more")


def test_a_primitive_that_is_linked_to_nothing_is_told_of() -> None:
    (problem,) = import_ui(canvas([primitive([64, "fixed"], [])]), CATALOGUE).problems
    assert problem.message == "primitive 4 sets nothing: it is kept for ComfyUI, and not shown"


@pytest.mark.parametrize("title", [None, "", "Primitive", "PrimitiveNode"])
def test_a_primitive_without_a_title_is_named_by_what_it_sets(title: str | None) -> None:
    document = read(canvas([primitive([64, "fixed"], [7, 8], title=title), LATENT], TWO_LINKS))
    assert [one.name for one in document.parameters] == ["width"]


def test_a_primitive_reaches_its_widgets_through_reroutes() -> None:
    links: Json = [[7, 5, 0, 2, 0, "INT"], [6, 4, 0, 5, 0, "*"]]
    latent = node(2, "EmptyLatentImage", inputs=[slot("width", "INT", 7, widget=True)], values=[1, 2, 3])
    document = read(canvas([primitive([64, "fixed"], [6]), reroute(5, 6), latent], links))
    assert document.nodes["2"].inputs["width"] == 64


PRIMITIVES: dict[str, tuple[list[Json], Json]] = {
    "a number as text": (["64"], 64),
    "no value: the widget keeps its own": ([], 1),
}


@pytest.mark.parametrize(("values", "width"), PRIMITIVES.values(), ids=PRIMITIVES)
def test_primitive_values(values: list[Json], width: Json) -> None:
    imported = import_ui(canvas([primitive(values, [7]), LATENT], TWO_LINKS), CATALOGUE)
    assert imported.document.nodes["2"].inputs["width"] == width


def test_a_primitive_that_sets_nothing_is_only_drawn() -> None:
    document = read(canvas([primitive([64, "fixed"], [])]))
    assert (document.nodes, document.parameters) == ({}, ())
    assert drawn(export_ui(document, CATALOGUE), 4)["widgets_values"] == [64, "fixed"]


@pytest.mark.parametrize(("kind", "markdown"), [("Note", False), ("MarkdownNote", True)])
def test_notes(kind: str, markdown: bool) -> None:
    document = read(canvas([node(3, kind, values=["**hello**"], title="T", color="#222")]))
    assert document.nodes == {}
    assert document.ui["notes"] == [
        {"id": "3", "text": "**hello**", "markdown": markdown, "title": "T", "pos": [10, 20], "size": [200, 100],
         "color": "#222"}
    ]  # fmt: skip


def test_groups() -> None:
    group: JsonObject = {"id": 4, "title": "G", "bounding": [1, 2, 3, 4], "color": "#abc", "font_size": 24, "flags": {}}
    document = read(canvas([], groups=[group]))
    assert document.ui["groups"] == [
        {"title": "G", "pos": [1, 2], "size": [3, 4], "color": "#abc", "comfyui": {"id": 4, "font_size": 24}}
    ]
    assert export_ui(document, CATALOGUE)["groups"] == [group]


def test_the_view_and_what_other_editors_left_come_back() -> None:
    extra: JsonObject = {"ds": {"scale": 0.5, "offset": [1, 2]}, "frontendVersion": "1.2"}
    file = canvas([], id="abc", revision=3, config={"links_ontop": True}, extra=extra)
    document = read(file)
    assert document.ui["view"] == {"scale": 0.5, "offset": [1, 2]}
    again = export_ui(document, CATALOGUE)
    assert {key: again[key] for key in ("id", "revision", "config", "extra")} == {
        key: file[key] for key in ("id", "revision", "config", "extra")
    }


UNKNOWN: dict[str, tuple[Json, Json, dict[str, InputValue], list[str]]] = {
    "its inputs name its widgets": (
        [slot("seed", "INT", widget=True), slot("mode", "COMBO", widget=True)], [5, "increment", "a"],
        {"seed": 5, "mode": "a"}, ["comfyui_seed_count"]),
    "nothing names its widgets": ([], [5, "a"], {}, ["comfyui_unnamed_values"]),
    "its values have names": ([], {"rate": 8, "loop": True}, {"rate": 8, "loop": True}, []),
    "it has none": ([], [], {}, []),
}  # fmt: skip


@pytest.mark.parametrize(("inputs", "values", "named", "codes"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_type_is_kept(inputs: Json, values: Json, named: dict[str, InputValue], codes: list[str]) -> None:
    file = canvas([node(7, "FromSomePack", inputs=inputs) | {"widgets_values": values}])
    imported = import_ui(file, CATALOGUE)
    assert [problem.code for problem in imported.problems] == codes
    assert imported.document.nodes["7"].type == "FromSomePack"
    assert imported.document.nodes["7"].inputs == named
    again = export_ui(imported.document, CATALOGUE)
    assert import_ui(again, CATALOGUE).document == imported.document
    if not named:
        assert drawn(again, 7)["widgets_values"] == values


def test_the_outputs_of_an_unknown_type_are_named_as_drawn() -> None:
    outputs: Json = [slot("A", "X"), slot("", "X"), slot("A", "IMAGE")]
    file = canvas(
        [node(1, "FromSomePack", outputs=outputs), node(2, "ImageInvert", inputs=[slot("image", "IMAGE", 9)])],
        [[9, 1, 2, 2, 0, "IMAGE"]],
    )
    document = read(file)
    assert document.nodes["2"].inputs == {"image": Link("1", "A_2")}
    assert sent(export_prompt(document, CATALOGUE), "2") == {"image": ["1", 2]}


WARNED: dict[str, tuple[JsonObject, str, str]] = {
    "a link that is not there": (canvas([encode(3, 5)]), "comfyui_dangling_link", "$.nodes[0].inputs[0]"),
    "a link from a node that is not there": (
        canvas([encode(3, 5)], [[5, 1, 1, 3, 0]]), "comfyui_dangling_link", "$.nodes[0].inputs[0]"),
    "a link of the wrong shape": (canvas([], [[5, 1, -1, 3, 0]]), "comfyui_link", "$.links[0]"),
    "more values than widgets": (
        canvas([node(2, "EmptyLatentImage", values=[1, 2, 3, "x"])]), "comfyui_surplus_values",
        "$.nodes[0].widgets_values"),
    "values in another order": (
        canvas([node(2, "EmptyLatentImage", values=[1, "euler", 3])]), "comfyui_shifted_values",
        "$.nodes[0].widgets_values[1]"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "code", "path"), WARNED.values(), ids=WARNED)
def test_what_can_be_lived_with_is_a_warning(file: JsonObject, code: str, path: str) -> None:
    imported = import_ui(file, CATALOGUE)
    (problem,) = imported.problems
    assert (problem.code, problem.path, problem.severity) == (code, path, "warning")
    assert import_ui(export_ui(imported.document, CATALOGUE), CATALOGUE).document == imported.document


UUID = "3649d32d-3c81-4249-9e89-a1fe12609f65"
LOST: dict[str, tuple[JsonObject, str, str]] = {
    "a node that is no object": (canvas([]) | {"nodes": [5]}, "comfyui_node", "$.nodes[0]"),
    "a node without an id": (canvas([node(None, "ImageInvert")]), "comfyui_node_id", "$.nodes[0].id"),
    "a node with a huge id": (canvas([node(10**400, "ImageInvert")]), "comfyui_node_id", "$.nodes[0].id"),
    "a node without a type": (canvas([node(1, None)]), "comfyui_node_type", "$.nodes[0].type"),
    "two nodes with one id": (
        canvas([node(1, "ImageInvert"), node("1", "ImageInvert")]), "comfyui_duplicate_node", "$.nodes[1]"),
    "a link from an output that is not there": (
        canvas([LOADER, encode(3, 5)], [[5, 1, 7, 3, 0]]), "comfyui_unknown_slot", "$.links[0]"),
    "a subgraph that is not there": (canvas([node(1, UUID)]), "comfyui_no_definition", "$.nodes[0].type"),
    "a group that is not there": (canvas([node(1, "workflow>mine")]), "comfyui_no_group", "$.nodes[0].type"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "code", "path"), LOST.values(), ids=LOST)
def test_what_is_lost_is_an_error(file: JsonObject, code: str, path: str) -> None:
    (problem,) = import_ui(file, CATALOGUE).problems
    assert (problem.code, problem.path, problem.severity) == (code, path, "error")


@pytest.mark.parametrize("file", [None, 5, "x", [], {}, {"nodes": {}}, {"nodes": None}])
def test_what_is_no_canvas_is_refused(file: Json) -> None:
    with pytest.raises(InputError) as refused:
        import_ui(file, CATALOGUE)
    assert refused.value.problems[0].code == "comfyui_not_a_canvas"
