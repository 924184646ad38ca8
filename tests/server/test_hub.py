"""Who listens hears of a job in the order in which its worker spoke, though events are kept first and progress is not."""

from __future__ import annotations

import asyncio

import pytest

from server.jobs.job import JobEvent
from server.worker.hub import Hub, Notice, Passing


def event(word: str, attempt: int = 1) -> JobEvent:
    return JobEvent("job", 1, 0.0, word, f'{{"attempt":{attempt}}}' if word == "running" else "{}")


def progress(node: str, value: int) -> Passing:
    """Of a node in capitals, a result."""
    return Passing("job", None, {"node": node, "value": value}, is_result=node.isupper())


Step = tuple[str, int] | tuple[str, int, int, int]
"""A word that is told, with its attempt; or progress of a node: its value, its attempt, and how many words it follows."""

ORDERS: dict[str, tuple[list[Step], str]] = {
    "told at once, where nothing is to come before it": (
        [("running", 1), ("started", 0), ("a", 1, 1, 1), ("a", 2, 1, 1)], "running started a1 a2"),
    "held until it may be told": (
        [("running", 1), ("a", 1, 1, 2), ("started", 0), ("node_started", 0)], "running started node_started a1"),
    "held before the job is known to run": ([("a", 1, 1, 1), ("running", 1), ("started", 0)], "running started a1"),
    "told between two words of one write": (
        [("running", 1), ("a", 1, 1, 2), ("b", 1, 1, 3), ("started", 0), ("node_started", 0), ("node_finished", 0)],
        "running started node_started a1 node_finished b1"),
    "the latest of a node is held": (
        [("running", 1), ("a", 1, 1, 1), ("b", 1, 1, 1), ("a", 2, 1, 1), ("started", 0)], "running started b1 a2"),
    "every result is held": (
        [("running", 1), ("A", 1, 1, 1), ("b", 1, 1, 1), ("A", 2, 1, 1), ("started", 0)], "running started A1 b1 A2"),
    "words of the store are none of the worker's": (
        [("running", 1), ("a", 1, 1, 1), ("cancelling", 0), ("moved", 0), ("started", 0)],
        "running cancelling moved started a1"),
    "another attempt speaks anew": (
        [("running", 1), ("started", 0), ("node_started", 0), ("a", 1, 2, 1), ("requeued", 0), ("running", 2),
         ("started", 0)],
        "running started node_started requeued running started a1"),
    "an ended job is spoken of no more": ([("running", 1), ("a", 1, 1, 2), ("started", 0), ("done", 0)],
                                          "running started done"),
}  # fmt: skip


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("steps", "heard"), ORDERS.values(), ids=ORDERS)
def test_progress_keeps_its_place(steps: list[Step], heard: str, together: bool) -> None:
    """Whether each word is told when it is kept, or those that stand side by side in one transaction."""

    async def act() -> list[str]:
        hub = Hub()
        with hub.listening(lambda _job, _client: True, lambda _job, _client: True) as listener:
            waiting: list[JobEvent] = []
            for step in steps:
                if len(step) == 2:
                    waiting.append(event(*step))
                if waiting and (len(step) == 4 or not together):
                    hub.publish(waiting)
                    waiting = []
                if len(step) == 4:
                    node, value, attempt, words = step
                    hub.pass_on(progress(node, value), (attempt, words))
            hub.publish(waiting)
            return [_named(await listener.next()) for _ in range(listener.waiting)]

    assert asyncio.run(act()) == heard.split()


def _named(notice: Notice) -> str:
    return notice.type if isinstance(notice, JobEvent) else f"{notice.data['node']}{notice.data['value']}"
