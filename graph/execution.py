"""One run of a plan: demand goes up from the targets, results come down, events come out.

The scheduler is one loop in the caller's thread; bodies run on lanes and answer through an inbox (`bodies.py`). Each node
is a `Task` (`task.py`) that is asked for one of three things, and does no more than that needs:

    IDENTITY   its key, for consumers that must compute theirs (small values upstream must be known first)
    KNOWN      a result exists, in the cache or here
    VALUE      the result is in memory

    identify -> look up -> (hit) load when a value is asked for
                        -> (miss) gather inputs -> lazy inputs -> call -> settle [-> expand -> settle]

So a node whose key hits is never entered, its inputs are never loaded, and a node below a small value that came out
unchanged is found in the cache the moment that value is known. Nodes of one key run once. A value is let go when the last
that holds it has ended; should it be wanted again, it comes from the cache or is computed anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from graph.bodies import Answer, Bodies
from graph.bound import BoundGraph
from graph.cache.entry import Entry
from graph.cache.tiered import Cache
from graph.call import Result, Returned, calls, collect, failure, needed, reports
from graph.context import CancelToken
from graph.declare import Implementation
from graph.demand import Demand
from graph.document import Link
from graph.errors import Cancelled, InputError
from graph.events import (
    Event,
    Failure,
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeStarted,
    Outcome,
    RunFinished,
    RunStatus,
)
from graph.expand import expand, handed_on, links_of, splice
from graph.explain import Reason, why
from graph.files import Files
from graph.keys import Recipe, recipe, source_fingerprint
from graph.plan import Plan, file_digests, keyed_by_value, still_there
from graph.ports import by_content
from graph.result import Report
from graph.task import CANCELLED, IDENTITY, KNOWN, VALUE, Inside, Level, Task
from graph.values import Values


class Execution:
    """The state of one run. Only `events` and `finished` are called from outside."""

    def __init__(
        self,
        plan: Plan,
        implementations: Mapping[str, Implementation],
        cache: Cache,
        values: Values,
        files: Files | None,
        cancel: CancelToken,
        bodies: Bodies,
        previous: Mapping[str, Recipe],
    ) -> None:
        self.plan, self.implementations = plan, implementations
        self.catalogue = {name: one.spec for name, one in implementations.items()}
        self.cache, self.values, self.files = cache, values, files
        self.cancel, self.bodies, self.previous = cancel, bodies, previous
        self.graph: BoundGraph = plan.graph
        self.tasks: dict[str, Task] = {}
        self.inside: dict[str, Inside] = {}
        self.twins: dict[str, Task] = {}
        self.announced = frozenset(plan.having("cached"))
        self.demand = Demand(self.tasks)
        self.out: deque[Event] = deque()
        for name, step in plan.steps.items():
            task = Task(name, name, self.graph.nodes[name], step.recipe)
            task.hit = step.hit
            if step.status == "unavailable":
                task.skipped, task.ended = str(step.reason), True
            self.tasks[name] = task
        for name, step in plan.steps.items():
            if step.status in ("run", "depends"):
                self.demand.hold(self.tasks[name])

    @property
    def status(self) -> RunStatus:
        asked = [self.tasks[name] for name in self.plan.targets]
        if self.cancel.cancelled and not all(task.ended and task.skipped != CANCELLED for task in asked):
            return "cancelled"
        return "failed" if any(task.failure for task in self.tasks.values()) else "done"

    def events(self, keep_values: bool) -> Iterator[Event]:
        """Drive the run to its end."""
        for name in self.plan.targets:
            task = self.tasks[name]
            task.uses += keep_values
            self.demand.ask(task, VALUE if keep_values else KNOWN)
        while True:
            while self.demand.work and not self.cancel.cancelled:
                self._advance(self.demand.work.popleft())
                while self.out:
                    yield self.out.popleft()
            if not self.bodies.running:
                break
            message = self.bodies.next()
            if isinstance(message, Answer):
                self._settle(message.task, message.result, message.seconds)
            else:
                self.out.append(message)
            while self.out:
                yield self.out.popleft()

    def finished(self, seconds: float, keep_values: bool) -> RunFinished:
        """How every node ended, those that took no part included."""
        outcomes = {name: task.outcome or self._outcome(task) for name, task in self.tasks.items()}
        known = ((name, self.tasks[name]) for name in self.plan.steps)
        recipes = {name: task.recipe for name, task in known if task.recipe and (task.ran or task.hit)}
        targets = {name: self.tasks[name].entry for name in self.plan.targets} if keep_values else {}
        values = {name: entry.outputs for name, entry in targets.items() if entry is not None}
        return RunFinished(self.status, seconds, outcomes, recipes, values)

    # One node, as far as it gets

    def _advance(self, task: Task) -> None:
        if task.busy or task.missing or task.reached(task.level):
            return
        try:
            if self._identify(task) and task.level > IDENTITY and not self._answer(task):
                self._compute(task)
        except InputError as error:  # a file became unreadable after planning
            self._fail(task, failure(error, {}, self.values))

    def _identify(self, task: Task) -> bool:
        """Make the key, once the sources it depends on are identified or known. True when there is one."""
        if task.recipe is not None:
            return True
        links = task.bound.links
        levels = task.levels
        if levels is None:
            levels = task.levels = {port: self._level(task, port, link) for port, link in links.items()}
        if self.demand.wait_each(task, [(self.tasks[link.node], levels[port]) for port, link in links.items()]):
            return False
        fingerprints: dict[str, str] = {}
        for port, link in links.items():
            source, level = self.tasks[link.node], levels[port]
            if source.broken and (source.recipe is None or level > IDENTITY):
                self._breaks(task, [source])
                return False
            content = source.content.get(link.output) if level > IDENTITY else None
            fingerprints[port] = source_fingerprint(source.key, link.output, content)
        linked = {port: self._items(link) for port, link in links.items() if levels[port] == VALUE}
        digests = file_digests(task.name, task.bound, self.files, linked)
        task.recipe = recipe(task.bound, digests, fingerprints, self.plan.environment)
        task.hit = self.cache.find(task.key)
        task.levels = None
        self.demand.wake(task)
        return True

    def _level(self, task: Task, port: str, link: Link) -> Level:
        """How well a source must be known before the key can be made."""
        if self.files is not None and port in task.bound.spec.file_inputs:
            return VALUE
        return KNOWN if keyed_by_value(task.bound, port, self.tasks[link.node].bound, link) else IDENTITY

    def _answer(self, task: Task) -> bool:
        """Answer from the cache, as far as is asked. False when the node must be computed."""
        if task.ended:  # known, but its value was never loaded, or was let go
            return self._load(task)
        hit = task.hit
        if hit is None:
            return False
        if hit.report is not None and not still_there(hit.report, self.files):
            task.hit = None
            return False
        if task.level == VALUE and not self._load(task):
            return False
        task.tier = task.tier or hit.tier
        task.content, task.report = hit.content, hit.report
        self._end(task, Outcome("cached", "", task.tier, 0.0, hit.report))
        return True

    def _load(self, task: Task) -> bool:
        found = self.cache.get(task.key)
        if found is None:
            task.hit, task.ended = None, False
            return False
        task.entry, task.tier = found
        self.demand.wake(task)
        return True

    def _compute(self, task: Task) -> None:
        implementation = self.implementations.get(task.bound.spec.type)
        if implementation is None:
            message = f"the node type {task.bound.spec.type!r} is known but cannot be run here"
            self._fail(task, Failure("not_installed", message, "Install the plugin that provides it."))
        elif task.parts:
            self._join(task)
        elif task.returned:
            self._expand(task)
        elif not self._left_to_twin(task):
            self.demand.hold(task)
            self._gather(task, implementation)

    def _left_to_twin(self, task: Task) -> bool:
        """Whether another node of the same key answers for this one."""
        twin = self.twins.get(task.key)
        if twin is None or twin is task:
            return False
        if twin.busy or (twin.expanded and not task.inner):  # inside an expansion it might be waiting for itself
            return self.demand.wait(task, [twin], KNOWN)
        task.hit = self.cache.find(task.key) if twin.ran else None
        return task.hit is not None and self._answer(task)

    def _gather(self, task: Task, implementation: Implementation) -> None:
        """Have the inputs' values, the lazy ones that are asked for included, then call."""
        while True:
            inputs = self._inputs(task, implementation)
            if inputs is None:
                return
            arguments = calls(implementation, inputs)
            wanted = needed(implementation, arguments, self.values) if implementation.needs is not None else set()
            if isinstance(wanted, Failure):
                self._fail(task, wanted)
                return
            new = (wanted & task.bound.links.keys()) - inputs.keys()
            if not new:
                break
            task.asked |= new
        self.twins[task.key] = task
        if implementation.spec.lane != "inline" or implementation.spec.asynchronous or implementation.context:
            self.bodies.start(task, implementation, arguments)
            return
        self.out.append(NodeStarted(task.name, task.display, implementation.spec.type))
        answer = self.bodies.here(task, implementation, arguments)
        self._settle(task, answer.result, answer.seconds)

    def _inputs(self, task: Task, implementation: Implementation) -> dict[str, tuple[object, ...]] | None:
        """The items of every input that is given. None when some must be waited for, or will never come."""
        bound = task.bound
        links = bound.links
        if implementation.needs is not None:
            by_name = bound.spec.inputs_by_name
            links = {port: link for port, link in links.items() if not by_name[port].lazy or port in task.asked}
        sources = [self.tasks[link.node] for link in links.values()]
        if self.demand.wait(task, sources, VALUE) or self._breaks(task, sources):
            return None
        inputs: dict[str, tuple[object, ...]] = {name: (value,) for name, value in bound.literals.items()}
        for port, link in links.items():
            items = self._items(link)
            inputs[port] = tuple(map(_as_float, items)) if bound.spec.inputs_by_name[port].type == "FLOAT" else items
        return inputs

    def _items(self, link: Link) -> tuple[object, ...]:
        entry = self.tasks[link.node].entry
        assert entry is not None
        return entry.outputs[link.output]

    # Expansion

    def _expand(self, task: Task) -> None:
        task.asked |= frozenset(handed_on(task))
        sources = [self.tasks[task.bound.links[port].node] for port in sorted(task.asked)]
        if self.demand.wait(task, sources, VALUE) or self._breaks(task, sources):
            return
        try:
            expanded = expand(task, self.tasks, self.catalogue, self.files)
        except Exception as error:  # noqa: BLE001 - the node boundary: an expansion is what a body made
            self._fail(task, failure(error, {}, self.values))
            return
        self.tasks |= expanded.tasks
        inside = self.inside.setdefault(task.display, Inside())
        for inner in expanded.tasks.values():
            self.demand.hold(inner)
            if inner.bound.spec.effect:
                inside.effects.append(inner)
                self.demand.ask(inner, KNOWN)
        task.returned, task.parts = (), expanded.parts
        for link in links_of(task.parts):
            self.tasks[link.node].uses += 1
        self.demand.let_go_of_sources(task)  # before a loop's next round, not after its last
        self._join(task)

    def _join(self, task: Task) -> None:
        """End an expanded node, once its outputs have values and (for a node of the document) its effects are done."""
        sources = [self.tasks[link.node] for link in links_of(task.parts)]
        effects = [] if task.inner else self.inside[task.display].effects
        if any([self.demand.wait(task, sources, VALUE), self.demand.wait(task, effects, KNOWN)]):
            return
        if self._breaks(task, [*sources, *effects]):
            return
        parts, task.parts = task.parts, ()
        returned = [one for one in parts if isinstance(one, Returned)]
        entry = self._entry(task, splice(parts, self.tasks, task.bound.spec), reports(returned))
        if not task.inner:
            self.cache.put(task.key, self._with_inside(task, entry))
        self._finish(task, entry)
        for source in sources:
            self.demand.release(source)

    def _with_inside(self, task: Task, entry: Entry) -> Entry:
        """What is kept of an expanded node: what it cost in all, and what it wrote in all. (Expanded nodes inside are not
        kept themselves: they only stand for others that are.)"""
        inside = self.inside[task.display]
        written = [one.report for one in inside.effects if one.report]
        report = sum(written, entry.report or Report()) if written else entry.report
        return replace(entry, report=report, seconds=task.seconds + inside.seconds)

    # Endings

    def _settle(self, task: Task, result: Result, seconds: float) -> None:
        task.seconds += seconds
        if isinstance(result, Cancelled):
            self._skip(task, CANCELLED)
            return
        if isinstance(result, Failure):
            self._fail(task, result)
            return
        if self._files_changed(task):
            self._fail(task, _FILE_CHANGED)
            return
        blockers = [one.blocked for one in result if one.blocked]
        for message in dict.fromkeys([one.message for one in blockers if one.message and not one.told]):
            self.out.append(NodeBlocked(task.name, task.display, message))
        if blockers and len(blockers) == len(result):
            self._stop(task, result, next((one.message for one in blockers if one.message), None))
            return
        if task.inner:
            self.inside[task.display].seconds += seconds
        if [one for one in result if one.expansion]:
            task.returned = result
            self._expand(task)
            return
        entry = self._entry(task, collect(task.bound.spec, result), reports(result))
        self.cache.put(task.key, entry)
        self._finish(task, entry)

    def _files_changed(self, task: Task) -> bool:
        """Whether a file that the node names is not the one that its key was made of: what the body read is not known then,
        and the keys of all below it are made of this one."""
        assert task.recipe is not None
        if not task.recipe.files:
            return False
        links = task.bound.links
        linked = {port: self._items(links[port]) for port in task.recipe.files if port in links}
        try:
            return file_digests(task.name, task.bound, self.files, linked) != task.recipe.files
        except InputError:
            return True

    def _stop(self, task: Task, result: Sequence[Returned], message: str | None) -> None:
        """Every call met a blocker. A silent one is a way to choose branches, its result is kept like any other. One with a
        message is a complaint: nothing is kept, so that every run makes it, and a node that was asked for has failed."""
        if message is not None and (task.name in self.plan.targets or task.bound.spec.effect):
            self._fail(task, Failure("blocked", message))
            return
        entry = self._entry(task, collect(task.bound.spec, result), None)
        if message is None:
            self.cache.put(task.key, entry)
        task.entry, task.content, task.ran = entry, entry.content, True
        self._end(task, Outcome("skipped", message or "an input is blocked"))

    def _entry(self, task: Task, outputs: Mapping[str, tuple[object, ...]], report: Report | None) -> Entry:
        small = (port.name for port in task.bound.spec.outputs if by_content(port.type))
        digests = {name: self.values.digest_items(outputs[name]) for name in small}
        content = {name: digest for name, digest in digests.items() if digest is not None}
        nbytes = sum([self.values.nbytes(item) for items in outputs.values() for item in items])
        return Entry(outputs, content, report, task.seconds, nbytes)

    def _finish(self, task: Task, entry: Entry) -> None:
        task.entry, task.content, task.report = entry, entry.content, entry.report
        task.ran = True
        self._end(task, Outcome("ran", str(self._reason(task)), None, task.seconds, entry.report))

    def _reason(self, task: Task) -> Reason:
        """Why the node ran: as the plan said, or what was found out since."""
        step = self.plan.steps.get(task.name)
        if step is not None and step.reason.code not in ("none", "value"):
            return step.reason
        assert task.recipe is not None
        return why(task.recipe, self.previous.get(task.name))

    def _fail(self, task: Task, failed: Failure) -> None:
        task.failure = failed
        self._end(task, Outcome("failed", failed.message, None, task.seconds, None, failed))

    def _skip(self, task: Task, reason: str) -> None:
        task.skipped = reason
        self._end(task, Outcome("skipped", reason))

    def _breaks(self, task: Task, sources: list[Task]) -> bool:
        """Skip `task` if one of its sources failed or was itself skipped."""
        broken = next((source for source in sources if source.broken), None)
        if broken is not None:
            self._skip(task, broken.skipped or f"`{broken.name}` failed")
        return broken is not None

    def _end(self, task: Task, outcome: Outcome) -> None:
        task.ended, task.outcome = True, outcome
        if task.failure is not None:
            self.out.append(NodeFailed(task.name, task.display, task.failure))
        elif task.ran or (outcome.status == "cached" and task.name not in self.announced):
            self.out.append(NodeFinished(task.name, task.display, outcome))
        self.demand.wake(task)
        self.demand.let_go_of_sources(task)
        if task.uses == 0:
            self.demand.let_go(task)

    def _outcome(self, task: Task) -> Outcome:
        """How a node ended that took no part."""
        if task.hit is not None:
            return Outcome("cached", "", task.hit.tier, 0.0, task.hit.report)
        if self.cancel.cancelled:
            return Outcome("skipped", CANCELLED)
        return Outcome("skipped", task.skipped or "nothing that ran needed it")


_FILE_CHANGED: Final = Failure(
    "file_changed",
    "a file that it reads was changed or removed while the workflow ran",
    "Run the workflow again, with the file that is there now.",
)


def _as_float(item: object) -> object:
    """A whole number as the float that the body declares; one that no float can be stays, for the body to refuse."""
    if not isinstance(item, int) or isinstance(item, bool):
        return item
    try:
        return float(item)
    except OverflowError:
        return item
