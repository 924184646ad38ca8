"""What cannot be planned, at which node, and what to do."""

from __future__ import annotations

import pytest

from graph.document import Document, Node, Parameter, Subgraph, SubgraphOutput, with_inputs
from graph.errors import InputError
from graph.json import Json
from tests.graph.engine import Engine, bypassed, document, made, muted, of


def _more(whole: Json) -> Document:
    """A subgraph that shows nothing itself: its instance is given `whole`, and one of its two nodes takes it."""
    inside = {"add": made("Add", b=1), "half": made("Divide")}
    inputs = (Parameter("whole", (("add", "a"),)), Parameter("unneeded", (("half", "a"),)))
    more = Subgraph("more", inside, inputs, (SubgraphOutput("sum", of("add")),))
    nodes = {"s": made("subgraph:more", whole=whole, unneeded=1), "show": made("Show", value=of("s", "sum"))}
    return Document(nodes, subgraphs={"more": more})


def _loop(length: int) -> Document:
    nodes = {f"n{index}": made("Copy", tile=of(f"n{(index + 1) % length}")) for index in range(length)}
    return Document({**nodes, "end": made("Show", value=of("n0"))})


@pytest.mark.parametrize(
    ("graph", "targets", "code", "node", "hint"),
    [
        pytest.param(Document({}), (), "nothing_to_run", None, "Add a node that saves", id="an empty document"),
        pytest.param(document(a=made("Paint")), (), "nothing_to_run", None, "Add a node that saves", id="no effect"),
        pytest.param(
            document(paint=made("Paint")), ("pain",), "unknown_node", None, "Did you mean 'paint'?", id="no such target"
        ),
        pytest.param(document(a=made("Nope")), ("a",), "unknown_type", "a", "", id="a target of unknown type"),
        pytest.param(document(a=made("Nope")), (), "unknown_type", "a", "", id="only an unknown type"),
        pytest.param(
            document(a=made("Add"), b=made("Show", value=of("a"))), (), "missing_input", "a", "", id="a faulty source"
        ),
        pytest.param(
            document(a=made("Nope"), b=made("Show", value=of("a"))),
            (),
            "unknown_type",
            "a",
            "",
            id="a source of unknown type",
        ),
        pytest.param(
            document(s=made("subgraph:x"), b=made("Show", value=of("s", "o"))),
            (),
            "unknown_subgraph",
            "s",
            "",
            id="a broken subgraph",
        ),
        pytest.param(_more("x"), (), "wrong_type", "s", "", id="an instance that was given something wrong"),
        pytest.param(_more("x"), ("show",), "wrong_type", "s", "", id="an instance that the target needs"),
        pytest.param(_loop(1), (), "cycle", "n0", "Remove one of these links", id="a loop of one"),
        pytest.param(_loop(3), (), "cycle", "n0", "Remove one of these links", id="a loop of three"),
        pytest.param(_loop(20_000), (), "cycle", "n0", "Remove one of these links", id="a loop of many"),
    ],
)
def test_what_cannot_be_planned(
    graph: Document, targets: tuple[str, ...], code: str, node: str | None, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        Engine().plan(graph, *targets)
    (problem,) = caught.value.problems
    assert (problem.code, problem.node) == (code, node)
    assert hint in (problem.hint or "")


@pytest.mark.parametrize(
    ("source", "code", "hint"),
    [
        (muted(made("Paint")), "muted", "Switch the muted node on"),
        (bypassed(made("Paint")), "bypassed", "Switch the bypassed node on"),
        (made("Reroute"), "unconnected", "Link an output to it"),
    ],
)
def test_a_target_whose_source_is_gone(source: Node, code: str, hint: str) -> None:
    with pytest.raises(InputError, match=hint) as caught:
        Engine().plan(document(a=source, b=made("Show", value=of("a"))))
    assert [(problem.code, problem.node) for problem in caught.value.problems] == [(code, "b")]


def test_a_cycle_is_shown_with_its_nodes() -> None:
    with pytest.raises(InputError, match=r"n0 \(Copy\) -> n2 \(Copy\) -> n1 \(Copy\) -> n0 \(Copy\)"):
        Engine().plan(_loop(3))


def test_a_fault_of_an_instance_in_what_no_target_needs_does_not_stop_them() -> None:
    graph = with_inputs(_more(1), {("s", "unneeded"): "x"})
    assert Engine().plan(graph).steps.keys() == {"s:add", "show"}


def test_a_fault_that_no_target_needs_does_not_stop_them() -> None:
    graph = document(bad=made("Knobs", strength=99), loop=made("Copy", tile=of("loop")), good=made("Show", value=1))
    assert Engine().plan(graph).steps.keys() == {"good"}


def test_every_fault_that_is_needed_is_told() -> None:
    graph = document(a=made("Paint", shade=-1), b=made("Copy", tile=of("a"), mark="x"), end=made("Show", value=of("b")))
    with pytest.raises(InputError) as caught:
        Engine().plan(graph)
    assert [problem.node for problem in caught.value.problems] == ["a", "b"]
