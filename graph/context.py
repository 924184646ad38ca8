"""What a node body may ask of the run it is part of, and nothing more.

A node function that declares a `Context` parameter is given one; it is not an input. Everything a body needs beyond its
inputs (folders, the weights' residency, the document for embedding) comes through here, so nothing is global.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, cast

from graph.errors import Cancelled

Service = TypeVar("Service")
Preview = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A picture that is a result, in the place of a preview: none is left out, whether somebody looks or not."""

    picture: bytes

    def __call__(self) -> bytes:
        return self.picture


class CancelToken:
    """Set once, seen everywhere: by the scheduler between nodes and by bodies at each progress tick."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def cancel(self) -> None:
        with self._lock:
            self._event.set()
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()

    def on_cancel(self, listener: Callable[[], None]) -> None:
        """Call `listener` on cancel, at once when it has already happened."""
        with self._lock:
            if not self._event.is_set():
                self._listeners.append(listener)
                return
        listener()

    def check(self) -> None:
        """Raise `Cancelled` if cancelled. Cheap enough for every sampler step."""
        if self._event.is_set():
            raise Cancelled


class ProgressSink(Protocol):
    """Where progress of one node goes. `preview` is called only if somebody looks."""

    def __call__(self, value: int, maximum: int, preview: Preview | None) -> None: ...


def _ignore_progress(value: int, maximum: int, preview: Preview | None) -> None:  # noqa: ARG001 - the silent sink
    return None


@dataclass(frozen=True, slots=True)
class Context:
    """Given to node bodies. `services` holds what the caller of `run` provides, by type; `metadata` is what a saved
    picture carries (text chunk name to text). `numbers` says what decides the numbers beside the inputs: the node, its
    version, device and precision; states of unfinished work are kept under it."""

    node: str = ""
    numbers: str = ""
    cancel: CancelToken = field(default_factory=CancelToken)
    sink: ProgressSink = _ignore_progress
    services: Mapping[type, object] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    def progress(self, value: int, maximum: int, preview: Preview | None = None) -> None:
        """Report `value` of `maximum` done; raises `Cancelled` when the run was cancelled. A `Delivery` for a preview is
        brought to who asked for the run."""
        self.cancel.check()
        self.sink(value, maximum, preview)

    def service(self, kind: type[Service]) -> Service:
        """The service of that type. Raises KeyError naming it, when the run was started without."""
        found = self.services.get(kind)
        if found is None:
            raise KeyError(f"this run provides no {kind.__name__}")
        return cast("Service", found)
