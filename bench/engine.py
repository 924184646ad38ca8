"""The engine's figures: chains of trivial nodes, overlap, start-up. No torch."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from bench.rows import Row, median_row, seconds
from graph.bind import bind
from graph.cache.budget import Budget
from graph.cache.memory import MemoryStore
from graph.cache.tiered import Cache
from graph.declare import Implementation, Range, implementation, node
from graph.document import read
from graph.events import RunFinished
from graph.flatten import flatten
from graph.plan import Plan, plan
from graph.run import run


@node("Add", category="bench", returns="INT", lane="inline")
def add(*, a: Annotated[int, Range(0, 10**9)] = 0, b: int = 1) -> int:
    """The trivial node."""
    return a + b


@node("Opaque", category="bench", returns="ANY", lane="inline")
def opaque(*, a: object, b: int = 1) -> object:  # noqa: ARG001 - the link is what counts
    """A trivial node whose value is not small, so that consumers are keyed by its key."""
    return [b]


@node("Wait", category="bench", returns="INT", lane="io")
def wait(*, seconds: float, number: int = 0) -> int:
    """What reading from a disk or a network looks like."""
    time.sleep(seconds)
    return number


@node("WaitAsync", category="bench", returns="INT")
async def wait_async(*, seconds: float, number: int = 0) -> int:
    """The same, awaited."""
    await asyncio.sleep(seconds)
    return number


NODES: Mapping[str, Implementation] = {
    one.spec.type: one for function in (add, opaque, wait, wait_async) if (one := implementation(function))
}
CATALOGUE = {name: one.spec for name, one in NODES.items()}


@dataclass(frozen=True, slots=True)
class Split:
    """Seconds from the text of a document to its plan, and of the run."""

    planning: float
    running: float


def chain(length: int, type_name: str, output: str) -> str:
    """A document of nodes one after another."""
    nodes: dict[str, object] = {"n0": {"type": type_name, "inputs": {"a": 1}}}
    for index in range(1, length):
        nodes[f"n{index}"] = {"type": type_name, "inputs": {"a": {"from": [f"n{index - 1}", output]}, "b": index}}
    return json.dumps({"format": "latentgraph/1", "nodes": nodes})


def empty_cache() -> Cache:
    return Cache([MemoryStore(Budget(2**30))])


def planned(text: str, targets: list[str], cache: Cache) -> Plan:
    """From a file's text to a plan: read, flatten, bind, plan."""
    return plan(bind(flatten(read(text), CATALOGUE), CATALOGUE), view=cache, targets=targets)


def finish(made: Plan, cache: Cache) -> RunFinished:
    """Run to the end. Raises AssertionError if a node failed."""
    last = None
    for event in run(made, NODES, cache=cache):
        last = event
    assert isinstance(last, RunFinished)
    assert last.status == "done"
    return last


def measured(text: str, targets: list[str], cache: Cache) -> Split:
    started = time.perf_counter()
    made = planned(text, targets, cache)
    middle = time.perf_counter()
    finish(made, cache)
    return Split(middle - started, time.perf_counter() - middle)


def rows() -> list[Row]:
    """Every figure of the engine."""
    return [*chain_rows(), *growth_rows(), *overlap_rows(), *start_rows()]


def chain_rows(n: int = 9) -> Iterator[Row]:
    text, target = chain(900, "Add", "INT"), ["n899"]
    cold, cached = [], []
    for _ in range(n):
        cache = empty_cache()
        cold.append(measured(text, target, cache))
        cached.append(measured(text, target, cache))
    yield median_row("900-node chain, cold", [one.planning + one.running for one in cold], unit="ms", goal=60)
    yield median_row("900-node chain, all cached", [one.planning + one.running for one in cached], unit="ms", goal=30)
    text, target = chain(10_000, "Opaque", "ANY"), ["n9999"]
    large = [measured(text, target, empty_cache()) for _ in range(5)]
    made = bind(flatten(read(text), CATALOGUE), CATALOGUE)
    plans = seconds(lambda: plan(made, view=empty_cache(), targets=target), 5)
    yield median_row("10,000-node chain, plan", plans, goal=0.3)
    yield median_row("10,000-node chain, read to plan", [one.planning for one in large])
    yield median_row("10,000-node chain, run", [one.running for one in large], goal=1.0)


def growth_rows(n: int = 9) -> Iterator[Row]:
    """Cost per node: flat, whatever the length. The lengths take turns, so that a slow spell of the machine meets all."""
    chains = {length: (chain(length, "Add", "INT"), [f"n{length - 1}"]) for length in (100, 1_000, 10_000)}
    taken: dict[int, list[float]] = {length: [] for length in chains}
    for _ in range(n):
        for length, (text, target) in chains.items():
            one = measured(text, target, empty_cache())
            taken[length].append((one.planning + one.running) / length)
    for length, costs in taken.items():
        yield median_row(f"per node in a chain of {length:,}, cold", costs, unit="us")
    ratio = statistics.median(taken[10_000]) / statistics.median(taken[100])
    yield Row("a node in 10,000 against one in 100", ratio, "times", n, 1.5)


def overlap_rows(n: int = 5) -> Iterator[Row]:
    wide = {f"w{index}": {"type": "Wait", "inputs": {"seconds": 0.1, "number": index}} for index in range(8)}
    trio = {f"a{index}": {"type": "WaitAsync", "inputs": {"seconds": 1.0, "number": index}} for index in range(3)}
    for name, nodes, goal, times in (
        ("8 independent 100 ms I/O nodes", wide, 0.15, n),
        ("3 async nodes of 1 s", trio, 1.2, 3),
    ):
        text = json.dumps({"format": "latentgraph/1", "nodes": nodes})
        taken = [measured(text, list(nodes), empty_cache()) for _ in range(times)]
        yield median_row(name, [one.planning + one.running for one in taken], goal=goal)


def start_rows(n: int = 7) -> Iterator[Row]:
    """Start-up of the engine and of commands that only look, each in a new process."""
    code = "import time; t = time.perf_counter(); import graph.plan, graph.run; print(time.perf_counter() - t)"
    yield median_row("import of the engine", [float(_python("-c", code)) for _ in range(n)], unit="ms", goal=150)
    workflow = "workflows/text_to_image.json"
    for command in (["--help"], ["nodes"], ["validate", workflow], ["convert", workflow, "-"], ["plan", workflow]):
        taken = seconds(partial(_python, "-m", "server", *command), n)
        yield median_row(f"latentgraph {command[0]}", taken, goal=0.7)


def _python(*arguments: str) -> str:
    """What a new interpreter prints."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True).stdout
