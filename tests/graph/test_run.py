"""The run loop: what is executed, exactly how often, and what comes out."""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from graph.cache.budget import Budget
from graph.cache.entry import Entry, Hit
from graph.cache.memory import MemoryStore
from graph.cache.tiered import Cache
from graph.document import Document, with_inputs
from graph.errors import InputError
from graph.events import NodeFinished, NodeStarted, RunStarted
from graph.json import Json
from tests.graph.engine import Engine, chain, document, made, of
from tests.toy_values import Dice, Tile

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


@pytest.mark.parametrize("new", ["two", None], ids=["changed", "removed"])
@pytest.mark.parametrize("linked", [False, True], ids=["the name is a literal", "the name comes through a link"])
def test_a_file_that_changes_while_its_reader_runs_gives_no_result_under_its_old_content(
    tmp_path: Path, new: str | None, linked: bool
) -> None:
    engine = Engine(tmp_path)
    assert engine.files is not None
    path = engine.files.write("input", "a.txt", "one")
    read = engine.implementations["ReadText"].function

    def changing(**inputs: object) -> object:
        path.write_text("two")
        found = read(**inputs)
        if new is None:
            path.unlink()
        return found

    name: Json = "a.txt"
    graph = document(name=made("Word", value="a.txt"), read=made("ReadText", file=of("name") if linked else name))
    changed = {**engine.implementations, "ReadText": replace(engine.implementations["ReadText"], function=changing)}
    sound, engine.implementations = engine.implementations, changed
    outcome = engine.run(graph, "read").outcomes["read"]
    assert outcome.failure is not None
    assert outcome.failure.code == "file_changed"
    engine.implementations = sound
    engine.files.write("input", "a.txt", "one")
    assert engine.run(graph, "read").value("read") == "one"


def test_a_file_that_changes_between_plan_and_run_gives_no_result_under_its_old_content(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    assert engine.files is not None
    engine.files.write("input", "a.txt", "one")
    graph = document(read=made("ReadText", file="a.txt"), more=made("Concat", a=of("read"), b="!"))
    planned = engine.plan(graph, "more")
    engine.files.write("input", "a.txt", "two")
    assert engine.carry_out(planned).statuses == {"read": "failed", "more": "skipped"}
    engine.files.write("input", "a.txt", "one")
    assert engine.run(graph, "more").value("more") == "one!"


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
