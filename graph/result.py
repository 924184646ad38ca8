"""What a node may return beside plain values.

A node returns its outputs as they are (one value, or a tuple in declared order). It may also return a `Report` (what it
wrote or wants to show), a `Blocked` in place of a value (consumers skip), or an `Expansion` (a graph to run in its place).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from graph.json import Json


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file a node wrote: `folder` is a known folder (output, temp), `name` relative to it with forward slashes. `modified`
    is when it was last written, in nanoseconds since 1970; 0 where an older version has not kept that."""

    folder: str
    name: str
    bytes: int
    path: str
    modified: int = 0

    @classmethod
    def at(cls, path: Path, folder: str, name: str) -> SavedFile:
        """The file as it is now. Raises OSError."""
        stat = path.stat()
        return cls(folder, name, stat.st_size, str(path), stat.st_mtime_ns)

    def is_at(self, path: Path) -> bool:
        """Whether it is this file that lies there, as it was left. Raises OSError."""
        stat = path.stat()
        return stat.st_size == self.bytes and self.modified in (0, stat.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Report:
    """What a node tells people: files it wrote, text it shows. One that says nothing is false, and is not passed on."""

    files: tuple[SavedFile, ...] = ()
    text: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.text)

    def __add__(self, other: Report) -> Report:
        return Report(self.files + other.files, self.text + other.text)


@dataclass(frozen=True, slots=True)
class Blocked:
    """In place of a value: every consumer skips, silently or (with a message) reporting once why. `told`: the report was
    made further up, and the message goes on for those who ask why nothing came."""

    message: str | None = None
    told: bool = False


@dataclass(frozen=True, slots=True)
class Outer:
    """Inside an `Expansion`: whatever is linked or written at the expanding node's own input `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Inner:
    """Inside an `Expansion`: the output of another node of the same expansion."""

    node: str
    output: str


ExpansionInput: TypeAlias = "Outer | Inner | Json"


@dataclass(frozen=True, slots=True)
class ExpansionNode:
    """A node of an expansion. Its literals are JSON; its links are `Outer` or `Inner`."""

    type: str
    inputs: Mapping[str, ExpansionInput] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expansion:
    """A graph to run in place of the node that returns it: `outputs` says where the node's own outputs come from.

    A loop is a node whose expansion ends in another of its kind (a tail call); depth costs memory per iteration, not stack.
    """

    nodes: Mapping[str, ExpansionNode]
    outputs: Mapping[str, Outer | Inner]
