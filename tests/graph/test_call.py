"""Calling bodies: over lists, with lazy inputs, past blockers, and when they fail."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from graph.document import Document, InputValue, with_inputs
from graph.events import NodeBlocked, NodeFailed
from tests.graph.engine import Engine, document, made, of

# Lists


@pytest.mark.parametrize(
    ("inputs", "sums"),
    [
        pytest.param({"a": of("three"), "b": 10}, (10, 11, 12), id="a literal goes with every element"),
        pytest.param({"a": of("three"), "b": of("two")}, (5, 7, 8), id="the shorter repeats its last element"),
        pytest.param({"a": of("one"), "b": of("two")}, (5, 6), id="a single value repeats"),
        pytest.param({"a": of("none"), "b": of("two")}, (), id="an empty list means no call"),
        pytest.param({"a": of("none"), "b": 1}, (), id="an empty list beside a literal means no call"),
        pytest.param({"a": of("none")}, (), id="an empty list alone means no call"),
    ],
)
def test_a_node_maps_over_lists(inputs: Mapping[str, InputValue], sums: tuple[int, ...]) -> None:
    graph = document(
        none=made("Range", count=0),
        one=made("Integer", value=0),
        two=made("Range", count=2, start=5),
        three=made("Range", count=3),
        add=made("Add", **inputs),
    )
    ran = Engine().run(graph, "add")
    assert ran.items("add") == sums
    assert ran.calls["Add"] == len(sums)
    assert ran.statuses["add"] == "ran"


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 0), (4, 6)])
def test_a_node_that_takes_lists_runs_once(count: int, expected: int) -> None:
    ran = Engine().run(document(r=made("Range", count=count), s=made("Sum", values=of("r"))), "s")
    assert ran.items("s") == (expected,)
    assert ran.calls["Sum"] == 1


def test_an_input_that_is_not_given_is_none_for_a_list_taker_too() -> None:
    graph = document(r=made("Range", count=2), g=made("Gather", values=of("r")))
    assert Engine().run(graph, "g").value("g") == "[0, 1] None"


def test_list_outputs_join_and_single_outputs_follow_each_other() -> None:
    graph = document(
        r=made("Range", count=2), n=made("Neighbours", value=of("r")), s=made("Sum", values=of("n", "all"))
    )
    ran = Engine().run(graph, "n", "s")
    assert ran.items("n", "all") == (-1, 1, 0, 2)
    assert ran.items("n", "first") == (0, 1)
    assert ran.value("s") == 2


def test_lists_of_small_values_stop_a_change_too() -> None:
    engine = Engine()
    graph = document(
        r=made("Range", count=3, start=1), o=made("Odd", value=of("r")), end=made("Gather", values=of("o"))
    )
    engine.run(graph, "end")
    ran = engine.run(with_inputs(graph, {("r", "start"): 3}), "end")
    assert ran.named("ran") == {"r", "o"}
    assert engine.run(with_inputs(graph, {("r", "start"): 2}), "end").named("ran") == {"r", "o", "end"}


# Lazy inputs


@pytest.mark.parametrize(("on", "entered", "skipped"), [(True, "a", "b"), (False, "b", "a")])
def test_a_lazy_input_runs_only_when_asked_for(on: bool, entered: str, skipped: str) -> None:
    graph = document(
        a=made("Paint", shade=1), b=made("Paint", shade=2), s=made("Switch", on=on, yes=of("a"), no=of("b"))
    )
    ran = Engine().run(graph, "s")
    assert ran.statuses == {entered: "ran", skipped: "skipped", "s": "ran"}
    assert ran.calls["Paint"] == 1


def test_a_lazy_branch_may_hold_a_failing_node() -> None:
    graph = document(a=made("Integer", value=1), b=made("Boom"), s=made("Switch", on=True, yes=of("a"), no=of("b")))
    ran = Engine().run(graph, "s")
    assert ran.finished.status == "done"
    assert ran.value("s") == 1


@pytest.mark.parametrize(
    ("values", "answer", "entered"),
    [((7, 8, 9), 7, {"a"}), ((0, 8, 9), 8, {"a", "b"}), ((0, 0, 9), 9, {"a", "b", "c"})],
)
def test_a_node_may_ask_again_after_each_answer(values: tuple[int, int, int], answer: int, entered: set[str]) -> None:
    nodes = {name: made("Integer", value=value) for name, value in zip("abc", values, strict=True)}
    graph = document(**nodes, first=made("FirstNonZero", a=of("a"), b=of("b"), c=of("c")))
    ran = Engine().run(graph, "first")
    assert ran.value("first") == answer
    assert ran.named("ran") | ran.named("cached") == entered | {"first"}


def test_what_a_switch_did_not_take_may_change_freely_only_by_running_the_switch() -> None:
    engine = Engine()
    graph = document(
        a=made("Paint", shade=1), b=made("Paint", shade=2), s=made("Switch", on=True, yes=of("a"), no=of("b"))
    )
    engine.run(graph, "s")
    ran = engine.run(with_inputs(graph, {("b", "shade"): 3}), "s")
    assert ran.statuses == {"a": "cached", "b": "skipped", "s": "ran"}


def test_lazy_inputs_are_asked_for_once_over_a_whole_list() -> None:
    graph = document(
        on=made("Odd", value=of("r")),
        r=made("Range", count=3),
        a=made("Integer", value=1),
        b=made("Integer", value=2),
        s=made("Switch", on=of("on"), yes=of("a"), no=of("b")),
    )
    assert Engine().run(graph, "s").items("s") == (2, 1, 2)


@pytest.mark.parametrize(
    ("on", "code"),
    [(0, None), (1, "unknown_input"), (2, "node_error")],
    ids=["asks nothing", "no such input", "raises"],
)
def test_what_a_node_asks_for_is_checked(on: int, code: str | None) -> None:
    graph = document(
        on=made("Integer", value=on), b=made("BrokenNeeds", on=of("on"), value=of("on")), free=made("Show", value="x")
    )
    ran = Engine().run(graph, "b", "free")
    failure = ran.outcomes["b"].failure
    assert (failure.code if failure else None) == code
    assert ran.statuses["free"] == "ran"


def test_a_blocked_value_is_not_asked_about() -> None:
    graph = document(
        one=made("Integer", value=2),
        stop=made("Block", value=of("one")),
        b=made("BrokenNeeds", on=of("stop"), value=of("one")),
    )
    assert Engine().run(graph, "b").statuses["b"] == "skipped"


# Blockers


def test_a_blocker_silences_what_follows_and_says_so_once() -> None:
    graph = document(
        one=made("Integer", value=1),
        stop=made("Block", value=of("one"), message="not today"),
        after=made("Add", a=of("stop")),
        end=made("Add", a=of("after")),
    )
    engine = Engine()
    for _ in range(2):  # nothing of it is kept, so that a second run complains as the first did
        ran = engine.run(graph, "end")
        assert [event.message for event in ran.events if isinstance(event, NodeBlocked)] == ["not today"]
        assert [event.node for event in ran.events if isinstance(event, NodeBlocked)] == ["after"]
        assert ran.calls["Add"] == 0
        assert (ran.statuses["after"], ran.outcomes["after"].reason) == ("skipped", "not today")
        assert (ran.statuses["end"], ran.outcomes["end"].reason) == ("failed", "not today")
        assert ran.finished.status == "failed"


@pytest.mark.parametrize("counts", [(0, 2), (1, 2)])
def test_a_complaint_is_heard_wherever_it_stands_in_a_list(counts: tuple[int, int]) -> None:
    """Of two calls one meets a silent blocker, the other one with a message, in either order."""
    first, length = counts
    graph = document(
        r=made("Range", start=first, count=length),
        some=made("BlockOdd", value=of("r")),
        rest=made("BlockEven", value=of("some")),
        end=made("Add", a=of("rest")),
    )
    engine = Engine()
    for _ in range(2):
        assert engine.run(graph, "end").statuses["end"] == "failed"


def test_a_silent_blocker_chooses_branches_and_is_kept() -> None:
    graph = document(
        one=made("Integer", value=1), stop=made("Block", value=of("one")), after=made("Show", value=of("stop"))
    )
    engine = Engine()
    assert engine.run(graph).statuses["after"] == "skipped"
    again = engine.run(graph)
    assert again.finished.status == "done"
    assert again.statuses["after"] == "cached"


def test_a_blocker_without_message_says_nothing() -> None:
    graph = document(one=made("Integer"), stop=made("Block", value=of("one")), after=made("Show", value=of("stop")))
    ran = Engine().run(graph)
    assert ran.seen(NodeBlocked) == []
    assert ran.calls["Show"] == 0
    assert ran.outcomes["after"].report is None


def test_in_a_list_only_the_blocked_element_is_skipped() -> None:
    graph = document(
        r=made("Range", count=4), some=made("BlockOdd", value=of("r")), after=made("Add", a=of("some"), b=10)
    )
    ran = Engine().run(graph, "after")
    assert [item for item in ran.items("after") if isinstance(item, int)] == [10, 12]
    assert len(ran.items("after")) == 4
    assert [event.message for event in ran.events if isinstance(event, NodeBlocked)] == ["1 is odd", "3 is odd"]
    assert ran.calls["Add"] == 2


def test_a_blocked_element_blocks_a_list_taker() -> None:
    graph = document(r=made("Range", count=2), some=made("BlockOdd", value=of("r")), s=made("Sum", values=of("some")))
    assert Engine().run(graph, "s").calls["Sum"] == 0


# Failures


def test_a_failure_leaves_independent_branches_finished_and_descendants_skipped() -> None:
    engine = Engine()
    graph = document(
        bad=made("Boom", value=7),
        child=made("Add", a=of("bad")),
        grandchild=made("Add", a=of("child")),
        good=made("Paint", shade=1),
        end=made("Blend", a=of("good")),
    )
    ran = engine.run(graph, "grandchild", "end")
    assert ran.finished.status == "failed"
    assert ran.statuses == {
        "bad": "failed",
        "child": "skipped",
        "grandchild": "skipped",
        "good": "ran",
        "end": "ran",
    }
    assert ran.outcomes["grandchild"].reason == "`bad` failed"
    (event,) = (event for event in ran.events if isinstance(event, NodeFailed))
    assert event.failure.message == "RuntimeError: boom 7"
    assert event.failure.inputs == {"value": "7"}
    assert "boom" in event.failure.trace
    again = engine.run(graph, "grandchild", "end")
    assert again.statuses["end"] == "cached"
    assert again.statuses["bad"] == "failed"


def test_a_refusal_comes_with_its_code_and_hint_and_without_a_trace() -> None:
    ran = Engine().run(document(p=made("Paint", size=3), r=made("Refuse", tile=of("p"))), "r")
    failure = ran.outcomes["r"].failure
    assert failure is not None
    assert (failure.code, failure.message, failure.hint) == ("tile_size", "no tile of 3", "Use another size.")
    assert (failure.trace, failure.inputs) == ("", {"tile": "tile of 3"})


@pytest.mark.parametrize(("strength", "status"), [(1.0, "done"), (2.0, "failed")])
def test_a_nodes_own_check_sees_linked_values_too(strength: float, status: str) -> None:
    graph = document(s=made("Real", value=strength), k=made("Knobs", strength=of("s"), mode="soft"))
    ran = Engine().run(graph, "k")
    assert ran.finished.status == status
    failure = ran.outcomes["k"].failure
    assert (failure.code if failure else None) == ("check_failed" if status == "failed" else None)


@pytest.mark.parametrize(
    ("type", "message"),
    [
        ("WrongCount", "TypeError: WrongCount returned 1 values for its 2 outputs"),
        ("EndsProcess", "SystemExit: 3"),
        ("EndsLoop", "SystemExit: 3"),
    ],
)
def test_whatever_a_body_does_is_a_failure_of_its_node(type: str, message: str) -> None:
    ran = Engine().run(
        document(bad=made(type), good=made("SleepAsync", fail=True), other=made("Paint")), "bad", "other"
    )
    failure = ran.outcomes["bad"].failure
    assert failure is not None
    assert failure.message == message
    assert ran.statuses["other"] == "ran"


def test_a_long_chain_below_a_failure_is_skipped_for_one_short_reason() -> None:
    nodes = {"n0": made("Boom")}
    nodes |= {f"n{index}": made("Add", a=of(f"n{index - 1}")) for index in range(1, 2000)}
    ran = Engine().run(Document(nodes), "n1999")
    assert {outcome.reason for name, outcome in ran.outcomes.items() if name != "n0"} == {"`n0` failed"}


def test_a_node_without_implementation_fails_alone() -> None:
    engine = Engine()
    planned = engine.plan(document(a=made("Paint"), b=made("Integer", value=1)), "a", "b")
    del engine.implementations["Paint"]
    ran = engine.carry_out(planned)
    failure = ran.outcomes["a"].failure
    assert failure is not None
    assert failure.code == "not_installed"
    assert ran.statuses["b"] == "ran"
