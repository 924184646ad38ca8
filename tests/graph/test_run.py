"""The run loop: what is executed, exactly how often, and what comes out."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from graph.cache.budget import Budget
from graph.cache.entry import Entry, Hit
from graph.cache.memory import MemoryStore
from graph.cache.tiered import Cache
from graph.document import Document, InputValue, with_inputs
from graph.errors import InputError
from graph.events import NodeBlocked, NodeFailed, NodeFinished, NodeStarted, RunStarted
from graph.json import Json
from tests.graph.engine import Engine, chain, document, made, of
from tests.toy_nodes import BAD_EXPANSIONS, Dice, Tile

# Exact execution counts


def test_a_node_runs_once_and_then_never_again() -> None:
    engine = Engine()
    graph = document(
        one=made("Integer", value=1), sum=made("Add", a=of("one"), b=2), twice=made("Add", a=of("sum"), b=of("sum"))
    )
    first = engine.run(graph, "twice")
    assert first.value("twice") == 6
    assert first.calls == Counter(Integer=1, Add=2)
    again = engine.run(graph, "twice")
    assert again.value("twice") == 6
    assert again.calls == Counter()
    assert again.statuses == {"one": "cached", "sum": "cached", "twice": "cached"}


def test_a_change_runs_what_depends_on_it_and_nothing_else() -> None:
    engine = Engine()
    graph = document(
        left=made("Paint", shade=10), right=made("Paint", shade=20), both=made("Blend", a=of("left"), b=of("right"))
    )
    engine.run(graph, "both")
    ran = engine.run(with_inputs(graph, {("left", "shade"): 30}), "both")
    assert ran.named("ran") == {"left", "both"}
    assert ran.outcomes["left"].reason == "`shade` changed 10 -> 30"
    assert ran.outcomes["both"].reason == "upstream `left`"
    assert ran.value("both") == Tile(bytes([25]) * 4)


def test_going_back_to_an_earlier_value_runs_nothing() -> None:
    engine = Engine()
    graph = document(a=made("Paint", shade=1), b=made("Blend", a=of("a")))
    other = with_inputs(graph, {("a", "shade"): 2})
    engine.run(graph, "b")
    engine.run(other, "b")
    assert engine.run(graph, "b").calls == Counter()


def test_an_equal_small_value_stops_a_change() -> None:
    engine = Engine()
    graph = document(
        number=made("Integer", value=3),
        odd=made("Odd", value=of("number")),
        after=made("Switch", on=of("odd"), yes="y"),
    )
    engine.run(graph, "after")
    ran = engine.run(with_inputs(graph, {("number", "value"): 5}), "after")
    assert ran.named("ran") == {"number", "odd"}
    assert ran.named("cached") == {"after"}


def test_an_opaque_value_never_stops_a_change() -> None:
    engine = Engine()
    graph = document(paint=made("Paint", shade=1), copy=made("Copy", tile=of("paint"), mark=0))
    after = Document({**graph.nodes, "end": made("Blend", a=of("copy"))})
    engine.run(after, "end")
    assert engine.run(with_inputs(after, {("copy", "mark"): 1}), "end").named("ran") == {"copy", "end"}


def test_nodes_of_one_key_run_once() -> None:
    engine = Engine()
    graph = document(
        a=made("Paint", shade=1),
        b=made("Paint", shade=1),
        c=made("Blend", a=of("a")),
        d=made("Blend", a=of("b")),
        both=made("Blend", a=of("c"), b=of("d")),
    )
    ran = engine.run(graph, "both")
    assert ran.calls == Counter(Paint=1, Blend=2)
    assert ran.statuses["both"] == "ran"


def test_only_what_the_targets_need_runs() -> None:
    ran = Engine().run(document(a=made("Integer", value=1), b=made("Boom"), c=made("Add", a=of("a"))), "c")
    assert ran.statuses == {"a": "ran", "c": "ran"}


def test_a_target_may_feed_another() -> None:
    graph = document(a=made("Paint", shade=4), b=made("Blend", a=of("a")), c=made("Shade", tile=of("b")))
    ran = Engine().run(graph, "a", "c", "b")
    assert ran.calls == Counter(Paint=1, Blend=1, Shade=1)
    assert (ran.value("a"), ran.value("b"), ran.value("c")) == (Tile(b"\4" * 4), Tile(b"\4" * 4), 4)


def test_two_outputs_are_told_apart() -> None:
    graph = document(
        cut=made("Divide", a=17, b=5),
        sum=made("Add", a=of("cut", "quotient"), b=of("cut", "remainder")),
        product=made("Add", a=of("cut", "remainder"), b=of("cut", "remainder")),
    )
    ran = Engine().run(graph, "sum", "product", "cut")
    assert (ran.value("sum"), ran.value("product")) == (5, 4)
    assert (ran.value("cut", "quotient"), ran.value("cut", "remainder")) == (3, 2)


def test_a_float_input_gets_a_float_from_a_whole_number() -> None:
    graph = document(n=made("Integer", value=3), s=made("Scale", value=of("n"), by=2))
    assert Engine().run(graph, "s").value("s") == 6.0


def test_events_come_in_order() -> None:
    graph = document(a=made("Integer", value=1), b=made("Add", a=of("a")))
    ran = Engine().run(graph, "b")
    kinds = [(type(event), getattr(event, "node", None)) for event in ran.events[:-1]]
    assert kinds == [
        (RunStarted, None),
        (NodeStarted, "a"),
        (NodeFinished, "a"),
        (NodeStarted, "b"),
        (NodeFinished, "b"),
    ]


@pytest.mark.parametrize("length", [1, 2, 10_000])
def test_a_chain_of_any_length_runs(length: int) -> None:
    ran = Engine().run(chain(length), f"n{length - 1}")
    assert ran.value(f"n{length - 1}") == length - 1


@pytest.mark.parametrize("kind", ["nan", "inf", "-inf"])
def test_numbers_that_json_does_not_have_travel_on_wires(kind: str) -> None:
    engine = Engine()
    graph = document(n=made("NotFinite", kind=kind), s=made("Scale", value=of("n")))
    assert str(engine.run(graph, "s").value("s")) == kind
    assert engine.run(graph, "s").calls == Counter()


# Volatile nodes


def test_a_nondeterministic_node_runs_each_time_and_an_equal_value_stops_there() -> None:
    engine = Engine()
    engine.services[Dice] = Dice(4, 4, 5)
    graph = document(roll=made("Random"), sum=made("Add", a=of("roll"), b=1), end=made("Paint", shade=of("sum")))
    assert engine.run(graph, "end").calls == Counter(Random=1, Add=1, Paint=1)
    assert engine.run(graph, "end").calls == Counter(Random=1)
    last = engine.run(graph, "end")
    assert last.calls == Counter(Random=1, Add=1, Paint=1)
    assert last.outcomes["roll"].reason == "runs every time"


def test_what_follows_an_opaque_volatile_value_runs_each_time() -> None:
    engine = Engine()
    engine.services[Dice] = Dice(4, 4)
    graph = document(roll=made("RandomTile"), blend=made("Blend", a=of("roll")), shade=made("Shade", tile=of("blend")))
    after = Document({**graph.nodes, "end": made("Add", a=of("shade"), b=1)})
    engine.run(after, "end")
    ran = engine.run(after, "end")
    assert ran.named("ran") == {"roll", "blend", "shade"}
    assert ran.outcomes["blend"].reason == "upstream `roll` runs every time"
    assert ran.statuses["end"] == "cached"


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
    assert Engine().run(graph, "b").statuses["b"] == "ran"


# Blockers


def test_a_blocker_silences_what_follows_and_says_so_once() -> None:
    graph = document(
        one=made("Integer", value=1),
        stop=made("Block", value=of("one"), message="not today"),
        after=made("Add", a=of("stop")),
        end=made("Add", a=of("after")),
    )
    ran = Engine().run(graph, "end")
    assert [event.message for event in ran.events if isinstance(event, NodeBlocked)] == ["not today"]
    assert [event.node for event in ran.events if isinstance(event, NodeBlocked)] == ["after"]
    assert ran.calls["Add"] == 0
    assert ran.finished.status == "done"


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


# Expansion


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


# Memory


def _watched(engine: Engine, *types: str) -> list[weakref.ref[Tile]]:
    """Weak references to every tile that nodes of these types make from now on."""
    made_tiles: list[weakref.ref[Tile]] = []
    for type in types:
        one = engine.implementations[type]
        function = one.function

        def body(*, _function: object = function, **arguments: object) -> object:
            value = _function(**arguments)  # type: ignore[operator]
            if isinstance(value, Tile):
                made_tiles.append(weakref.ref(value))
            return value

        object.__setattr__(one, "function", body)
    return made_tiles


def _alive(tiles: list[weakref.ref[Tile]]) -> int:
    return sum(tile() is not None for tile in tiles)


def nothing_is_kept() -> Cache:
    return Cache([])


def test_a_value_is_let_go_after_its_last_use() -> None:
    engine = Engine(cache=nothing_is_kept())
    tiles = _watched(engine, "Copy")
    nodes = {"n0": made("Paint")}
    nodes |= {f"n{index}": made("Copy", tile=of(f"n{index - 1}"), mark=index) for index in range(1, 30)}
    most = 0
    for _ in engine.start(engine.plan(Document(nodes), "n29"), keep_values=False):
        most = max(most, _alive(tiles))
    assert len(tiles) == 29
    assert most <= 3
    assert _alive(tiles) == 0


def test_a_loop_does_not_pile_up_the_values_of_its_rounds() -> None:
    engine = Engine(cache=nothing_is_kept())
    tiles = _watched(engine, "Copy")
    graph = document(p=made("Paint"), loop=made("BlendLoop", tile=of("p"), rounds=30))
    most = 0
    for _ in engine.start(engine.plan(graph, "loop"), keep_values=False):
        most = max(most, _alive(tiles))
    assert len(tiles) == 30
    assert most <= 3


def test_a_value_is_let_go_though_a_cached_node_is_linked_to_it_too() -> None:
    engine = Engine()
    graph = document(p=made("Paint"), a=made("Copy", tile=of("p"), mark=1), b=made("Shade", tile=of("a")))
    engine.run(graph, "b")
    for name in ("p", "a"):
        key = engine.plan(graph, "b").steps[name].recipe
        assert key is not None
        engine.memory.drop(key.key)
    more = Document({**graph.nodes, "c": made("Copy", tile=of("a"), mark=2), "d": made("Slow", value=1)})
    engine.cache = Cache([_ReadOnly(engine.memory)])
    tiles = _watched(engine, "Copy")
    alive = [
        _alive(tiles)
        for event in engine.start(engine.plan(more, "b", "c"), keep_values=False)
        if isinstance(event, NodeFinished)
    ]
    assert len(tiles) == 2
    assert alive[-1] <= 1


class _ReadOnly(MemoryStore):
    """A store that answers and takes nothing."""

    def __init__(self, other: MemoryStore) -> None:
        super().__init__(Budget(None))
        self.other = other

    def find(self, key: str) -> Hit | None:
        return self.other.find(key)

    def get(self, key: str) -> Entry | None:
        return self.other.get(key)

    def put(self, key: str, entry: Entry) -> bool:
        return False


# Files and effects


def test_an_effect_happens_once_and_again_when_its_file_is_gone(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    graph = document(w=made("Word", value="hello"), save=made("Save", text=of("w"), name="a.txt"))
    first = engine.run(graph)
    assert (tmp_path / "output/a.txt").read_text() == "hello"
    assert [saved.name for saved in first.report("save").files] == ["a.txt"]
    again = engine.run(graph)
    assert again.calls == Counter()
    assert [saved.name for saved in again.report("save").files] == ["a.txt"]
    (tmp_path / "output/a.txt").unlink()
    third = engine.run(graph)
    assert third.calls == Counter(Save=1)
    assert (tmp_path / "output/a.txt").read_text() == "hello"


def test_a_file_that_vanishes_between_plan_and_run_is_written_again(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    graph = document(save=made("Save", text="hello", name="a.txt"))
    engine.run(graph)
    planned = engine.plan(graph)
    assert planned.steps["save"].status == "cached"
    (tmp_path / "output/a.txt").unlink()
    ran = engine.carry_out(planned)
    assert ran.statuses["save"] == "ran"
    assert (tmp_path / "output/a.txt").read_text() == "hello"


def test_effects_inside_an_expansion_happen_and_are_watched(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    graph = document(two=made("SaveTwice", text="hi"), show=made("Show", value=of("two")))
    first = engine.run(graph)
    written = [saved.name for one in first.outcomes.values() if one.report for saved in one.report.files]
    assert sorted(written) == ["one.txt", "two.txt"]
    again = engine.run(graph, "two")
    assert again.calls == Counter()
    written = [saved.name for one in again.outcomes.values() if one.report for saved in one.report.files]
    assert sorted(written) == ["one.txt", "two.txt"]
    (tmp_path / "output/two.txt").unlink()
    third = engine.run(graph, "two")
    assert third.calls == Counter(SaveTwice=1, Save=1)
    assert (tmp_path / "output/two.txt").read_text() == "hi"


def test_a_failed_effect_inside_an_expansion_is_tried_again(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    (tmp_path / "output/two.txt").mkdir()
    graph = document(two=made("SaveTwice", text="hi"))
    assert engine.run(graph, "two").finished.status == "failed"
    (tmp_path / "output/two.txt").rmdir()
    ran = engine.run(graph, "two")
    assert ran.calls == Counter(SaveTwice=1, Save=1)
    assert ran.value("two") == "hi"


@pytest.mark.parametrize("linked", [False, True], ids=["the name is a literal", "the name comes through a link"])
def test_a_changed_file_runs_its_reader_again(tmp_path: Path, linked: bool) -> None:
    engine = Engine(tmp_path)
    assert engine.files is not None
    engine.files.write("input", "a.txt", "one")
    name: Json = "a.txt"
    graph = document(name=made("Word", value="a.txt"), read=made("ReadText", file=of("name") if linked else name))
    assert engine.run(graph, "read").value("read") == "one"
    assert engine.run(graph, "read").calls == Counter()
    engine.files.write("input", "a.txt", "twelve")
    assert engine.run(graph, "read").value("read") == "twelve"


def test_the_same_picture_under_another_name_is_the_same_picture(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    assert engine.files is not None
    for name in ("a.txt", "b.txt"):
        engine.files.write("input", name, "same")
        engine.files.write("models", name, "same")
    graph = document(read=made("ReadText", file="a.txt"), open=made("OpenModel", file="a.txt"))
    engine.run(graph, "read", "open")
    ran = engine.run(with_inputs(graph, {("read", "file"): "b.txt", ("open", "file"): "b.txt"}), "read", "open")
    assert ran.statuses == {"read": "cached", "open": "ran"}


def test_a_file_that_becomes_unreadable_fails_its_node_alone(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    assert engine.files is not None
    engine.files.write("input", "a.txt", "one")
    graph = document(
        name=made("Word", value="a.txt"), read=made("ReadText", file=of("name")), other=made("Show", value=1)
    )
    planned = engine.plan(graph, "read", "other")

    def unreadable(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    engine.files.digests.digest = unreadable  # type: ignore[method-assign]
    ran = engine.carry_out(planned)
    failure = ran.outcomes["read"].failure
    assert failure is not None
    assert (failure.code, ran.statuses["other"]) == ("input_wrong", "ran")
    with pytest.raises(InputError, match="file_unreadable"):
        engine.plan(document(read=made("ReadText", file="a.txt")), "read")
