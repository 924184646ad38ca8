"""A worker: takes jobs from the service one after another, runs them, tells what happens, and lives as long as it.

Four threads: the main one runs jobs; one listens, so that a cancel is heard while a node computes; one sends a sign of
life, so that a process that hangs is told from one that is busy; one answers questions meanwhile. When the service is gone
the worker ends at once: what it was doing is no longer its to finish.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeAlias, cast

from graph.context import CancelToken, Delivery, Preview
from graph.errors import GraphError
from graph.events import NodeFailed
from graph.json import JsonObject
from server.jobs.request import JobRequest, request_from_text
from server.reports import Keep
from server.worker.engine import Running
from server.worker.frames import Channel
from server.worker.telling import Ended, Progress, Told, refused, tell

BEAT: Final = 1.0
TICK: Final = 0.05
"""Least seconds between two progress messages of one node."""
PREVIEW: Final = 0.25
"""Least seconds between two previews."""

UNABLE: Final = 69
"""The exit code of a worker that has said why it cannot start (EX_UNAVAILABLE)."""

Answer: TypeAlias = Callable[[JsonObject], JsonObject]
"""What answers one kind of question. Raises GraphError, or OSError for a file that cannot be read."""

_log = logging.getLogger("latentgraph.worker")


def unable(error: GraphError) -> JsonObject:
    """What a worker says before it ends, where it cannot start for a reason that it can name."""
    return {"type": "unable", "code": error.code, "message": str(error), "hint": error.hint}


class Runs(Protocol):
    """What can run a request: `server.worker.engine.Engine`."""

    def run(self, request: JobRequest, cancel: CancelToken) -> Running: ...

    def free(self) -> None: ...


class Worker:
    """The state of the process: what it is working on and who is looking. `about` tells the service of its device,
    `plugins` which nodes there are beside the builtin; `answers` are the questions it can be asked meanwhile, by name;
    `keep` keeps what jobs save."""

    def __init__(
        self,
        channel: Channel,
        engine: Runs,
        about: JsonObject | None = None,
        answers: Mapping[str, Answer] | None = None,
        keep: Keep = lambda _path: None,
        plugins: JsonObject | None = None,
    ) -> None:
        self._keep, self._plugins = keep, plugins
        self._channel, self._engine, self._about, self._answers = channel, engine, about or {}, answers or {}
        self._todo: queue.SimpleQueue[JsonObject] = queue.SimpleQueue()
        self._questions: queue.SimpleQueue[JsonObject] = queue.SimpleQueue()
        self._cancels: dict[str, CancelToken] = {}
        self._watched = False

    def serve(self) -> None:
        """Run jobs until the process ends."""
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._beat, daemon=True).start()
        threading.Thread(target=self._answer_all, daemon=True).start()
        self._channel.send({"type": "ready", "about": self._about, "plugins": self._plugins})
        while True:
            message = self._todo.get()
            if message["type"] == "free":
                self._engine.free()
            else:
                self._work(message)

    def _listen(self) -> None:
        """Hear the service. Never returns: the end of the stream is the end of the process."""
        with contextlib.suppress(OSError):
            while (message := self._channel.receive()) is not None:
                match message["type"]:
                    case "cancel":
                        token = self._cancels.get(str(message["job"]))
                        if token is not None:
                            token.cancel()
                    case "watch":
                        self._watched = message["on"] is True
                    case "job":
                        self._cancels[str(message["job"])] = CancelToken()
                        self._todo.put(message)
                    case "ask":
                        self._questions.put(message)
                    case _:
                        self._todo.put(message)
        os._exit(0)

    def _beat(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                time.sleep(BEAT)
                self._channel.send({"type": "beat"})

    def _answer_all(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                message = self._questions.get()
                self._channel.send({"type": "answer", "number": message["number"], **self._answer(message)})

    def _answer(self, message: JsonObject) -> JsonObject:
        name = str(message["question"])
        try:
            if name not in self._answers:
                raise GraphError(f"this worker does not know {name}", code="unknown_question")
            return {"data": self._answers[name](cast("JsonObject", message["data"]))}
        except GraphError as error:
            return {"refused": {"message": str(error), "code": error.code, "hint": error.hint}}
        except Exception as error:  # noqa: BLE001 - the answering loop: whatever is asked, the next one is heard
            _log.warning("the question %s could not be answered", name, exc_info=True)
            return {"refused": {"message": f"{type(error).__name__}: {error}", "code": "unanswered", "hint": None}}

    def _work(self, message: JsonObject) -> None:
        job = str(message["job"])
        telling = Telling(self._channel, {"job": job, "fence": message["fence"]})
        try:
            request = request_from_text(cast("str", message["request"]))
            end = self._run(request, self._cancels[job], telling)
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever a job does, the next one runs
            _log.warning("job %s could not be run", job, exc_info=True)
            end = refused(error)
        finally:
            del self._cancels[job]
        telling.end(end)

    def _run(self, request: JobRequest, cancel: CancelToken, telling: Telling) -> Ended:
        failures: list[NodeFailed] = []
        running = self._engine.run(request, cancel)
        for event in running.events:
            if isinstance(event, NodeFailed):
                failures.append(event)
            told = tell(event, running.cached, failures, self._keep)
            if isinstance(told, Ended):
                return told
            telling.say(told, watched=self._watched)
        raise AssertionError("a run ends with RunFinished")


class Telling:
    """Sends what one job tells, progress no oftener than can be followed."""

    def __init__(self, channel: Channel, address: JsonObject) -> None:
        self._channel, self._address = channel, address
        self._progressed: dict[str, float] = {}
        self._pictured = 0.0

    def say(self, told: Told | Progress, *, watched: bool) -> None:
        if isinstance(told, Told):
            self._channel.send({"type": "happened", "what": told.type, "data": told.data, **self._address})
        else:
            self._progress(told, watched)

    def end(self, ended: Ended) -> None:
        self._channel.send({"type": "ended", "state": ended.state, "result": ended.result, **self._address})

    def _progress(self, told: Progress, watched: bool) -> None:
        if isinstance(told.preview, Delivery):
            self._channel.send({"type": "delivered", "data": told.data, **self._address}, told.preview.picture)
            return
        now = time.monotonic()
        node, last = str(told.data["node"]), told.data["value"] == told.data["maximum"]
        if not last and now - self._progressed.get(node, 0.0) < TICK:
            return
        self._progressed[node] = now
        picture = b""
        if watched and told.preview is not None and (last or now - self._pictured >= PREVIEW):
            self._pictured = now
            picture = _made(told.preview)
        self._channel.send({"type": "progress", "data": told.data, **self._address}, picture)


def _made(preview: Preview) -> bytes:
    """The picture, or none: what only shows a job is not to end it."""
    try:
        return preview()
    except Exception:  # noqa: BLE001 - the worker loop: whatever the preview does, the job goes on
        _log.warning("a preview could not be made", exc_info=True)
        return b""
