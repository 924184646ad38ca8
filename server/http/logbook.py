"""The latest lines of the log, kept for those who ask over HTTP, and passed to those who want to hear them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

MOST_LINES: Final = 300

Line = Mapping[str, str]
"""`t`, the time in ISO 8601, and `m`, the message."""
Hear = Callable[[Line], None]


class LogBook(logging.Handler):
    """A handler of the log. Lines may come from any thread; who listens is called on the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.INFO)
        self.entries: deque[Line] = deque(maxlen=MOST_LINES)
        self._loop = loop
        self._subscribed: set[str] = set()
        self._listeners: dict[Hear, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        time = datetime.fromtimestamp(record.created, UTC).isoformat()
        line = {"t": time, "m": f"{record.getMessage()}\n"}
        self.entries.append(line)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._pass_on, line)

    def subscribe(self, client: str, wanted: bool) -> None:
        """Whether the sockets of this client get lines."""
        if wanted and len(self._subscribed) < MOST_LINES:
            self._subscribed.add(client)
        elif not wanted:
            self._subscribed.discard(client)

    @contextlib.contextmanager
    def heard_by(self, client: str, hear: Hear) -> Iterator[None]:
        """While this is open, `hear` is called with each line that the client has subscribed to."""
        self._listeners[hear] = client
        try:
            yield
        finally:
            del self._listeners[hear]

    def _pass_on(self, line: Line) -> None:
        for hear, client in tuple(self._listeners.items()):
            if client in self._subscribed:
                hear(line)


@contextlib.contextmanager
def logged(book: LogBook) -> Iterator[None]:
    """While this is open the service's log is kept in the book as well."""
    logger = logging.getLogger("latentgraph")
    logger.addHandler(book)
    try:
        yield
    finally:
        logger.removeHandler(book)
