"""Running a plan: demand goes up from the targets, results come down, events come out.

    for event in run(plan, implementations, cache=cache): ...

The scheduler is one loop in the caller's thread; bodies run on lanes (`lanes.py`) and answer through an inbox. Each node
is a `Task` (`task.py`) that is asked for one of three things, and does no more than that needs:

    IDENTITY   its key, for consumers that must compute theirs (small values upstream must be known first)
    KNOWN      a result exists, in the cache or here
    VALUE      the result is in memory

    identify -> look up -> (hit) load when a value is asked for
                        -> (miss) gather inputs -> lazy inputs -> call -> settle [-> expand -> settle]

So a node whose key hits is never entered, its inputs are never loaded, and a node below a small value that came out
unchanged is found in the cache the moment that value is known.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from graph.bind import BoundGraph
from graph.cache.entry import Entry
from graph.cache.tiered import Cache
from graph.call import Result, Returned, calls, failure, invoke, invoke_async
from graph.context import CancelToken, Context, Preview
from graph.declare import Implementation
from graph.document import Link
from graph.errors import Cancelled, GraphError, InputError
from graph.events import (
    Event,
    Failure,
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodeStarted,
    Outcome,
    RunFinished,
    RunStarted,
    RunStatus,
)
from graph.expand import expand, splice
from graph.explain import why
from graph.files import Files
from graph.json import JsonObject
from graph.keys import Recipe, recipe, source_fingerprint
from graph.lanes import Lanes
from graph.plan import Plan, file_digests, keyed_by_value, still_there
from graph.ports import by_content
from graph.result import Blocked, Report
from graph.task import IDENTITY, KNOWN, VALUE, Level, Task
from graph.values import Values

_Message = tuple[str, object]


def run(
    plan: Plan,
    implementations: Mapping[str, Implementation],
    *,
    cache: Cache,
    values: Values | None = None,
    files: Files | None = None,
    services: Mapping[type, object] | None = None,
    metadata: Mapping[str, JsonObject] | None = None,
    cancel: CancelToken | None = None,
    previous: Mapping[str, Recipe] | None = None,
    keep_values: bool = False,
) -> Iterator[Event]:
    """Execute `plan` and yield events, `RunStarted` first and `RunFinished` last.

    `services` and `metadata` reach node bodies through their `Context`. After a failure independent branches still
    finish; after a cancel nothing new starts. With `keep_values` the last event carries the targets' outputs.
    """
    started = time.perf_counter()
    yield RunStarted(len(plan.steps), tuple(plan.having("cached")))
    with Lanes() as lanes:
        context = Context(cancel=cancel or CancelToken(), services=services or {}, metadata=metadata or {})
        execution = Execution(plan, implementations, cache, values or Values(), files, context, lanes, previous or {})
        yield from execution.events(keep_values)
    yield execution.finished(time.perf_counter() - started, keep_values)


class Execution:
    """The state of one run. Only `events` is called from outside."""

    def __init__(
        self,
        plan: Plan,
        implementations: Mapping[str, Implementation],
        cache: Cache,
        values: Values,
        files: Files | None,
        context: Context,
        lanes: Lanes,
        previous: Mapping[str, Recipe],
    ) -> None:
        self.plan, self.implementations = plan, implementations
        self.cache, self.values, self.files = cache, values, files
        self.context, self.lanes, self.previous = context, lanes, previous
        self.graph: BoundGraph = plan.graph
        self.tasks: dict[str, Task] = {}
        self.work: deque[Task] = deque()
        self.inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self.out: deque[Event] = deque()
        self.in_flight = 0
        self.failed = False
        for name, step in plan.steps.items():
            task = Task(name, name, self.graph.nodes[name], step.recipe)
            task.hit = step.hit
            if step.status == "unavailable":
                task.skipped, task.ended = str(step.reason), True
            self.tasks[name] = task
        self._count_uses(self.tasks)

    @property
    def status(self) -> RunStatus:
        if self.context.cancel.cancelled:
            return "cancelled"
        return "failed" if self.failed else "done"

    def events(self, keep_values: bool) -> Iterator[Event]:
        """Drive the run to its end."""
        for name in self.plan.targets:
            self._demand(self.tasks[name], VALUE if keep_values else KNOWN)
            self.tasks[name].uses += 1
        while True:
            while self.work and not self.context.cancel.cancelled:
                self._advance(self.work.popleft())
                while self.out:
                    yield self.out.popleft()
            if self.in_flight == 0:
                break
            self._receive(*self.inbox.get())
            while self.out:
                yield self.out.popleft()

    def finished(self, seconds: float, keep_values: bool) -> RunFinished:
        """How every node ended, those that took no part included."""
        outcomes = {name: self._outcome(task) for name, task in self.tasks.items()}
        recipes = {name: task.recipe for name, task in self.tasks.items() if task.recipe and (task.ran or task.hit)}
        targets = {name: self.tasks[name].entry for name in self.plan.targets} if keep_values else {}
        values = {name: entry.outputs for name, entry in targets.items() if entry is not None}
        return RunFinished(self.status, seconds, outcomes, recipes, values)

    # Demand and waiting

    def _demand(self, task: Task, level: Level) -> None:
        if level > task.level:
            task.level = level
            if not task.busy:
                self.work.append(task)

    def _wait(self, task: Task, sources: list[Task], level: Level) -> bool:
        """Have `task` wait for those sources that are not yet at `level`. False when there is nothing to wait for."""
        missing = [source for source in sources if not source.reached(level)]
        for source in missing:
            source.waiters.append((level, task))
            self._demand(source, level)
        task.missing += len(missing)
        return bool(missing)

    def _wake(self, task: Task) -> None:
        """Tell those waiting for what `task` has reached."""
        if not task.waiters:
            return
        still: list[tuple[Level, Task]] = []
        for level, waiter in task.waiters:
            if not task.reached(level):
                still.append((level, waiter))
                continue
            waiter.missing -= 1
            if waiter.missing == 0:
                self.work.append(waiter)
        task.waiters = still

    # One node, as far as it gets

    def _advance(self, task: Task) -> None:
        if task.busy or task.missing or task.ended and task.reached(task.level):
            return
        try:
            if not self._identify(task):
                return
            if task.hit is not None and not self._answer(task):
                return
            if task.level >= KNOWN and not task.ended:
                self._compute(task)
        except InputError as error:  # a file became unreadable after planning
            self._fail(task, failure(error, {}, self.values))

    def _identify(self, task: Task) -> bool:
        """Make the key, once the sources it depends on are identified or known. True when there is one."""
        if task.recipe is not None:
            return True
        fingerprints: dict[str, str] = {}
        for level in (KNOWN, IDENTITY):
            links = {port: link for port, link in task.bound.links.items() if self._level(task, port, link) == level}
            sources = [self.tasks[link.node] for link in links.values()]
            if self._wait(task, sources, level):
                return False
            for (port, link), source in zip(links.items(), sources, strict=True):
                if source.recipe is None or (level == KNOWN and source.broken):
                    self._skip(task, f"`{source.display}` {source.word}")
                    return False
                content = source.content(link.output) if level == KNOWN else None
                fingerprints[port] = source_fingerprint(source.recipe.key, link.output, content)
        ordered = {port: fingerprints[port] for port in task.bound.links}
        digests = file_digests(task.name, task.bound, self.files)
        task.recipe = recipe(task.bound, digests, ordered, self.plan.environment)
        hit = self.cache.find(task.recipe.key)
        if hit is not None and (hit.report is None or still_there(hit.report, self.files)):
            task.hit = hit
        self._wake(task)
        return True

    def _level(self, task: Task, port: str, link: Link) -> Level:
        return KNOWN if keyed_by_value(task.bound, port, self.tasks[link.node].bound, link) else IDENTITY

    def _answer(self, task: Task) -> bool:
        """Answer from the cache. True when the hit turned out to be none and the node must be computed."""
        assert task.hit is not None
        if task.level >= VALUE and task.entry is None:
            found = self.cache.get(task.key)
            if found is None:
                task.hit = None
                return True
            task.entry, task.tier = found
        if not task.ended and task.level >= KNOWN:
            task.tier = task.tier or task.hit.tier
            task.ended = True
            self._release_sources(task)
            if self.plan.steps.get(task.name) is None or self.plan.steps[task.name].status != "cached":
                self.out.append(NodeFinished(task.name, task.display, self._outcome(task)))
        self._wake(task)
        return False

    def _compute(self, task: Task) -> None:
        implementation = self.implementations.get(task.bound.spec.type)
        if implementation is None:
            message = f"the node type {task.bound.spec.type!r} is known but cannot be run here"
            self._fail(task, Failure("not_installed", message, "Install the plugin that provides it."))
            return
        if task.parts is not None:
            self._settle_expansion(task)
            return
        ports = [
            port for port in task.bound.links if not task.bound.spec.inputs_by_name[port].lazy or port in task.asked
        ]
        sources = [self.tasks[task.bound.links[port].node] for port in ports]
        if self._wait(task, sources, VALUE):
            return
        broken = next((source for source in sources if source.broken), None)
        if broken is not None:
            self._skip(task, f"`{broken.display}` {broken.word}")
            return
        inputs = self._inputs(task, ports)
        if implementation.needs is not None and self._asks_for_more(task, implementation, inputs):
            self._compute(task)
            return
        self._call(task, implementation, inputs)

    def _inputs(self, task: Task, ports: list[str]) -> dict[str, tuple[object, ...]]:
        inputs: dict[str, tuple[object, ...]] = {}
        literals, links = task.bound.literals, task.bound.links
        for port in task.bound.spec.inputs:
            if port.name in literals:
                inputs[port.name] = (literals[port.name],)
            elif port.name in ports:
                link = links[port.name]
                entry = self.tasks[link.node].entry
                assert entry is not None
                items = entry.outputs[link.output]
                inputs[port.name] = tuple(map(_as_float, items)) if port.type == "FLOAT" else items
            else:
                inputs[port.name] = (None,)
        return inputs

    def _asks_for_more(
        self, task: Task, implementation: Implementation, inputs: Mapping[str, tuple[object, ...]]
    ) -> bool:
        """Ask the node which lazy inputs it wants now; True when it named new ones."""
        assert implementation.needs is not None
        wanted: set[str] = set()
        try:
            for arguments in calls(implementation, inputs):
                wanted.update(implementation.needs(**arguments))
        except GraphError as error:
            self._fail(task, failure(error, {}, self.values))
            return False
        new = {name for name in wanted if name in task.bound.links} - task.asked
        new = {name for name in new if task.bound.spec.inputs_by_name[name].lazy}
        task.asked |= new
        return bool(new)

    def _call(self, task: Task, implementation: Implementation, inputs: Mapping[str, tuple[object, ...]]) -> None:
        if task.ended:
            return
        spec = implementation.spec
        arguments = calls(implementation, inputs)
        self.out.append(NodeStarted(task.name, task.display, spec.type))
        task.started = time.perf_counter()
        if spec.lane == "inline" and not spec.asynchronous and implementation.context is None:
            self._settle(task, invoke(implementation, arguments, self.context, self.values))
            return
        context = replace(self.context, node=task.name, sink=partial(self._progress, task))
        task.busy = True
        self.in_flight += 1
        if spec.asynchronous:
            future = self.lanes.submit_async(invoke_async(implementation, arguments, context, self.values))
            self.context.cancel.on_cancel(partial(_cancel, future))
        else:
            future = self.lanes.submit(
                spec.lane if spec.lane != "inline" else "cpu",
                partial(invoke, implementation, arguments, context, self.values),
            )
        future.add_done_callback(
            lambda done: self.inbox.put((task.name, Cancelled() if done.cancelled() else done.result()))
        )

    def _progress(self, task: Task, value: int, maximum: int, preview: Preview | None) -> None:
        self.inbox.put((task.name, NodeProgress(task.name, task.display, value, maximum, preview)))

    def _receive(self, name: str, message: object) -> None:
        if isinstance(message, NodeProgress):
            self.out.append(message)
            return
        task = self.tasks[name]
        task.busy = False
        self.in_flight -= 1
        assert isinstance(message, list | Failure | Cancelled)
        self._settle(task, message)

    # Endings

    def _settle(self, task: Task, result: Result) -> None:
        task.seconds += time.perf_counter() - task.started
        if isinstance(result, Cancelled):
            self._skip(task, "cancelled")
        elif isinstance(result, Failure):
            self._fail(task, result)
        else:
            for message in {one.blocked for one in result if one.blocked}:
                self.out.append(NodeBlocked(task.name, task.display, message))
            if any(one.expansion for one in result):
                self._expand(task, result)
            else:
                self._finish(task, result)

    def _expand(self, task: Task, result: list[Returned]) -> None:
        try:
            expanded = expand(task, result, self.tasks, self.implementations, self.files)
        except GraphError as error:
            self._fail(task, failure(error, {}, self.values))
            return
        self.tasks |= expanded.tasks
        self._count_uses(expanded.tasks)
        task.parts = expanded.parts
        for link in expanded.links:
            self.tasks[link.node].uses += 1
        for name in expanded.effects:
            self._demand(self.tasks[name], KNOWN)
        self._settle_expansion(task)

    def _settle_expansion(self, task: Task) -> None:
        assert task.parts is not None
        sources = [self.tasks[link.node] for part in task.parts for link in part.links()]
        if self._wait(task, sources, VALUE):
            return
        broken = next((source for source in sources if source.broken), None)
        if broken is not None:
            self._skip(task, f"`{broken.name}` {broken.word}")
            return
        self._finish(task, splice(task.parts, self.tasks, task.bound.spec))
        for source in sources:
            self._release(source)

    def _finish(self, task: Task, result: list[Returned]) -> None:
        outputs = self._outputs(task, result)
        report = sum((one.report for one in result if one.report), Report())
        nbytes = sum(self.values.nbytes(item) for items in outputs.values() for item in items)
        content = {
            port.name: self._content(outputs[port.name])
            for port in task.bound.spec.outputs
            if by_content(port.type) and all(map(self.values.encodable, outputs[port.name]))
        }
        written = report if report.files or report.text else None
        task.entry = Entry(outputs, content, written, task.seconds, nbytes)
        self.cache.put(task.key, task.entry)
        task.ended = task.ran = True
        self.out.append(NodeFinished(task.name, task.display, self._outcome(task)))
        self._end(task)

    def _outputs(self, task: Task, result: list[Returned]) -> dict[str, tuple[object, ...]]:
        outputs: dict[str, tuple[object, ...]] = {}
        for position, port in enumerate(task.bound.spec.outputs):
            items: list[object] = []
            for one in result:
                value = one.outputs[position]
                if port.is_list and not isinstance(value, Blocked) and isinstance(value, list | tuple):
                    items.extend(value)
                else:
                    items.append(value)
            outputs[port.name] = tuple(items)
        return outputs

    def _content(self, items: tuple[object, ...]) -> str:
        digests = [self.values.digest(item) for item in items]
        return digests[0] if len(digests) == 1 else self.values.digest(",".join(["list", *digests]))

    def _fail(self, task: Task, failed: Failure) -> None:
        self.failed = True
        task.failure = failed
        task.ended = True
        self.out.append(NodeFailed(task.name, task.display, failed))
        self._end(task)

    def _skip(self, task: Task, reason: str) -> None:
        task.skipped = reason
        task.ended = True
        self._end(task)

    def _end(self, task: Task) -> None:
        self._wake(task)
        self._release_sources(task)
        if task.uses == 0:
            task.entry = None

    # Memory: a value is let go when its last consumer has ended; the cache keeps what its budget allows

    def _count_uses(self, tasks: Mapping[str, Task]) -> None:
        for task in tasks.values():
            for link in task.bound.links.values():
                self.tasks[link.node].uses += 1

    def _release_sources(self, task: Task) -> None:
        for link in task.bound.links.values():
            self._release(self.tasks[link.node])

    def _release(self, source: Task) -> None:
        source.uses -= 1
        if source.uses == 0 and source.ended and source.key_is_kept:
            source.entry = None

    def _outcome(self, task: Task) -> Outcome:
        report = task.entry.report if task.entry else task.hit.report if task.hit else None
        if task.failure is not None:
            return Outcome("failed", task.failure.message, None, task.seconds, None, task.failure)
        if task.ran:
            reason = str(why(task.recipe, self.previous.get(task.name))) if task.recipe else ""
            return Outcome("ran", reason, None, task.seconds, task.report or report)
        if task.hit is not None:
            return Outcome("cached", "", task.tier or task.hit.tier, 0.0, report)
        if self.context.cancel.cancelled:
            return Outcome("skipped", "cancelled")
        return Outcome("skipped", task.skipped or "nothing that ran needed it")


def _cancel(future: Future[Result]) -> None:
    future.cancel()


def _as_float(item: object) -> object:
    return float(item) if isinstance(item, int) and not isinstance(item, bool) else item
