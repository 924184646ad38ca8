"""The engine with everything a test wants to hold in its hand: the cache, the files, the history, what was called."""

from __future__ import annotations

import inspect
import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from graph.bind import bind
from graph.bound import BoundGraph
from graph.cache.budget import Budget
from graph.cache.memory import MemoryStore
from graph.cache.tiered import Cache
from graph.context import CancelToken
from graph.declare import Implementation
from graph.document import Document, InputValue, Link, Node
from graph.events import Event, NodeStatus, Outcome, RunFinished
from graph.files import Digests
from graph.flatten import flatten
from graph.keys import Environment, Recipe
from graph.plan import Plan, plan
from graph.result import Report
from graph.run import run
from graph.values import Values
from tests.toy_nodes import toys
from tests.toy_values import OutputFolder, toy_values


def made(type: str, /, **inputs: InputValue) -> Node:
    """A node of a document."""
    return Node(type, inputs)


def muted(node: Node) -> Node:
    return replace(node, mode="mute")


def bypassed(node: Node) -> Node:
    return replace(node, mode="bypass")


def of(node: str, output: str = "out") -> Link:
    """A link from a node."""
    return Link(node, output)


def document(**nodes: Node) -> Document:
    return Document(nodes)


def chain(length: int, type: str = "Add") -> Document:
    """`n0`, each next adding one to the one before."""
    nodes = {"n0": made("Integer", value=0)}
    for index in range(1, length):
        nodes[f"n{index}"] = made(type, a=of(f"n{index - 1}"), b=1)
    return Document(nodes)


@dataclass(frozen=True)
class Folder:
    """`Files` under one directory, a known folder for each subdirectory."""

    root: Path
    digests: Digests = field(default_factory=Digests)

    def names(self, folder: str) -> Sequence[str]:
        place = self.root / folder
        return sorted(path.name for path in place.iterdir()) if place.is_dir() else []

    def meant(self, folder: str, name: str) -> tuple[str, str]:
        name, _, place = name.replace("\\", "/").partition(" in ")
        return place or folder, name

    def find(self, folder: str, name: str) -> Path | None:
        path = self.root.joinpath(*self.meant(folder, name))
        return path if path.is_file() else None

    def digest(self, path: Path) -> str:
        return self.digests.digest(path)

    def write(self, folder: str, name: str, text: str) -> Path:
        path = self.root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


@dataclass
class Calls:
    """How often each body was entered."""

    entered: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, type: str) -> None:
        with self.lock:
            self.entered.append(type)

    def counted(self, implementation: Implementation) -> Implementation:
        """The same node, noting every call."""
        function: Callable[..., object] = implementation.function
        kind = implementation.spec.type

        async def async_body(**arguments: object) -> object:
            self.note(kind)
            return await function(**arguments)  # type: ignore[misc]

        def body(**arguments: object) -> object:
            self.note(kind)
            return function(**arguments)

        return replace(implementation, function=async_body if inspect.iscoroutinefunction(function) else body)


@dataclass(frozen=True)
class Ran:
    """What came of one run."""

    plan: Plan
    events: tuple[Event, ...]
    calls: Counter[str]

    @property
    def finished(self) -> RunFinished:
        last = self.events[-1]
        assert isinstance(last, RunFinished)
        return last

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        return self.finished.outcomes

    @property
    def statuses(self) -> dict[str, NodeStatus]:
        """Of the nodes of the document."""
        return {name: self.outcomes[name].status for name in self.plan.steps}

    def named(self, status: NodeStatus) -> set[str]:
        return {name for name, one in self.statuses.items() if one == status}

    def value(self, node: str, output: str = "out") -> object:
        (item,) = self.items(node, output)
        return item

    def items(self, node: str, output: str = "out") -> tuple[object, ...]:
        return self.finished.values[node][output]

    def report(self, node: str) -> Report:
        found = self.outcomes[node].report
        assert found is not None
        return found

    def seen(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


class Engine:
    """Runs toy documents, remembering between runs what a workspace remembers."""

    def __init__(
        self, root: Path | None = None, *, cache: Cache | None = None, environment: Environment | None = None
    ) -> None:
        self.budget = Budget(None)
        self.memory = MemoryStore(self.budget)
        self.cache = cache or Cache([self.memory])
        self.values: Values = toy_values()
        self.files = Folder(root) if root else None
        self.environment = environment
        self.services: dict[type, object] = {}
        if root is not None:
            (root / "output").mkdir(exist_ok=True)
            (root / "input").mkdir(exist_ok=True)
            self.services[OutputFolder] = OutputFolder(root / "output")
        self.calls = Calls()
        self.implementations = {name: self.calls.counted(one) for name, one in toys().items()}
        self.catalogue = {name: one.spec for name, one in self.implementations.items()}
        self.history: dict[str, Recipe] = {}

    def bind(self, document: Document) -> BoundGraph:
        return bind(flatten(document, self.catalogue), self.catalogue, self.files)

    def plan(self, document: Document, *targets: str) -> Plan:
        return plan(
            self.bind(document),
            view=self.cache,
            files=self.files,
            targets=targets or None,
            previous=self.history,
            environment=self.environment,
        )

    def start(
        self, planned: Plan, cancel: CancelToken | None = None, *, keep_values: bool = True
    ) -> Generator[Event, None, None]:
        return run(
            planned,
            self.implementations,
            cache=self.cache,
            values=self.values,
            files=self.files,
            services=self.services,
            cancel=cancel,
            previous=self.history,
            keep_values=keep_values,
        )

    def run(self, document: Document, *targets: str, keep_values: bool = True) -> Ran:
        return self.carry_out(self.plan(document, *targets), keep_values=keep_values)

    def carry_out(self, planned: Plan, cancel: CancelToken | None = None, *, keep_values: bool = True) -> Ran:
        before = len(self.calls.entered)
        ran = Ran(planned, tuple(self.start(planned, cancel, keep_values=keep_values)), Counter())
        ran.calls.update(self.calls.entered[before:])
        self.history |= ran.finished.recipes
        return ran
