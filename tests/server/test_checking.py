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
    assert (outputs.sound, outputs.unsound) == (["fine"], ["show"])
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


def _faulty_chain(count: int, *, faulty: int, outputs: int) -> Callable[[], object]:
    """A chain of so many nodes, so many of them faulty, with outputs of the last of them."""
    given = ["x" if index < faulty else 1 for index in range(count)]
    nodes: dict[str, Node] = {"n0": made("Add", a=1, b=given[0])}
    nodes |= {f"n{index}": made("Add", a=of(f"n{index - 1}"), b=given[index]) for index in range(1, count)}
    nodes |= {f"out{index}": made("Show", value=of(f"n{index}")) for index in range(count - outputs, count)}
    found = checked(Document(nodes))
    return lambda: node_errors(found, outputs_of(found), {}, NOWHERE)


def _many_outputs(count: int) -> Callable[[], object]:
    return _faulty_chain(count, faulty=1, outputs=count)


def _many_faults(count: int) -> Callable[[], object]:
    return _faulty_chain(count, faulty=count, outputs=1)


WORKS = [_many_imported, _many_targets, _many_outputs, _many_faults]


@pytest.mark.parametrize("work", WORKS)
def test_checking_is_linear(work: Callable[[int], Callable[[], object]]) -> None:
    assert grows_linearly(work, 100)


def test_comfyui_is_told_which_outputs_need_a_fault() -> None:
    nodes = {
        "bad": made("Add", a="x"),
        "worse": made("Add", a=of("bad"), b="y"),
        "one": made("Show", value=of("bad")),
        "two": made("Show", value=of("worse")),
        "fine": made("Show", value=1),
        "left": made("Add", a=of("right")),
        "right": made("Add", a=of("left"), b=of("worse")),
        "round": made("Show", value=of("left")),
        "unneeded": made("Add", a="z"),
    }
    found = checked(Document(nodes))
    told = node_errors(found, outputs_of(found), {}, NOWHERE)
    needing = {name: one["dependent_outputs"] for name, one in told.items() if isinstance(one, dict)}
    assert needing == {"bad": ["one", "two", "round"], "worse": ["two", "round"]}
    some = node_errors(found, outputs_of(found).among(["two", "fine"]), {}, NOWHERE)
    assert {name: one["dependent_outputs"] for name, one in some.items() if isinstance(one, dict)} == {
        "bad": ["two"],
        "worse": ["two"],
    }
