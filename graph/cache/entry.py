"""What is stored under a key, and what may be known of it without loading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Protocol

from graph.record import record
from graph.result import Report


@record
class Entry:
    """The result of one node: for each output its list of items; `content` digests of outputs that are keyed by value;
    `seconds` it took to compute, which is what keeping it saves."""

    outputs: Mapping[str, tuple[object, ...]]
    content: Mapping[str, str] = field(default_factory=dict)
    report: Report | None = None
    seconds: float = 0.0
    nbytes: int = 0


@record
class Hit:
    """A key that can be answered: from which tier, and what consumers need to know to compute their own keys."""

    tier: str
    content: Mapping[str, str]
    report: Report | None
    seconds: float
    nbytes: int


class View(Protocol):
    """A look at the cache that loads nothing: all that planning needs."""

    def find(self, key: str) -> Hit | None: ...


class Store(View, Protocol):
    """One tier. `get` returns None on a miss; a broken store behaves as an empty one and counts its faults."""

    @property
    def name(self) -> str: ...

    def get(self, key: str) -> Entry | None: ...

    def put(self, key: str, entry: Entry) -> bool:
        """Keep the entry; False when this tier cannot hold it."""
        ...

    def drop(self, key: str) -> None: ...

    def clear(self) -> None: ...


class Empty:
    """A view that knows nothing: everything will run."""

    def find(self, key: str) -> Hit | None:  # noqa: ARG002 - the protocol's parameter
        return None
