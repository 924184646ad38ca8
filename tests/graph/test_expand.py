"""Nodes that return a graph: loops, lists, caching, and expansions that make no sense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

from graph.document import Document, InputValue, with_inputs
from graph.events import NodeFailed
from tests.graph.engine import Engine, document, made, of
from tests.toy_expansions import BAD_EXPANSIONS
from tests.toy_values import Tile


def test_an_expansion_runs_in_the_place_of_its_node() -> None:
    engine = Engine()
    graph = document(one=made("Integer", value=1), add=made("AddTwice", a=of("one"), b=5), end=made("Add", a=of("add")))
    ran = engine.run(graph, "end")
    assert ran.value("end") == 11
    assert ran.calls == Counter(Integer=1, AddTwice=1, Add=3)
    assert engine.run(graph, "end").calls == Counter()


def test_inner_nodes_are_cached_like_others() -> None:
    engine = Engine()
    engine.run(document(one=made("Integer", value=1), add=made("Add", a=of("one"), b=5)), "add")
    ran = engine.run(document(one=made("Integer", value=1), add=made("AddTwice", a=of("one"), b=5)), "add")
    assert ran.calls == Counter(AddTwice=1, Add=1)


@pytest.mark.parametrize("rounds", [0, 1, 10_000])
def test_a_loop_ends_in_a_call_of_itself(rounds: int) -> None:
    engine = Engine()
    graph = document(loop=made("Countdown", rounds=rounds, value=5), end=made("Add", a=of("loop"), b=1))
    ran = engine.run(graph, "end")
    assert ran.value("end") == 6 + rounds
    assert ran.calls == Counter(Countdown=rounds + 1, Add=rounds + 1)
    assert engine.run(graph, "end").calls == Counter()


def test_a_longer_loop_runs_only_the_rounds_it_has_more() -> None:
    engine = Engine()
    graph = document(loop=made("Countdown", rounds=10))
    engine.run(graph, "loop")
    ran = engine.run(with_inputs(graph, {("loop", "rounds"): 13}), "loop")
    assert ran.value("loop") == 13
    assert ran.calls["Add"] == 3


def test_an_expansion_inside_a_list_takes_the_element_of_its_call() -> None:
    graph = document(
        r=made("Range", count=3), add=made("AddTwice", a=of("r"), b=of("r")), s=made("Sum", values=of("add"))
    )
    ran = Engine().run(graph, "add", "s")
    assert ran.items("add") == (0, 3, 6)
    assert ran.value("s") == 9


def test_some_calls_may_expand_and_some_not() -> None:
    ran = Engine().run(document(r=made("Range", count=4), some=made("SometimesExpands", value=of("r"))), "some")
    assert ran.items("some") == (0, 101, 2, 103)


def test_expanded_lists_join_as_returned_ones_do() -> None:
    graph = document(r=made("Range", count=2), spread=made("Spread", value=of("r")), one=made("Spread", value=7))
    ran = Engine().run(graph, "spread", "one")
    assert (ran.items("spread", "all"), ran.items("spread", "first")) == ((-1, 1, 0, 2), (0, 1))
    assert (ran.items("one", "all"), ran.items("one", "first")) == ((6, 8), (7,))


@pytest.mark.parametrize(
    ("inputs", "items"), [({}, (5,)), ({"value": 9}, (9,)), ({"value": of("r")}, (0, 1, 2))], ids=repr
)
def test_an_expansion_may_hand_an_input_straight_on(inputs: Mapping[str, InputValue], items: tuple[int, ...]) -> None:
    ran = Engine().run(document(r=made("Range", count=3), e=made("EmptyExpansion", **inputs)), "e")
    assert ran.items("e") == items


def test_a_lazy_input_can_be_handed_on_unevaluated() -> None:
    graph = document(a=made("Paint", shade=9), p=made("Postpone", value=of("a")))
    ran = Engine().run(graph, "p")
    assert ran.value("p") == Tile(bytes([9]) * 4)


def test_a_lazy_input_can_be_handed_on_from_inside_a_list() -> None:
    graph = document(
        r=made("Range", count=3),
        w=made("Range", count=2, start=40),
        p=made("PostponeEach", index=of("r"), value=of("w")),
    )
    assert Engine().run(graph, "p").items("p") == (40, 41, 41)


def test_inner_names_never_meet_those_of_the_document() -> None:
    nodes = {"add": made("AddTwice", a=of("one"), b=5), "one": made("Integer", value=1)}
    taken = {f"add.{serial}.once": made("Add", a=of("one"), b=serial) for serial in range(30)}
    end = {"all": made("Add", a=of("add"), b=of("add.29.once"))}
    ran = Engine().run(Document({**nodes, **taken, **end}), "all", *taken)
    assert ran.value("all") == 11 + 30
    assert [ran.value(name) for name in taken] == [1 + serial for serial in range(30)]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("unknown_type", "input_wrong"),
        ("unknown_inner", "unknown_node"),
        ("unknown_output", "unknown_output"),
        ("unknown_outer", "unknown_input"),
        ("no_output", "expansion_output"),
        ("cycle", "cycle"),
        ("not_json", "expansion_literal"),
        ("not_finite", "expansion_literal"),
        ("bad_literal", "input_wrong"),
        ("wrong_type", "type_mismatch"),
        ("not_a_node", "expansion_node"),
    ],
)
def test_an_expansion_that_is_no_graph_fails_its_node(kind: str, code: str) -> None:
    graph = document(
        bad=made("BadExpansion", kind=kind), after=made("Concat", a=of("bad")), other=made("Show", value=1)
    )
    ran = Engine().run(graph, "after", "other")
    failure = ran.outcomes["bad"].failure
    assert failure is not None
    assert failure.code == code
    assert ran.statuses == {"bad": "failed", "after": "skipped", "other": "ran"}


def test_every_bad_expansion_has_its_row() -> None:
    (mark,) = (
        mark
        for mark in test_an_expansion_that_is_no_graph_fails_its_node.pytestmark  # type: ignore[attr-defined]
        if mark.name == "parametrize"
    )
    assert {row[0] for row in mark.args[1]} == set(BAD_EXPANSIONS)


def test_a_failure_inside_an_expansion_names_the_inner_node_and_its_display() -> None:
    ran = Engine().run(document(outer=made("ExpandsIntoBoom", value=3), after=made("Add", a=of("outer"))), "after")
    (event,) = (event for event in ran.events if isinstance(event, NodeFailed))
    assert (event.display, event.failure.message) == ("outer", "RuntimeError: boom 3")
    assert event.node.startswith("outer.")
    assert ran.statuses == {"outer": "skipped", "after": "skipped"}
    assert ran.outcomes["outer"].reason == ran.outcomes["after"].reason == f"`{event.node}` failed"
