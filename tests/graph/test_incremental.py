"""The promise of the engine, for any graph and any history: what is computed little by little is what would be computed
from nothing, and nothing is computed that was known."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.cache.budget import Budget
from graph.cache.entry import Entry, Hit
from graph.cache.memory import MemoryStore
from graph.cache.tiered import Cache
from graph.document import Document, InputValue, Node
from graph.plan import Plan
from tests.graph.engine import Engine, Ran, made, of

SMALL, OPAQUE, LIST = "small", "opaque", "list"


@dataclass(frozen=True)
class Kind:
    """A node type, what it needs and what it gives."""

    type: str
    gives: str
    links: dict[str, str]
    literals: dict[str, int]


KINDS = [
    Kind("Integer", SMALL, {}, {"value": 3}),
    Kind("Add", SMALL, {"a": SMALL}, {"b": 2}),
    Kind("Add", SMALL, {"a": SMALL, "b": SMALL}, {}),
    Kind("AddTwice", SMALL, {"a": SMALL}, {"b": 2}),
    Kind("Countdown", SMALL, {"value": SMALL}, {"rounds": 3}),
    Kind("Paint", OPAQUE, {}, {"shade": 3, "size": 1}),
    Kind("Paint", OPAQUE, {"shade": SMALL}, {}),
    Kind("Copy", OPAQUE, {"tile": OPAQUE}, {"mark": 2}),
    Kind("BlendLoop", OPAQUE, {"tile": OPAQUE}, {"rounds": 2}),
    Kind("Shade", SMALL, {"tile": OPAQUE}, {}),
    Kind("Clamp", SMALL, {"value": SMALL}, {"most": 4}),
    Kind("Choose", SMALL, {"on": SMALL, "yes": SMALL, "no": SMALL}, {}),
    Kind("Range", LIST, {"start": SMALL}, {"count": 3}),
    Kind("Sum", SMALL, {"values": LIST}, {}),
    Kind("Add", LIST, {"a": LIST, "b": SMALL}, {}),
    Kind("SometimesExpands", LIST, {"value": LIST}, {}),
]


@st.composite
def graphs(draw: st.DrawFn) -> Document:
    """A random graph, sources first."""
    given: dict[str, str] = {}
    nodes: dict[str, Node] = {}
    for index in range(draw(st.integers(1, 14))):
        able = [kind for kind in KINDS if set(kind.links.values()) <= set(given.values())]
        kind = able[draw(st.integers(0, len(able) - 1))]
        name = f"n{index}"
        nodes[name] = made(kind.type, **_inputs(draw, kind, given))
        given[name] = kind.gives
    return Document(nodes)


def _inputs(draw: st.DrawFn, kind: Kind, given: dict[str, str]) -> dict[str, InputValue]:
    inputs: dict[str, InputValue] = {name: draw(st.integers(0, most)) for name, most in kind.literals.items()}
    if kind.type == "Paint" and "size" in inputs:
        inputs["size"] = 1
    for port, wanted in kind.links.items():
        able = [name for name, gives in given.items() if gives == wanted]
        inputs[port] = of(able[draw(st.integers(0, len(able) - 1))])
    return inputs


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[Document, list[str]]]:
    """A graph and some edits of it, each with the targets that are asked for then."""
    graph = draw(graphs())
    steps: list[tuple[Document, list[str]]] = []
    for _ in range(draw(st.integers(1, 5))):
        names = list(graph.nodes)
        steps.append((graph, draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))))
        graph = _edited(draw, graph)
    return steps


def _edited(draw: st.DrawFn, graph: Document) -> Document:
    literals = [
        (name, port)
        for name, node in graph.nodes.items()
        for port, value in node.inputs.items()
        if isinstance(value, int)
    ]
    nodes = dict(graph.nodes)
    if literals:
        name, port = literals[draw(st.integers(0, len(literals) - 1))]
        most = 1 if port == "size" else 3
        nodes[name] = Node(nodes[name].type, {**nodes[name].inputs, port: draw(st.integers(min(most, 1), most))})
    return Document(nodes)


def from_nothing(graph: Document, targets: list[str]) -> Ran:
    return Engine().run(graph, *targets)


class Remembering(MemoryStore):
    """Never forgets, and knows which keys were put."""

    def __init__(self) -> None:
        super().__init__(Budget(None))
        self.puts: Counter[str] = Counter()

    def put(self, key: str, entry: Entry) -> bool:
        self.puts[key] += 1
        return super().put(key, entry)


@settings(max_examples=150, deadline=None)
@given(histories())
def test_incremental_runs_give_what_runs_from_nothing_give(history: list[tuple[Document, list[str]]]) -> None:
    store = Remembering()
    engine = Engine(cache=Cache([store]))
    for graph, targets in history:
        ran = engine.run(graph, *targets)
        fresh = from_nothing(graph, targets)
        assert ran.finished.status == "done"
        assert ran.finished.values == fresh.finished.values
        assert ran.calls <= fresh.calls
        assert max(store.puts.values()) == 1, "something was computed though its key was known"
        _as_planned(ran)


def _as_planned(ran: Ran) -> None:
    """What the plan is sure of comes true."""
    for name, step in ran.plan.steps.items():
        if step.status == "cached":
            assert ran.statuses[name] == "cached"
        if step.status == "unneeded":
            assert ran.statuses[name] == "skipped"
        if step.status == "run":
            assert ran.statuses[name] in ("ran", "cached")  # cached: a node of the same key ran first


@settings(max_examples=100, deadline=None)
@given(histories())
def test_the_same_again_runs_nothing(history: list[tuple[Document, list[str]]]) -> None:
    engine = Engine()
    for graph, targets in history:
        engine.run(graph, *targets)
        again: Plan = engine.plan(graph, *targets)
        assert {again.steps[name].status for name in targets} == {"cached"}
        assert engine.carry_out(again).calls == Counter()


class Losing(MemoryStore):
    """Loses things by chance, at any moment."""

    def __init__(self, seed: int) -> None:
        super().__init__(Budget(None))
        self.chance = random.Random(seed)

    def find(self, key: str) -> Hit | None:
        self._perhaps_lose(key)
        return super().find(key)

    def get(self, key: str) -> Entry | None:
        self._perhaps_lose(key)
        return super().get(key)

    def _perhaps_lose(self, key: str) -> None:
        if self.chance.random() < 0.3:
            self.drop(key)


@settings(max_examples=150, deadline=None)
@given(histories(), st.integers(0, 10**6), st.booleans())
def test_a_cache_that_loses_things_changes_no_value(
    history: list[tuple[Document, list[str]]], seed: int, keep_values: bool
) -> None:
    engine = Engine(cache=Cache([Losing(seed)]))
    for graph, targets in history:
        ran = engine.run(graph, *targets, keep_values=keep_values)
        assert ran.finished.status == "done"
        if keep_values:
            assert ran.finished.values == from_nothing(graph, targets).finished.values


@pytest.mark.parametrize("limit", [0, 50, 200, 1000])
@settings(max_examples=40, deadline=None)
@given(histories())
def test_a_small_budget_changes_no_value(limit: int, history: list[tuple[Document, list[str]]]) -> None:
    budget = Budget(limit)
    engine = Engine(cache=Cache([MemoryStore(budget)]))
    for graph, targets in history:
        assert engine.run(graph, *targets).finished.values == from_nothing(graph, targets).finished.values
        assert budget.used <= limit
