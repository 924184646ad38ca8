"""Figures of whole pictures from the embedded model: warm, from a cold start, and how much runs again after an edit."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.rows import Row, median_row
from graph.bind import bind
from graph.cache.tiered import Cache
from graph.declare import Implementation
from graph.document import Document, read, with_inputs
from graph.events import RunFinished
from graph.flatten import flatten
from graph.plan import plan
from graph.run import run
from graph.values import Values
from nodes.catalogue import load_catalogue, load_implementations
from server.workspace import Computing, Places, Workspace

WORKFLOWS = Path("workflows")


def rows() -> list[Row]:
    """Every figure of pictures."""
    with tempfile.TemporaryDirectory() as folder:
        return [*cold_rows(Path(folder)), *warm_rows(Path(folder)), *edit_rows(Path(folder))]


def cold_rows(folder: Path, n: int = 3) -> Iterator[Row]:
    """A new process and an empty cache, to the picture on disk."""
    taken = []
    for index in range(n):
        places = ["--cache", str(folder / f"cold{index}"), "--output", str(folder / f"out{index}")]
        started = time.perf_counter()
        command = [sys.executable, "-m", "server", "run", str(WORKFLOWS / "text_to_image.json"), "--quiet", *places]
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - started)
    yield median_row("first picture, cold start to file", taken, goal=12)


def warm_rows(folder: Path, n: int = 5) -> Iterator[Row]:
    """A new seed and prompt in a process that has run before."""
    with _Session(folder) as session:
        document = read((WORKFLOWS / "text_to_image.json").read_bytes())
        session.run(document)
        taken = []
        for seed in range(n):
            changed = with_inputs(document, {("sampler", "seed"): seed, ("positive", "text"): f"a fox number {seed}"})
            started = time.perf_counter()
            session.run(changed)
            taken.append(time.perf_counter() - started)
        yield median_row("picture, warm", taken, goal=4)


def edit_rows(folder: Path) -> Iterator[Row]:
    """How many nodes run again when the last node's field changes: one, in every workflow."""
    with _Session(folder) as session:
        for path in sorted(WORKFLOWS.glob("*.json")):
            document = read(path.read_bytes())
            session.run(document)
            saver = next(name for name, node in document.nodes.items() if node.type == "SaveImage")
            finished = session.run(with_inputs(document, {(saver, "filename_prefix"): "changed"}))
            ran = sum(outcome.status == "ran" for outcome in finished.outcomes.values())
            yield Row(f"nodes run after an edit of the last, {path.stem}", ran, "", 1, 1)


class _Session:
    """A process that runs one document after another, as a worker does."""

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace(Places(cache=folder / "session", output=folder / "output"))
        self.catalogue = load_catalogue()
        self.implementations: Mapping[str, Implementation] = load_implementations()
        self.values: Values = self.workspace.values()
        self.cache: Cache = self.workspace.cache(self.values)
        self.services = self.workspace.services(Computing())

    def run(self, document: Document) -> RunFinished:
        graph = bind(flatten(document, self.catalogue), self.catalogue, self.workspace.folders)
        environment = self.workspace.environment(Computing())
        made = plan(graph, view=self.cache, files=self.workspace.folders, environment=environment)
        last = None
        for event in run(
            made,
            self.implementations,
            cache=self.cache,
            values=self.values,
            files=self.workspace.folders,
            services=self.services,
        ):
            last = event
        assert isinstance(last, RunFinished)
        assert last.status == "done"
        return last

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.workspace.close()
