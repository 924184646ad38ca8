"""A cache may lose anything at any moment: the answer is the same, only later."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from graph.cache.budget import Budget
from graph.cache.disk import DiskStore
from graph.cache.entry import Entry, Hit
from graph.cache.index import Index
from graph.cache.memory import MemoryStore
from graph.cache.tiered import Cache
from graph.document import Document, Link, with_inputs
from tests.graph.engine import Engine, document, made, of
from tests.toy_values import Dice, Tile, toy_values

GRAPH = document(
    number=made("Integer", value=3),
    paint=made("Paint", shade=of("number")),
    copy=made("Copy", tile=of("paint"), mark=1),
    shade=made("Shade", tile=of("copy")),
    sum=made("Add", a=of("shade"), b=of("number")),
    end=made("Paint", shade=of("sum"), size=2),
)
END = Tile(bytes([6, 6]))


@pytest.fixture
def engine() -> Engine:
    return Engine()


def keys(engine: Engine, graph: Document = GRAPH) -> dict[str, str]:
    steps = engine.plan(graph, *graph.nodes).steps
    return {name: step.recipe.key for name, step in steps.items() if step.recipe is not None}


SUBSETS = [subset for size in range(len(GRAPH.nodes) + 1) for subset in itertools.combinations(GRAPH.nodes, size)]


@pytest.mark.parametrize("lost", SUBSETS, ids=",".join)
def test_evicted_before_the_plan(engine: Engine, lost: tuple[str, ...]) -> None:
    """Only what is lost and needed runs: whoever needs a value that is still there gets it from the cache."""
    engine.run(GRAPH, "end")
    known = keys(engine)
    for name in lost:
        engine.memory.drop(known[name])
    ran = engine.run(GRAPH, "end")
    assert ran.value("end") == END
    assert ran.named("ran") == _runs("end", set(lost))


SMALL = {"number", "shade", "sum"}


def _runs(target: str, lost: set[str]) -> set[str]:
    """What must run to know `target`: a node's key needs its small inputs known and the others only identified."""
    runs: set[str] = set()

    def identify(name: str) -> None:
        for source in _sources(name):
            (know if source in SMALL else identify)(source)

    def know(name: str) -> None:
        identify(name)
        if name in lost:
            runs.add(name)
            for source in _sources(name):
                know(source)

    know(target)
    return runs


def _sources(name: str) -> list[str]:
    return [value.node for value in GRAPH.nodes[name].inputs.values() if isinstance(value, Link)]


@pytest.mark.parametrize("lost", SUBSETS, ids=",".join)
def test_evicted_between_plan_and_run(engine: Engine, lost: tuple[str, ...]) -> None:
    engine.run(GRAPH, "end")
    graph = with_inputs(GRAPH, {("end", "size"): 3})
    planned = engine.plan(graph, "end")
    assert planned.having("run") == ["end"]
    known = keys(engine)
    for name in lost:
        engine.memory.drop(known[name])
    ran = engine.carry_out(planned)
    assert ran.value("end") == Tile(bytes([6] * 3))
    assert ran.finished.status == "done"


class Forgetful(MemoryStore):
    """Knows everything and gives nothing: every hit turns out to be none."""

    def get(self, key: str) -> Entry | None:
        return None


class Fickle(MemoryStore):
    """Loses each entry after it was looked at a given number of times."""

    def __init__(self, patience: int) -> None:
        super().__init__(Budget(None))
        self.patience = patience
        self.looks: Counter[str] = Counter()

    def find(self, key: str) -> Hit | None:
        self.looks[key] += 1
        return super().find(key) if self.looks[key] <= self.patience else None

    def get(self, key: str) -> Entry | None:
        self.looks[key] += 1
        return super().get(key) if self.looks[key] <= self.patience else None


