"""Figures of whole pictures from the embedded model: warm, from a cold start, what looking on takes, how much runs again
after an edit, and whether what must be the same is the same."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

from bench.rows import Row, median_row, seconds
from graph.bind import bind
from graph.cache.tiered import Cache
from graph.context import Preview
from graph.declare import Implementation
from graph.document import Document, read, with_inputs
from graph.events import NodeProgress, RunFinished
from graph.flatten import flatten
from graph.plan import plan
from graph.run import run
from graph.values import Values
from nodes.catalogue import load_catalogue, load_implementations
from nodes.sockets import Latent
from server.workspace import Computing, Places, Workspace

WORKFLOWS = Path("workflows")


def rows() -> list[Row]:
    """Every figure of pictures."""
    with tempfile.TemporaryDirectory() as folder:
        places = Path(folder)
        return [
            *cold_rows(places),
            *warm_rows(places),
            *preview_rows(places),
            *edit_rows(places),
            *by_hand_rows(places),
        ]


def cold_rows(folder: Path, n: int = 3) -> Iterator[Row]:
    """A new process and an empty cache, to the picture on disk, which is the same file every time."""
    taken = []
    pictures = set()
    for index in range(n):
        places = ["--cache", str(folder / f"cold{index}"), "--output", str(folder / f"out{index}")]
        started = time.perf_counter()
        command = [sys.executable, "-m", "server", "run", str(WORKFLOWS / "text_to_image.json"), "--quiet", *places]
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - started)
        pictures |= {path.read_bytes() for path in (folder / f"out{index}").glob("*.png")}
    yield median_row("first picture, cold start to file", taken, goal=12)
    yield Row("different files from one seed, a process each", len(pictures), "", n, 1)


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


def preview_rows(folder: Path, n: int = 5) -> Iterator[Row]:
    """How much of a picture's time goes into its previews, when somebody looks at every one that is offered."""
    with _Session(folder) as session:
        document = read((WORKFLOWS / "text_to_image.json").read_bytes())
        session.run(document)
        shares, shown = [], 0
        for seed in range(n):
            looked: list[float] = []

            def look(preview: Preview, looked: list[float] = looked) -> None:
                looked.extend(seconds(preview, 1))

            started = time.perf_counter()
            session.run(with_inputs(document, {("sampler", "seed"): 1000 + seed}), look=look)
            shares.append(100 * sum(looked) / (time.perf_counter() - started))
            shown += len(looked)
        assert shown > 0
        yield Row("share of a picture's time that its previews take", statistics.median(shares), "%", n, 2)


def edit_rows(folder: Path) -> Iterator[Row]:
    """How many nodes run again when the last node's field changes: one, in every workflow."""
    with _Session(folder) as session:
        for path in sorted(WORKFLOWS.glob("*.json")):
            document = read(path.read_bytes())
            session.run(document)
            saver = next(name for name, node in document.nodes.items() if node.type == "SaveImage")
            finished = session.run(with_inputs(document, {(saver, "filename_prefix"): "changed"}))
            assert finished.outcomes[saver].status == "ran"
            ran = sum(outcome.status == "ran" for outcome in finished.outcomes.values())
            yield Row(f"nodes run after an edit of the last, {path.stem}", ran, "", 1, 1)


def by_hand_rows(folder: Path) -> Iterator[Row]:
    """How far the loop taken apart into nodes is from `KSampler`: not at all."""
    with _Session(folder) as session:
        document = read((WORKFLOWS / "sampler_by_hand.json").read_bytes())
        values = session.run(document, ("end", "sampler")).values
        by_hand, sampler = (cast("Latent", values[name]["LATENT"][0]).samples for name in ("end", "sampler"))
        yield Row("numbers in which steps by hand and KSampler differ", int((by_hand != sampler).sum()), "", 1, 0)


class _Session:
    """A process that runs one document after another, as a worker does."""

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace(Places(cache=folder / "session", output=folder / "output"))
        self.catalogue = load_catalogue()
        self.implementations: Mapping[str, Implementation] = load_implementations()
        self.values: Values = self.workspace.values()
        self.cache: Cache = self.workspace.cache(self.values)
        self.services = self.workspace.services(Computing())

    def run(
        self,
        document: Document,
        targets: tuple[str, ...] | None = None,
        look: Callable[[Preview], None] | None = None,
    ) -> RunFinished:
        """Run to the end, with the values of `targets` if some are asked for; `look` is given every preview. Raises
        AssertionError if a node failed."""
        graph = bind(flatten(document, self.catalogue), self.catalogue, self.workspace.folders)
        environment = self.workspace.environment(Computing())
        files = self.workspace.folders
        made = plan(graph, view=self.cache, files=files, environment=environment, targets=targets)
        last = None
        for event in run(
            made,
            self.implementations,
            cache=self.cache,
            values=self.values,
            files=files,
            services=self.services,
            keep_values=targets is not None,
        ):
            last = event
            if look is not None and isinstance(event, NodeProgress) and event.preview is not None:
                look(event.preview)
        assert isinstance(last, RunFinished)
        assert last.status == "done"
        return last

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.workspace.close()
