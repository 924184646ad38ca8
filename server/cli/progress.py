"""What a run shows on a terminal: one line for the node at work, a bar where it reports steps. Nothing when not watched."""

from __future__ import annotations

import shutil
import time
from typing import Protocol, TextIO

from graph.events import Event, NodeBlocked, NodeFailed, NodeFinished, NodeProgress, NodeStarted
from server.cli.prepare import printable


class Watcher(Protocol):
    """Sees every event of a run."""

    def see(self, event: Event) -> None: ...

    def close(self) -> None: ...


class Silent:
    """Sees nothing."""

    def see(self, event: Event) -> None:
        """Nothing is shown."""

    def close(self) -> None:
        """Nothing to tidy."""


class Terminal:
    """A live line on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._began: dict[str, float] = {}

    def see(self, event: Event) -> None:
        match event:
            case NodeStarted():
                self._began[event.node] = time.perf_counter()
                self._line(f"{event.display} ({event.type})")
            case NodeProgress():
                self._line(self._bar(event))
            case NodeFinished(outcome=outcome) if outcome.status == "ran" and outcome.seconds >= 0.5:
                self._keep(f"{event.display} {outcome.seconds:.1f} s")
            case NodeBlocked():
                self._keep(f"{event.display} stopped: {event.message}")
            case NodeFailed():
                self._line("")
            case _:
                pass

    def close(self) -> None:
        self._line("")
        self._stream.flush()

    def _bar(self, event: NodeProgress) -> str:
        width = 24
        filled = width * event.value // max(event.maximum, 1)
        elapsed = time.perf_counter() - self._began.get(event.node, time.perf_counter())
        left = elapsed / event.value * (event.maximum - event.value) if event.value else 0.0
        bar = "█" * filled + "░" * (width - filled)
        return f"{event.display} {bar} {event.value}/{event.maximum}  {elapsed:.1f} s, {left:.1f} s left"

    def _line(self, text: str) -> None:
        columns = shutil.get_terminal_size().columns - 1
        self._stream.write(f"\r\x1b[K{printable(text)[:columns]}")
        self._stream.flush()

    def _keep(self, text: str) -> None:
        self._line(text)
        self._stream.write("\n")


class Log:
    """A line now and then, for what goes on for hours and may be read from a file."""

    def __init__(self, stream: TextIO, seconds: float = 15.0) -> None:
        self._stream, self._seconds = stream, seconds
        self._began: dict[str, tuple[float, int]] = {}
        self._said: dict[str, float] = {}

    def see(self, event: Event) -> None:
        match event:
            case NodeStarted():
                self._say(f"{event.display} begins")
            case NodeProgress():
                self._progress(event)
            case NodeFinished(outcome=outcome) if outcome.status == "ran":
                self._say(f"{event.display} done in {outcome.seconds:.1f} s")
            case NodeBlocked():
                self._say(f"{event.display} stopped: {event.message}")
            case _:
                pass

    def close(self) -> None:
        self._stream.flush()

    def _progress(self, event: NodeProgress) -> None:
        now = time.perf_counter()
        began, first = self._began.setdefault(event.node, (now, event.value))
        if first and event.value == first:
            self._say(f"{event.display} goes on from {first}/{event.maximum}")
        if now - self._said.get(event.node, began) < self._seconds or event.value == first:
            return
        self._said[event.node] = now
        left = (now - began) / (event.value - first) * (event.maximum - event.value)
        self._say(f"{event.display} {event.value}/{event.maximum}, {left / 60:.1f} min left")

    def _say(self, text: str) -> None:
        self._stream.write(f"{time.strftime('%H:%M:%S')} {text}\n")
        self._stream.flush()


def watcher(stream: TextIO, *, quiet: bool) -> Watcher:
    """A terminal is watched, a file or pipe is not."""
    return Silent() if quiet or not stream.isatty() else Terminal(stream)
