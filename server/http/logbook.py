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
_MOST_CLIENTS: Final = 1000
_LONGEST_NAME: Final = 200

Line = Mapping[str, str]
"""`t`, the time in ISO 8601, and `m`, the message."""
Hear = Callable[[Line], None]


class LogBook(logging.Handler):
    """A handler of the log. Lines may come from any thread; who listens is called on the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.INFO)
        self.entries: deque[Line] = deque(maxlen=MOST_LINES)
        self._loop = loop
        self._subscribed: dict[str, None] = {}
        self._listeners: dict[Hear, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        time = datetime.fromtimestamp(record.created, UTC).isoformat()
        line = {"t": time, "m": f"{record.getMessage()}\n"}
        self.entries.append(line)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._pass_on, line)

    def subscribe(self, client: str, wanted: bool) -> bool:
        """Whether the sockets of this client get lines, from now on or from when the first opens until the last closes.
        False for one that is refused: for the length of its name, or because too many listen already."""
        self._subscribed.pop(client, None)
        if not wanted:
            return True
        if len(client) > _LONGEST_NAME:
            return False
        if len(self._subscribed) >= _MOST_CLIENTS:
            listening = set(self._listeners.values())
            longest_absent = next((one for one in self._subscribed if one not in listening), None)
            if longest_absent is None:
                return False
            del self._subscribed[longest_absent]
        self._subscribed[client] = None
        return True

    @contextlib.contextmanager
    def heard_by(self, client: str, hear: Hear) -> Iterator[None]:
        """While this is open, `hear` is called with each line that the client has subscribed to."""
        self._listeners[hear] = client
        try:
            yield
        finally:
            del self._listeners[hear]
            if client not in self._listeners.values():
                self._subscribed.pop(client, None)

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
