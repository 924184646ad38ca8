"""States of unfinished work: how often they are kept, how many stay, and which is found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from graph.bind import bind
from graph.cache.budget import Budget
from graph.cache.disk import DiskStore
from graph.cache.index import Index
from graph.cache.memory import MemoryStore
from graph.cache.tiered import Cache
from graph.context import Context
from graph.declare import implementation, node
from graph.document import Document, Node
from graph.events import RunFinished
from graph.flatten import flatten
from graph.plan import plan
from graph.run import run as run_plan
from graph.states import KEPT, States, state_key
from graph.values import Values


class Clock:
    """Seconds as a test wants them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def states(clock: Clock) -> States:
    return States(Cache([MemoryStore(Budget(None))]), Values(), clock)


def keys(count: int, of: str = "work") -> list[str]:
    return [state_key(of, index) for index in range(count)]


def work(states: States, clock: Clock, names: list[str], steps: range, seconds: float) -> None:
    """Take steps of so many seconds; the state after each is its index."""
    trail = states.trail(names)
    for index in steps:
        clock.now += seconds
        trail.reached(index, lambda index=index: index)  # type: ignore[misc]


def kept(states: States, names: list[str]) -> list[int]:
    return [index for index, key in enumerate(names) if states.cache.find(key) is not None]


def test_the_furthest_state_is_found(states: States, clock: Clock) -> None:
    work(states, clock, keys(20), range(7), seconds=1.0)
    assert states.trail(keys(20)).furthest() == 6
    assert states.trail(keys(5)).furthest() is not None
    assert states.trail(keys(20, of="other work")).furthest() is None


@pytest.mark.parametrize(("seconds", "made"), [(0.1, 5), (0.5, 25), (1.0, 50), (30.0, 50)])
def test_a_state_is_made_once_a_second_at_most(states: States, clock: Clock, seconds: float, made: int) -> None:
    trail = states.trail(keys(50))
    asked: list[int] = []
    for index in range(50):
        clock.now = (index + 1) * seconds
        trail.reached(index, lambda index=index: asked.append(index))  # type: ignore[misc]
    assert abs(len(asked) - made) <= 1


@pytest.mark.parametrize("count", [3, 8, 50, 1000])
def test_few_states_stay_and_they_are_spread(states: States, clock: Clock, count: int) -> None:
    work(states, clock, keys(count), range(count), seconds=1.0)
    found = kept(states, keys(count))
    assert len(found) == min(count, KEPT)
    assert found[-1] == count - 1
    assert max(b - a for a, b in zip([-1, *found], found, strict=False)) <= count / KEPT + 1


def test_a_state_under_the_same_key_takes_the_place_of_the_one_before(states: States, clock: Clock) -> None:
    names = [state_key("only")] * 10
    work(states, clock, names, range(4), seconds=1.0)
    assert states.trail(names).furthest() == 3
    work(states, clock, names, range(4, 30), seconds=1.0)
    assert states.trail(names).furthest() == 29


def test_without_keys_nothing_is_kept(states: States, clock: Clock) -> None:
    work(states, clock, [], range(9), seconds=1.0)
    states.trail([]).keep(0, "state")
    assert states.trail([]).furthest() is None


def test_a_state_is_worth_the_time_of_all_runs_that_led_to_it(states: States, clock: Clock) -> None:
    names = keys(20)
    work(states, clock, names, range(5), seconds=2.0)
    trail = states.trail(names)
    assert trail.furthest() == 4
    clock.now += 3.0
    trail.keep(5, 5)
    found = states.cache.find(names[5])
    assert found is not None
    assert found.seconds == pytest.approx(13.0)


def test_states_on_disk_outlive_the_process(tmp_path: Path, clock: Clock) -> None:
    index = Index(tmp_path / "index.sqlite")
    disk = DiskStore(tmp_path, index, Values(), cap=2**20)
    states = States(Cache([disk]), Values(), clock)
    work(states, clock, keys(20), range(10), seconds=1.0)
    disk.flush()
    disk.close()
    again = DiskStore(tmp_path, Index(tmp_path / "index.sqlite"), Values(), cap=2**20)
    assert States(Cache([again]), Values(), clock).trail(keys(20)).furthest() == 9
    again.close()
    index.close()


# Through a run


@dataclass
class Taken:
    """The steps that a body took, and after which one the run is cancelled."""

    steps: list[int] = field(default_factory=list)
    cancel_after: int | None = None


@node("Walk", category="toy", returns="out")
def walk(*, length: int, context: Context) -> int:
    """So many steps, each of which is kept."""
    trail, taken = context.service(States).trail(keys(length)), context.service(Taken)
    known = trail.furthest()
    for index in range(known + 1 if isinstance(known, int) else 0, length):
        taken.steps.append(index)
        trail.keep(index, index)
        if index == taken.cancel_after:
            context.cancel.cancel()
        context.progress(index + 1, length)
    return length


def test_a_run_gives_its_bodies_the_states_of_its_cache() -> None:
    declared = implementation(walk)
    assert declared is not None
    graph = bind(
        flatten(Document({"w": Node("Walk", {"length": 9})}), {"Walk": declared.spec}), {"Walk": declared.spec}
    )
    cache = Cache([MemoryStore(Budget(None))])
    statuses, steps = [], []
    for taken in (Taken(cancel_after=5), Taken()):
        *_, last = run_plan(
            plan(graph, view=cache, targets=["w"]), {"Walk": declared}, cache=cache, services={Taken: taken}
        )
        assert isinstance(last, RunFinished)
        statuses.append(last.status)
        steps.append(taken.steps)
    assert statuses == ["cancelled", "done"]
    assert steps == [[0, 1, 2, 3, 4, 5], [6, 7, 8]]
