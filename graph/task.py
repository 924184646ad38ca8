"""One node during a run: what is asked of it, what it waits for, how far it got."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from graph.bind import BoundNode
from graph.cache.entry import Entry, Hit
from graph.document import Link
from graph.events import Failure
from graph.keys import VOLATILE, Recipe
from graph.result import Report

Level: TypeAlias = Literal[0, 1, 2, 3]
NOTHING: Level = 0
IDENTITY: Level = 1
KNOWN: Level = 2
VALUE: Level = 3


@dataclass(frozen=True, slots=True)
class Part:
    """What one call of an expanding node contributes: finished outputs, or links to where they come from."""

    outputs: tuple[object, ...]
    sources: tuple[Link, ...]

    def links(self) -> Iterator[Link]:
        return iter(self.sources)


class Task:
    """A node in a run. Plain state; the rules are in `run.py`."""

    __slots__ = (
        "asked",
        "bound",
        "busy",
        "display",
        "ended",
        "entry",
        "failure",
        "hit",
        "level",
        "missing",
        "name",
        "parts",
        "ran",
        "recipe",
        "report",
        "seconds",
        "skipped",
        "started",
        "tier",
        "uses",
        "waiters",
    )

    def __init__(self, name: str, display: str, bound: BoundNode, recipe: Recipe | None) -> None:
        self.name, self.display, self.bound, self.recipe = name, display, bound, recipe
        self.level: Level = NOTHING
        self.missing = 0
        self.uses = 0
        self.busy = self.ended = self.ran = False
        self.asked: set[str] = set()
        self.waiters: list[tuple[Level, Task]] = []
        self.hit: Hit | None = None
        self.entry: Entry | None = None
        self.report: Report | None = None
        self.tier: str | None = None
        self.failure: Failure | None = None
        self.skipped = ""
        self.parts: list[Part] | None = None
        self.started = self.seconds = 0.0

    @property
    def key(self) -> str:
        assert self.recipe is not None
        return self.recipe.key

    @property
    def key_is_kept(self) -> bool:
        """Whether the cache was offered the result, so that it can be let go here."""
        return self.recipe is not None and not self.recipe.key.startswith(VOLATILE)

    @property
    def broken(self) -> bool:
        return self.failure is not None or bool(self.skipped)

    @property
    def word(self) -> str:
        """Why a consumer cannot go on."""
        return "failed" if self.failure else f"was skipped: {self.skipped}" if self.skipped else "has no result"

    def reached(self, level: Level) -> bool:
        if self.broken:
            return True
        if level == IDENTITY:
            return self.recipe is not None
        return self.ended if level == KNOWN else self.entry is not None

    def content(self, output: str) -> str | None:
        """The digest of an output that is keyed by value, when it has one."""
        if self.entry is not None:
            return self.entry.content.get(output)
        return self.hit.content.get(output) if self.hit else None
