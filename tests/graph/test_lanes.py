"""What runs beside what. Overlap is shown by bodies that wait for each other: alone they would never finish."""

from __future__ import annotations

from collections import Counter

import pytest

from graph.document import Document
from graph.events import NodeFinished, NodeProgress, NodeStarted
from tests.graph.engine import Engine, document, made, of
from tests.toy_values import Bell, Gate, Ledger


@pytest.mark.parametrize(
    "types",
    [
        pytest.param(["MeetAsync"] * 3, id="three async nodes"),
        pytest.param(["MeetOnIo"] * 8, id="eight nodes that wait for the disk or the net"),
        pytest.param(["MeetOnDevice", "MeetOnCpu"], id="device and cpu"),
        pytest.param(["MeetOnDevice", "MeetOnCpu", "MeetOnIo", "MeetAsync"], id="every lane"),
    ],
)
def test_independent_nodes_overlap(types: list[str]) -> None:
    engine = Engine()
    gate = Gate(parties=len(types))
    engine.services[Gate] = gate
    nodes = {f"n{index}": made(type, value=index) for index, type in enumerate(types)}
    ran = engine.run(Document(nodes), *nodes)
    assert ran.named("ran") == set(nodes)
    assert gate.together == len(types)


def test_the_calls_of_an_async_node_over_a_list_overlap() -> None:
    engine = Engine()
    gate = Gate(parties=5)
    engine.services[Gate] = gate
    ran = engine.run(document(r=made("Range", count=5), m=made("MeetAsync", value=of("r"))), "m")
    assert ran.items("m") == (0, 1, 2, 3, 4)
    assert gate.together == 5


def test_the_device_does_one_thing_at_a_time() -> None:
    engine = Engine()
    gate = Gate(parties=1)
    engine.services[Gate] = gate
    nodes = {f"n{index}": made("MeetOnDevice", value=index) for index in range(6)}
    engine.run(Document(nodes), *nodes)
    assert gate.together == 1


def test_a_node_starts_when_its_lane_takes_it_up() -> None:
    engine = Engine()
    engine.services[Gate] = Gate(parties=1)
    nodes = {f"n{index}": made("MeetOnDevice", value=index) for index in range(3)}
    ran = engine.run(Document(nodes), *nodes)
    kinds = [type(event) for event in ran.events if isinstance(event, NodeStarted | NodeFinished)]
    assert kinds == [NodeStarted, NodeFinished] * 3


def test_progress_comes_while_the_node_runs() -> None:
    engine = Engine()
    bell = Bell()
    engine.services[Bell] = bell
    seen: list[tuple[int, int]] = []
    for event in engine.start(engine.plan(document(slow=made("Slow", steps=3)), "slow")):
        if isinstance(event, NodeProgress):
            seen.append((event.value, event.maximum))
            bell.go_on.set()  # the body waits for this after its first step
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_failing_call_of_an_async_node_cancels_its_other_calls() -> None:
    engine = Engine()
    ledger = Ledger()
    engine.services[Ledger] = ledger
    graph = document(
        r=made("Range", count=2),
        odd=made("Odd", value=of("r")),
        nap=made("Nap", index=of("r")),
        sleep=made("SleepAsync", seconds=of("nap"), fail=of("odd")),
    )
    ran = engine.run(graph, "sleep")
    failure = ran.outcomes["sleep"].failure
    assert failure is not None
    assert failure.message == "RuntimeError: bad dream"
    assert failure.inputs["fail"] == "True"
    assert Counter(ledger.lines) == Counter(asleep=2, woken=1)
