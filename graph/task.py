"""One node during a run: what is asked of it, what it waits for, how far it got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from graph.bound import BoundNode
from graph.cache.entry import Entry, Hit
from graph.call import Returned
from graph.document import InputValue
from graph.events import Failure, Outcome
from graph.keys import VOLATILE, Recipe
from graph.ports import by_content
from graph.result import Report

Level: TypeAlias = Literal[0, 1, 2, 3]
NOTHING: Final = 0
IDENTITY: Final = 1
KNOWN: Final = 2
VALUE: Final = 3

CANCELLED: Final = "cancelled"

Part: TypeAlias = "Returned | tuple[InputValue, ...]"
"""What one call of an expanding node contributes: what it returned, or for each output the link or literal it is."""


@dataclass(slots=True)
class Inside:
    """What was found inside the expansions of one node of the document, at any depth: nodes with effects, and the time
    that all of it took."""

    effects: list[Task] = field(default_factory=list)
    seconds: float = 0.0


class Task:
    """A node in a run. Plain state; the rules are in `execution.py`."""

    __slots__ = (
        "asked",
        "bound",
        "busy",
        "content",
        "display",
        "ended",
        "entry",
        "failure",
        "hit",
        "holding",
        "level",
        "levels",
        "missing",
        "name",
        "outcome",
        "parts",
        "ran",
        "recipe",
        "report",
        "returned",
        "seconds",
        "skipped",
        "tier",
        "uses",
        "waiters",
    )

    def __init__(self, name: str, display: str, bound: BoundNode, recipe: Recipe | None) -> None:
        self.name, self.display, self.bound, self.recipe = name, display, bound, recipe
        self.level: Level = NOTHING
        self.levels: Mapping[str, Level] | None = None
        self.missing = 0
        self.uses = 0
        self.busy = self.ended = self.ran = self.holding = False
        self.asked: frozenset[str] = frozenset()
        self.waiters: list[tuple[Level, Task]] = []
        self.hit: Hit | None = None
        self.entry: Entry | None = None
        self.content: Mapping[str, str] = {}
        self.report: Report | None = None
        self.tier: str | None = None
        self.failure: Failure | None = None
        self.skipped = ""
        self.returned: Sequence[Returned] = ()
        self.parts: Sequence[Part] = ()
        self.seconds = 0.0
        self.outcome: Outcome | None = None

    @property
    def key(self) -> str:
        assert self.recipe is not None
        return self.recipe.key

    @property
    def inner(self) -> bool:
        """Whether an expansion made it."""
        return self.name != self.display

    @property
    def expanded(self) -> bool:
        """Whether its expansion is under way."""
        return bool(self.returned or self.parts)

    @property
    def broken(self) -> bool:
        return self.failure is not None or bool(self.skipped)

    def reached(self, level: Level) -> bool:
        if self.failure is not None or self.skipped:
            return True
        if level == IDENTITY:
            return self.recipe is not None
        return self.ended if level == KNOWN else self.entry is not None

    @property
    def repeatable(self) -> bool:
        """Whether its value, once let go, can be had again. A volatile one would come out different, which matters to
        those that are keyed by it."""
        if not self.key.startswith(VOLATILE):
            return True
        return not any(by_content(port.type) for port in self.bound.spec.outputs)
