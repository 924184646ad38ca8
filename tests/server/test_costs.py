"""What is refused before anything is allocated: more pixels than there is memory for, told with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from graph.bind import bind
from graph.bound import BoundNode
from graph.document import Document, Link, Parameter, Subgraph, SubgraphOutput, to_json
from graph.errors import InputError, Problem
from graph.flatten import flatten
from graph.spec import Input, NodeSpec, Number, Output
from nodes.catalogue import read_catalogue
from nodes.folders import Folders
from nodes.memory.host import host_bytes
from server.cli.serve import bounds, parser
from server.http.checking import requested
from server.http.costs import PIXEL_BYTES, pixels_that_fit, too_many_pixels
from server.http.service import Bounds
from tests.graph.engine import made, of

GIB = 2**30


@pytest.mark.parametrize(
    ("memory", "workers", "side", "fits"),
    [
        (24 * GIB, 1, 16384, False),
        (24 * GIB, 1, 12288, True),
        (64 * GIB, 1, 16384, True),
        (64 * GIB, 4, 16384, False),
        (8 * GIB, 1, 8192, True),
        (2 * GIB, 1, 8192, False),
        (GIB, 1, 2048, True),
    ],
)
def test_half_of_the_memory_is_for_pictures(memory: int, workers: int, side: int, fits: bool) -> None:
    assert (side * side <= pixels_that_fit(memory, workers)) is fits


@pytest.mark.parametrize(
    ("arguments", "pixels"),
    [
        ([], min(2**28, pixels_that_fit(host_bytes(), 2))),
        (["--max-pixels", "12345"], 12345),
        (["--max-pixels", str(2**63 - 1)], 2**63 - 1),
    ],
)
def test_a_service_takes_what_fits_unless_told(arguments: list[str], pixels: int) -> None:
    assert bounds(parser().parse_args(arguments), 2).pixels == pixels


def empty(**inputs: int) -> Document:
    nodes = {"latent": made("EmptyLatentImage", **inputs), "show": made("PreviewAny", source=of("latent", "LATENT"))}
    return Document(
        nodes, parameters=(Parameter("width", (("latent", "width"),)), Parameter("number", (("latent", "batch_size"),)))
    )


def refused(
    document: Document, pixels: int, catalogue: Mapping[str, NodeSpec] | None = None, **parameters: int
) -> list[Problem]:
    """What is wrong with it where so many pixels are taken."""
    bounds = Bounds(pixels=pixels)
    try:
        requested(to_json(document), dict(parameters), None, "", catalogue or read_catalogue(), Folders({}), bounds)
    except InputError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    ("inputs", "pixels", "taken"),
    [
        ({"width": 1024, "height": 1024}, 2**20, True),
        ({"width": 1024, "height": 1032}, 2**20, False),
        ({"width": 512, "height": 512, "batch_size": 4}, 2**20, True),
        ({"width": 512, "height": 512, "batch_size": 5}, 2**20, False),
    ],
)
def test_the_product_is_what_counts(inputs: dict[str, int], pixels: int, taken: bool) -> None:
    assert [one.code for one in refused(empty(**inputs), pixels)] == ([] if taken else ["too_many_pixels"])


def handed_on(*through: str, width: int = 2048) -> Document:
    """A picture whose width comes through nodes of these types, the first of which has it."""
    document = empty(height=1024)
    nodes = dict(document.nodes)
    value: int | Link = width
    for number, kind in enumerate(through):
        nodes[f"n{number}"] = made(kind, **{one.name: value for one in read_catalogue()[kind].inputs})
        value = of(f"n{number}", read_catalogue()[kind].outputs[0].name)
    return replace(document, nodes={**nodes, "latent": made("EmptyLatentImage", height=1024, width=value)})


@pytest.mark.parametrize(
    ("document", "codes"),
    [
        (handed_on("PrimitiveInt"), ["too_many_pixels"]),
        (handed_on("PrimitiveInt", width=1024), []),
        (handed_on("PrimitiveInt", "PrimitiveInt", "PrimitiveInt"), ["too_many_pixels"]),
        (handed_on("PrimitiveInt", "Reroute"), ["too_many_pixels"]),
        (handed_on("Reroute", "PrimitiveInt"), ["too_many_pixels"]),
        (handed_on("PrimitiveInt", width=10**9), ["too_many_pixels"]),
        (handed_on("PrimitiveInt", width=-(10**9)), []),
        (handed_on("PrimitiveInt", width=2**63), ["too_big"]),
    ],
)
def test_a_number_that_other_nodes_only_hand_on_counts_as_one_that_is_given(
    document: Document, codes: list[str]
) -> None:
    assert [one.code for one in refused(document, 2**20)] == codes


def test_a_number_that_is_computed_is_not_guessed() -> None:
    pixels = Input("value", "INT", Number("INT"))
    twice = NodeSpec("Twice", "", (pixels,), (Output("INT", "INT"),))
    document = handed_on("PrimitiveInt")
    nodes = {**document.nodes, "n0": replace(document.nodes["n0"], type="Twice")}
    catalogue = {**read_catalogue(), "Twice": twice}
    assert refused(replace(document, nodes=nodes), 2**20, catalogue) == []
    passing = {**catalogue, "Twice": replace(twice, passes_on=True)}
    assert [one.path for one in refused(replace(document, nodes=nodes), 2**20, passing)] == [
        "$.nodes.latent.inputs.width"
    ]


def test_numbers_that_nodes_hand_on_in_a_circle_are_told_as_that() -> None:
    document = handed_on("PrimitiveInt", "PrimitiveInt")
    nodes = {**document.nodes, "n0": made("PrimitiveInt", value=of("n1", "INT"))}
    assert {one.code for one in refused(replace(document, nodes=nodes), 2**20)} == {"cycle"}


@pytest.mark.parametrize("kind", ["Unknown", "Note"])
def test_a_number_that_a_node_hands_on_which_cannot_run_is_told_as_that(kind: str) -> None:
    document = handed_on("PrimitiveInt")
    nodes = {**document.nodes, "n0": made(kind)}
    assert "too_many_pixels" not in {one.code for one in refused(replace(document, nodes=nodes), 2**20)}


class Counted(dict[str, BoundNode]):
    """Nodes that count how often they are looked up."""

    lookups = 0

    def __getitem__(self, name: str) -> BoundNode:
        self.lookups += 1
        return super().__getitem__(name)


def test_a_number_that_many_get_is_looked_for_once() -> None:
    document = handed_on(*["PrimitiveInt"] * 50)
    more = {f"more{number}": document.nodes["latent"] for number in range(50)}
    catalogue = read_catalogue()
    flat = flatten(replace(document, nodes={**document.nodes, **more}), catalogue)
    graph = bind(flat, catalogue, Folders({}))
    nodes = Counted(graph.nodes)
    told = list(too_many_pixels(flat, replace(graph, nodes=nodes), Bounds(pixels=2**20)))
    assert (len(told), nodes.lookups) == (51, 50)


def test_a_number_of_pictures_counts_from_inside_and_outside_a_subgraph() -> None:
    inner = Subgraph(
        "many",
        {"count": made("PrimitiveInt", value=1),
         "latent": made("EmptyLatentImage", width=1024, height=1024, batch_size=of("count", "INT"))},
        (Parameter("number", (("count", "value"),)),), (SubgraphOutput("o", of("latent", "LATENT")),),
    )  # fmt: skip
    for number, codes in [(1, []), (2, ["too_many_pixels"])]:
        nodes = {
            "number": made("PrimitiveInt", value=number),
            "many": made("subgraph:many", number=of("number", "INT")),
            "show": made("PreviewAny", source=of("many", "o")),
        }
        assert [one.code for one in refused(Document(nodes, subgraphs={"many": inner}), 2**20)] == codes


def test_the_refusal_says_where_how_much_and_what_to_do() -> None:
    [told] = refused(empty(width=16384, height=16384), 10**8)
    assert (told.node, told.input, told.path) == ("latent", "width", "$.nodes.latent.inputs.width")
    for part in ("16384x16384", "268,435,456 pixels", f"{2**28 * PIXEL_BYTES / 1e9:.1f} GB", "100,000,000 pixels"):
        assert part in told.message
    assert "--max-pixels 268435456" in (told.hint or "")


@pytest.mark.parametrize("number", [4096, 1])
def test_the_service_takes_the_number_that_the_hint_names(number: int) -> None:
    [told] = refused(empty(width=16384, height=16384, batch_size=number), 10**8)
    named = re.findall(r"--max-pixels (\d+)", told.hint or "")
    assert bounds(parser().parse_args(["--max-pixels", *named]), 1).pixels == 16384 * 16384 * number


@pytest.mark.parametrize(
    ("inputs", "codes"),
    [
        ({"width": 10**400, "height": 10**400}, ["too_big", "too_big"]),
        ({"width": -(10**9), "height": -(10**9)}, ["too_small", "too_small"]),
        ({"width": 16384, "height": 16384, "batch_size": 10**4000}, ["too_big"]),
    ],
)
def test_numbers_out_of_their_own_range_are_told_as_that(inputs: dict[str, int], codes: list[str]) -> None:
    assert [one.code for one in refused(empty(**inputs), 2**28)] == codes


def test_a_node_whose_numbers_have_no_range_is_counted_however_large_they_are() -> None:
    sides = tuple(Input(name, "INT", Number("INT")) for name in ("width", "height"))
    catalogue = {**read_catalogue(), "Sized": NodeSpec("Sized", "", sides, (Output("o", "LATENT"),))}
    nodes = {
        "sized": made("Sized", width=10**3000, height=10**3000),
        "show": made("PreviewAny", source=of("sized", "o")),
    }
    assert [one.code for one in refused(Document(nodes), 2**28, catalogue)] == ["too_many_pixels"]


def test_too_many_pixels_hide_no_other_problem() -> None:
    document = empty(width=16384, height=16384)
    document = replace(document, nodes={**document.nodes, "other": made("PreviewAny", source=of("gone", "LATENT"))})
    assert [one.code for one in refused(document, 10**6)] == ["too_many_pixels", "unknown_node"]


def test_an_unknown_key_hides_no_other_problem() -> None:
    data = {**to_json(empty(width=1)), "descripton": "x"}
    with pytest.raises(InputError) as raised:
        requested(data, {}, None, "", read_catalogue(), Folders({}), Bounds())
    assert [one.code for one in raised.value.problems] == ["document_structure", "too_small"]


def test_what_a_parameter_sets_is_refused_at_the_parameter() -> None:
    [told] = refused(empty(height=1024), 2**20, width=2048)
    assert (told.node, told.input, told.path) == ("latent", "width", "$.parameters.width")
    [told] = refused(empty(height=1024), 2**20, number=3)
    assert told.path == "$.nodes.latent.inputs.width"


def test_a_size_that_comes_from_outside_a_subgraph_is_refused_there() -> None:
    inner = Subgraph(
        "sized", {"latent": made("EmptyLatentImage", height=1024)},
        (Parameter("side", (("latent", "width"),)),), (SubgraphOutput("o", of("latent", "LATENT")),),
    )  # fmt: skip
    nodes = {"sized": made("subgraph:sized", side=2048), "show": made("PreviewAny", source=of("sized", "o"))}
    document = Document(nodes, parameters=(Parameter("side", (("sized", "side"),)),), subgraphs={"sized": inner})
    assert [one.path for one in refused(document, 2**20)] == ["$.nodes.sized.inputs.side"]
    assert [one.path for one in refused(document, 2**20, side=4096)] == ["$.parameters.side"]
