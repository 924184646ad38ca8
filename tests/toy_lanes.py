"""Toy nodes that take time: on lanes and on the event loop, with progress, until they are cancelled."""

from __future__ import annotations

import asyncio

from graph.context import Context
from graph.declare import node
from tests.toy_values import Bell, Gate, Ledger


@node("Slow", category="toy", returns="out")
def slow(*, value: int = 0, steps: int = 3, context: Context) -> int:
    """Tells its progress; where a `Bell` is lent, waits for it after the first step."""
    bell = context.services.get(Bell)
    for step in range(steps):
        context.progress(step + 1, steps)
        if isinstance(bell, Bell):
            bell.begun.set()
            bell.go_on.wait(60)
    return value


@node("HoldDevice", category="toy", returns="out", lane="device")
def hold_device(*, value: int = 0, context: Context) -> int:
    """Keeps the device until the test lets it go."""
    context.service(Bell).go_on.wait(60)
    return value


@node("MeetOnDevice", category="toy", returns="out", lane="device")
def meet_on_device(*, value: int = 0, context: Context) -> int:
    return _meet(value, context)


@node("MeetOnCpu", category="toy", returns="out", lane="cpu")
def meet_on_cpu(*, value: int = 0, context: Context) -> int:
    return _meet(value, context)


@node("MeetOnIo", category="toy", returns="out", lane="io")
def meet_on_io(*, value: int = 0, context: Context) -> int:
    """Waits inside the gate until its `parties` are there."""
    return _meet(value, context)


def _meet(value: int, context: Context) -> int:
    gate = context.service(Gate)
    gate.enter()
    gate.all_in.wait(60)
    gate.leave()
    return value


@node("MeetAsync", category="toy", returns="out")
async def meet_async(*, value: int = 0, context: Context) -> int:
    gate = context.service(Gate)
    gate.enter()
    while not gate.all_in.is_set():  # noqa: ASYNC110 - the gate is shared with threads
        await asyncio.sleep(0.001)
    gate.leave()
    return value


@node("SleepAsync", category="toy", returns="out")
async def sleep_async(*, value: int = 0, seconds: float = 0.0, fail: bool = False, context: Context) -> int:
    """Sleeps on the event loop; says in the ledger how that ended."""
    ledger = context.service(Ledger)
    ledger.lines.append("asleep")
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        ledger.lines.append("woken")
        raise
    if fail:
        raise RuntimeError("bad dream")
    return value