@pytest.mark.parametrize(
    "store",
    [lambda: Forgetful(Budget(None)), *(lambda patience=patience: Fickle(patience) for patience in range(6))],
    ids=["gives nothing", *(f"loses after {patience} looks" for patience in range(6))],
)
@pytest.mark.parametrize("target", ["end", "sum", "shade"])
def test_hits_that_turn_out_to_be_none(store: Callable[[], MemoryStore], target: str) -> None:
    engine = Engine(cache=Cache([store()]))
    expected = Engine().run(GRAPH, target).value(target)
    for _ in range(4):
        ran = engine.run(GRAPH, target)
        assert ran.value(target) == expected
        assert ran.finished.status == "done"


def test_every_result_can_be_refused() -> None:
    engine = Engine(cache=Cache([]))
    assert [engine.run(GRAPH, "end").value("end") for _ in range(2)] == [END, END]
    assert engine.calls.entered.count("Add") == 2


@pytest.mark.parametrize("limit", [0, 40, 100, 200])
def test_a_budget_of_almost_nothing(limit: int) -> None:
    engine = Engine(cache=Cache([MemoryStore(Budget(limit))]))
    assert [engine.run(GRAPH, "end").value("end") for _ in range(3)] == [END] * 3


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[tuple[Engine, DiskStore]]:
    index = Index(tmp_path / "index.sqlite")
    store = DiskStore(tmp_path, index, toy_values(), cap=2**30)
    yield Engine(cache=Cache([store])), store
    store.close()
    index.close()


def test_a_damaged_blob_is_computed_again(on_disk: tuple[Engine, DiskStore]) -> None:
    engine, store = on_disk
    graph = document(
        a=made("Paint", shade=1), b=made("Copy", tile=of("a"), mark=1), c=made("Copy", tile=of("b"), mark=2)
    )
    engine.run(graph, "c")
    store.flush()
    for path in store.folder.rglob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    planned = engine.plan(graph, "c")
    assert planned.having("cached") == ["a", "b", "c"]
    ran = engine.carry_out(planned)
    assert ran.value("c") == Tile(b"\1" * 4)
    assert ran.calls == Counter(Paint=1, Copy=2)
    assert store.faults == 3
    store.flush()
    assert engine.run(graph, "c").calls == Counter()


def test_a_second_process_begins_where_the_first_ended(tmp_path: Path) -> None:
    for expected in (Counter(Integer=1, Paint=2, Copy=1, Shade=1, Add=1), Counter()):
        index = Index(tmp_path / "index.sqlite")
        store = DiskStore(tmp_path, index, toy_values(), cap=2**30)
        engine = Engine(cache=Cache([MemoryStore(Budget(None)), store]))
        ran = engine.run(GRAPH, "end")
        assert ran.value("end") == END
        assert ran.calls == expected
        store.close()
        index.close()


def test_what_cannot_leave_memory_is_made_again_in_the_next_process(tmp_path: Path) -> None:
    graph = document(
        open=made("OpenHandle"), read=made("ReadHandle", handle=of("open")), more=made("Concat", a=of("read"))
    )
    for expected in (Counter(OpenHandle=1, ReadHandle=1, Concat=1), Counter()):
        index = Index(tmp_path / "index.sqlite")
        store = DiskStore(tmp_path, index, toy_values(), cap=2**30)
        engine = Engine(cache=Cache([store]))
        assert engine.run(graph, "more").calls == expected
        store.flush()
        assert engine.plan(graph, "read").steps["open"].status == "unneeded"
        store.close()
        index.close()


def test_a_volatile_value_is_not_drawn_twice_though_its_consumer_was_lost(engine: Engine) -> None:
    engine.services[Dice] = Dice(3, 3, 9, 9)
    graph = document(
        roll=made("Random"), sum=made("Add", a=of("roll"), b=1), twice=made("Add", a=of("sum"), b=of("roll"))
    )
    assert engine.run(graph, "twice").value("twice") == 7
    engine.cache = Cache([Forgetful(Budget(None))])
    ran = engine.run(graph, "twice")
    assert ran.value("twice") == 7
    assert ran.calls["Random"] == 1
