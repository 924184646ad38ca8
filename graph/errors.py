"""What can go wrong, as values: a `Problem` says where, with which stable code, and what to do next.

Only two exceptions leave the engine: `InputError` (the user's document, parameter or file is wrong; carries every
problem found) and `Cancelled`. A failing node is not an exception but an event (`events.NodeFailed`).
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where.

    `code` never changes once published; `path` is a JSON path into the file; `hint` says what to do.
    """

    code: str
    message: str
    node: str | None = None
    input: str | None = None
    path: str | None = None
    hint: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        place = self._place()
        text = f"{place}: {self.message}" if place else self.message
        text = f"{text} [{self.code}]"
        return f"{text}\n    {self.hint}" if self.hint else text

    def _place(self) -> str:
        """The path, and the names of node and input where it does not end in them (as in files of other formats)."""
        name = ".".join(part for part in (self.node, self.input) if part)
        last = self.input or self.node
        if self.path is None or last is None or last in self.path.rpartition(".")[2]:
            return self.path or name
        return f"{self.path} (`{name}`)"


class GraphError(Exception):
    """Base of what the engine raises on purpose. `code` is stable, `hint` says what to do."""

    code = "graph_error"

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.hint = hint


class InputError(GraphError):
    """The input was wrong. Carries every problem found, never only the first."""

    code = "input_wrong"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)), hint=problems[0].hint if problems else None)
        self.problems = tuple(problems)


class DeclarationError(GraphError):
    """A node's Python declaration cannot be typed. Raised at import, with the function's name."""

    code = "node_declaration"


class Cancelled(Exception):  # noqa: N818 - an outcome, not a fault
    """Raised inside a node body at its next cooperative point after a cancel."""


def errors_only(problems: Iterable[Problem]) -> list[Problem]:
    """Those problems that forbid a run."""
    return [problem for problem in problems if problem.severity == "error"]


_MOST_CHOICES: Final = 5000
"""More names than this are not searched for the nearest: it takes milliseconds for each hundred."""
_MOST_SEARCHED: Final = 200_000


def nearest(word: str, choices: Iterable[str], likeness: float = 0.6) -> str | None:
    """A suggestion: `Did you mean 'KSampler'?` for a near miss, else None. `likeness` (0 to 1) is what makes one near."""
    choices = list(itertools.islice(choices, _MOST_CHOICES))
    matches = difflib.get_close_matches(word, choices, n=1, cutoff=likeness)
    matches = matches or [choice for choice in choices if choice.lower() == word.lower()]
    return _did_you_mean(matches[0]) if matches else None


def nearest_file(name: str, names: Iterable[str]) -> str | None:
    """As `nearest`, of files: neither a suffix that all share, nor the subfolder, nor case makes two names alike."""
    by_stem: dict[str, str] = {}
    for one in names:
        by_stem.setdefault(_stem(one), one)
    matches = difflib.get_close_matches(_stem(name), by_stem, n=1, cutoff=0.6)
    return _did_you_mean(by_stem[matches[0]]) if matches else None


class Suggestions:
    """`nearest` for the problems of one document. So many names are searched in all: whoever gets hundreds of them wrong has
    not slipped with the pen, and would wait for minutes to be told what they may have meant."""

    def __init__(self) -> None:
        self._left = _MOST_SEARCHED

    def nearest(self, word: str, choices: Collection[str], likeness: float = 0.6) -> str | None:
        return nearest(word, choices, likeness) if self._afford(choices) else None

    def nearest_file(self, name: str, names: Collection[str]) -> str | None:
        return nearest_file(name, names) if self._afford(names) else None

    @property
    def spent(self) -> bool:
        """Whether nothing will be suggested any more."""
        return self._left <= 0

    def _afford(self, names: Collection[str]) -> bool:
        self._left -= len(names)
        return self._left >= 0


def _stem(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).stem.lower()


def _did_you_mean(name: str) -> str:
    return f"Did you mean {name!r}?"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first of many names, and how many more there are, for a message."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
