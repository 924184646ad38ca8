"""What a client sent, checked: which faults forbid which outputs, and that checking is no more work than it has to be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graph.document import Document, Node, Parameter, Subgraph, SubgraphOutput
from graph.errors import InputError, Problem
from nodes.folders import Folders
from server.http.checking import Checked, check, runnable
from server.http.comfyui.errors import node_errors, outputs_of
from server.http.service import Bounds
from tests.counting import grows_linearly
from tests.graph.engine import document, made, of
from tests.toy_nodes import toys

CATALOGUE = {name: one.spec for name, one in toys().items()}
NOWHERE = Folders({})
MORE = Subgraph(
    "more", {"add": made("Add", b=1)}, (Parameter("to", (("add", "a"),)),), (SubgraphOutput("o", of("add")),)
)


def checked(wanted: Document, *imported: Problem) -> Checked:
    return check(wanted, imported, CATALOGUE, NOWHERE, Bounds())


@pytest.mark.parametrize("targets", [None, ["show"], ["fine", "show"]])
def test_an_instance_that_is_given_something_wrong_cannot_run(targets: list[str] | None) -> None:
    nodes = {
        "s": made("subgraph:more", to="x"),
        "show": made("Show", value=of("s", "o")),
        "fine": made("Show", value=1),
    }
    found = checked(Document(nodes, subgraphs={"more": MORE}))
    with pytest.raises(InputError) as refused:
        runnable(found, targets)
    assert [one.node for one in refused.value.problems] == ["s"]
    assert runnable(found, ["fine"]) == ("fine",)


def test_comfyui_is_told_of_an_instance_under_the_node_inside() -> None:
    nodes = {
        "s": made("subgraph:more", to="x"),
        "show": made("Show", value=of("s", "o")),
        "fine": made("Show", value=1),
    }
    found = checked(Document(nodes, subgraphs={"more": MORE}))
    outputs = outputs_of(found)
    assert (list(outputs.sound), outputs.unsound) == (["fine"], {"show": ["s:add"]})
    told = node_errors(found, outputs, {"s:add": {"class_type": "Add"}}, NOWHERE)
    assert told.keys() == {"s:add"}


def _many_imported(count: int) -> Callable[[], object]:
    nodes = {f"n{index}": made("Add", a="x") for index in range(count)}
    found = checked(document(good=made("Show", value=1), **nodes))
    return lambda: runnable(found, ["good"])


def _many_targets(count: int) -> Callable[[], object]:
    nodes: dict[str, Node] = {"n0": made("Add", a=1)}
    nodes |= {f"n{index}": made("Add", a=of(f"n{index - 1}")) for index in range(1, count)}
    found = checked(Document(nodes))
    return lambda: runnable(found, list(nodes))


@pytest.mark.parametrize("work", [_many_imported, _many_targets])
def test_checking_is_linear(work: Callable[[int], Callable[[], object]]) -> None:
    assert grows_linearly(work, 100)
