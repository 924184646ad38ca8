"""Running workflows of real nodes in a test: folders of its own, a cache in memory, and the results by node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.bind import bind
from graph.cache.budget import Budget
from graph.cache.memory import MemoryStore
from graph.cache.tiered import Cache
from graph.document import Document
from graph.events import Event, NodeFailed, RunFinished
from graph.flatten import flatten
from graph.plan import plan
from graph.run import run
from graph.values import Values
from nodes.catalogue import load_implementations
from nodes.folders import Folders, standard_folders
from nodes.services import services
from nodes.sockets import VALUE_TYPES


class Bench:
    """Runs documents one after another, with everything kept between them that a process would keep."""

    def __init__(self, base: Path, *, precision: str = "fp32", budget_bytes: int = 2**31) -> None:
        self.folders: Folders = standard_folders(base)
        self.implementations = load_implementations()
        self.specs = {name: one.spec for name, one in self.implementations.items()}
        self.values = Values(VALUE_TYPES)
        budget = Budget(budget_bytes)
        self.cache = Cache([MemoryStore(budget)])
        self.services = services(self.folders, budget, device="cpu", precision=precision)

    def run(self, document: Document) -> RunFinished:
        """Run to the end. A failing node fails the test with its message."""
        finished = None
        for event in self.events(document):
            if isinstance(event, NodeFailed):
                pytest.fail(f"{event.node}: {event.failure.message}\n{event.failure.trace}")
            if isinstance(event, RunFinished):
                finished = event
        assert finished is not None
        return finished

    def events(self, document: Document) -> Iterator[Event]:
        """What a run tells, failures too."""
        graph = bind(flatten(document, self.specs), self.specs, self.folders)
        assert not graph.problems, "\n".join(map(str, graph.problems))
        yield from run(
            plan(graph, view=self.cache, files=self.folders),
            self.implementations,
            cache=self.cache,
            values=self.values,
            files=self.folders,
            services=self.services,
            metadata={"workflow": '{"name": "test"}'},
        )

    def files(self, finished: RunFinished, node: str) -> list[Path]:
        """What a node wrote."""
        report = finished.outcomes[node].report
        return [] if report is None else [Path(saved.path) for saved in report.files]
