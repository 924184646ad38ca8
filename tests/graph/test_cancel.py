"""Cancelling: within one step, nothing new starts, what is finished stays."""

from __future__ import annotations

import gc
import logging
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from graph.context import CancelToken, Context
from graph.errors import Cancelled
from graph.events import Event, NodeFinished, NodeProgress, NodeStarted, RunFinished
from tests.graph.engine import Engine, document, made, of
from tests.toy_values import Bell, Gate, Ledger


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def bell(engine: Engine) -> Bell:
    bell = Bell()
    engine.services[Bell] = bell
    return bell


def test_a_cancel_is_seen_at_the_next_step(engine: Engine, bell: Bell) -> None:
    graph = document(
        first=made("Paint", shade=1), slow=made("Slow", value=of("n"), steps=100), n=made("Shade", tile=of("first"))
    )
    token = CancelToken()
    finished = None
    seen: list[int] = []
    for event in engine.start(engine.plan(graph, "slow"), token):
        if isinstance(event, NodeProgress):
            seen.append(event.value)
            token.cancel()
            bell.go_on.set()
        finished = event
    assert isinstance(finished, RunFinished)
    assert finished.status == "cancelled"
    assert seen == [1]
    assert {name: outcome.status for name, outcome in finished.outcomes.items()} == {
        "first": "ran",
        "n": "ran",
        "slow": "skipped",
    }
    assert finished.outcomes["slow"].reason == "cancelled"


def test_what_was_finished_before_a_cancel_is_not_done_again(engine: Engine, bell: Bell) -> None:
    graph = document(a=made("Paint"), b=made("Shade", tile=of("a")), slow=made("Slow", value=of("b")))
    token = CancelToken()
    for event in engine.start(engine.plan(graph, "slow"), token):
        if isinstance(event, NodeProgress):
            token.cancel()
            bell.go_on.set()
    ran = engine.run(graph, "slow")
    assert ran.calls == Counter(Slow=1)
    assert ran.finished.status == "done"


def test_a_run_cancelled_before_it_begins_starts_nothing(engine: Engine) -> None:
    token = CancelToken()
    token.cancel()
    ran = engine.carry_out(engine.plan(document(a=made("Integer"), b=made("Paint")), "a", "b"), token)
    assert ran.calls == Counter()
    assert ran.finished.status == "cancelled"
    assert ran.statuses == {"a": "skipped", "b": "skipped"}


def test_a_cancel_that_comes_after_the_last_node_changes_nothing(engine: Engine) -> None:
    token = CancelToken()
    events = []
    for event in engine.start(engine.plan(document(a=made("Integer")), "a"), token):
        events.append(event)
        if isinstance(event, NodeFinished):
            token.cancel()
    last = events[-1]
    assert isinstance(last, RunFinished)
    assert last.status == "done"


def test_bodies_that_wait_for_their_lane_never_start(engine: Engine, bell: Bell) -> None:
    engine.services[Gate] = Gate()
    nodes = {f"n{index}": made("HoldDevice", value=index) for index in range(4)}
    token = CancelToken()
    started = 0
    for event in engine.start(engine.plan(document(**nodes), *nodes), token):
        started += isinstance(event, NodeStarted)
        if isinstance(event, NodeStarted):
            token.cancel()
            bell.go_on.set()
    assert started == 1
    assert engine.calls.entered == ["HoldDevice"]


def test_async_bodies_are_woken_and_clean_up(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger()
    engine.services[Ledger] = ledger
    nodes = {f"n{index}": made("SleepAsync", value=index, seconds=60.0) for index in range(3)}
    token = CancelToken()
    last: Event | None = None
    started = 0
    with caplog.at_level(logging.DEBUG, "asyncio"):
        for event in engine.start(engine.plan(document(**nodes), *nodes), token):
            started += isinstance(event, NodeStarted)
            if started == len(nodes):
                token.cancel()
            last = event
        gc.collect()
    assert isinstance(last, RunFinished)
    assert last.status == "cancelled"
    assert ledger.lines.count("woken") == ledger.lines.count("asleep")
    assert "never" not in caplog.text
    assert "destroyed" not in caplog.text


def _closed_at_first_progress(events: Iterator[Event]) -> Iterator[None]:
    for event in events:
        if isinstance(event, NodeProgress):
            yield


def test_to_leave_the_iterator_is_to_cancel(engine: Engine) -> None:
    token = CancelToken()
    events = engine.start(engine.plan(document(slow=made("Slow", steps=10**9)), "slow"), token)
    next(_closed_at_first_progress(events))
    events.close()
    assert token.cancelled
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lane-")]


def test_an_exception_of_the_reader_stops_the_bodies(engine: Engine) -> None:
    token = CancelToken()

    def interrupted() -> None:
        for event in engine.start(engine.plan(document(slow=made("Slow", steps=10**9)), "slow"), token):
            if isinstance(event, NodeProgress):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    gc.collect()
    assert token.cancelled


@pytest.mark.parametrize("early", [True, False], ids=["listens before", "listens after"])
def test_a_listener_hears_of_the_cancel_once(early: bool) -> None:
    token = CancelToken()
    heard: list[int] = []
    if early:
        token.on_cancel(lambda: heard.append(1))
    token.cancel()
    token.cancel()
    if not early:
        token.on_cancel(lambda: heard.append(1))
    assert heard == [1]


def test_progress_of_a_cancelled_context_raises() -> None:
    context = Context()
    context.progress(1, 2)
    context.cancel.cancel()
    with pytest.raises(Cancelled):
        context.progress(2, 2)


def test_a_missing_service_is_named() -> None:
    with pytest.raises(KeyError, match="this run provides no Bell"):
        Context().service(Bell)
