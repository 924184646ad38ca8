"""Our events as the messages ComfyUI's clients wait for, in the order they know. Pure: one job's events in, messages out."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast

from graph.json import Json, JsonObject
from server.jobs.job import ENDS
from server.worker.hub import Notice, Passing

Message: TypeAlias = "tuple[str, JsonObject] | bytes"

_PREVIEW, _PREVIEW_WITH_METADATA = 1, 4
_JPEG, _PNG = 1, 2
_PNG_MAGIC: Final = b"\x89PNG"
MOST_STATES: Final = 256
"""Nodes that a `progress_state` lists. Each lists all that have begun: of very many, not those that ended first."""


def ui(output: JsonObject) -> JsonObject:
    """What a node wrote and shows, as their nodes return it: files under `images`, texts under `text`."""
    told: JsonObject = {}
    files = cast("list[JsonObject]", output.get("files", []))
    if files:
        told["images"] = [_file(str(one["folder"]), str(one["name"])) for one in files]
    if "text" in output:
        told["text"] = output["text"]
    return told


def plain(number: float) -> float:
    """A number as ComfyUI writes it: 3, not 3.0."""
    return int(number) if number.is_integer() else number


def milliseconds(time: float | None) -> int:
    return int((time or 0.0) * 1000)


def status(remaining: int, sid: str | None = None) -> tuple[str, JsonObject]:
    """How many prompts wait or run; with `sid` in the greeting alone."""
    data: JsonObject = {"status": {"exec_info": {"queue_remaining": remaining}}}
    return "status", data | ({"sid": sid} if sid is not None else {})


def closing(job: str) -> tuple[str, JsonObject]:
    """The prompt is finished, well or not; sent when its history can be read."""
    return "executing", {"node": None, "prompt_id": job}


@dataclass(slots=True)
class Course:
    """How far a prompt got: the node begun last, the types of those begun, and those that ended."""

    at: str = ""
    types: dict[str, str] = field(default_factory=dict)
    executed: list[Json] = field(default_factory=list)

    def hear(self, kind: str, data: JsonObject) -> None:
        """An event by its type and facts."""
        if kind == "node_started":
            self.at = str(data["node"])
            self.types[self.at] = str(data["type"])
        elif kind == "node_finished":
            self.executed.append(data["node"])

    def interrupted(self) -> JsonObject:
        """What is told of a prompt that was ended on request."""
        return {"node_id": self.at, "node_type": self.types.get(self.at, ""), "executed": self.executed}

    def failed(self, error: JsonObject, node_type: str | None = None) -> JsonObject:
        """What is told of a prompt that failed; `node_type` where the node has not begun."""
        kind = self.types.get(str(error.get("node") or ""), node_type or "")
        return failure(error, kind) | {"executed": self.executed}


COURSE: Final = ("node_started", "node_finished")
"""The events that `Course` hears."""


@dataclass(slots=True)
class Translator:
    """What one socket has been told of one job so far. `metadata` chooses the newer form of previews."""

    job: str
    metadata: bool
    _nodes: dict[str, Json] = field(default_factory=dict)
    _course: Course = field(default_factory=Course)
    _executing: Json = None

    def messages(self, notice: Notice) -> Iterator[Message]:
        """What to send for one notice; `status` messages are the socket's own business."""
        if isinstance(notice, Passing):
            yield from self._progress(notice)
            return
        data = notice.data
        self._course.hear(notice.type, data)
        match notice.type:
            case "started":
                yield from self._start(notice.time, data)
            case "node_started":
                yield from self._node_started(data)
            case "node_finished":
                if data.get("output"):
                    yield "executed", self._node(data) | {"output": ui(cast("JsonObject", data["output"]))}
                yield self._state(data, "finished")
            case "node_failed":
                yield self._state(data, "error")
            case kind if kind in ENDS:
                yield self._end(notice.type, notice.time, data)

    def _start(self, time: float, data: JsonObject) -> Iterator[Message]:
        timed: JsonObject = {"prompt_id": self.job, "timestamp": milliseconds(time)}
        yield "execution_start", timed
        yield "execution_cached", {"nodes": data["cached"], **timed}
        for node, output in cast("dict[str, JsonObject]", data["outputs"]).items():
            yield "executed", {"node": node, "display_node": node, "output": ui(output), "prompt_id": self.job}

    def _node_started(self, data: JsonObject) -> Iterator[Message]:
        yield self._state(data, "running")
        yield self._execute(data)

    def _progress(self, notice: Passing) -> Iterator[Message]:
        data = notice.data
        if notice.is_result and self._executing != data["node"]:  # clients take it for a result of the node told last
            yield self._execute(data)
        yield self._state(data, "running", cast("int", data["value"]), cast("int", data["maximum"]))
        if notice.picture and self.metadata:
            yield self._preview_with_metadata(notice)
        yield (
            "progress",
            {"value": data["value"], "max": data["maximum"], "prompt_id": self.job, "node": data["node"]},
        )
        if notice.picture and not self.metadata:
            kind = _PNG if notice.picture.startswith(_PNG_MAGIC) else _JPEG
            yield struct.pack(">II", _PREVIEW, kind) + notice.picture

    def _preview_with_metadata(self, notice: Passing) -> bytes:
        kind = "image/png" if notice.picture.startswith(_PNG_MAGIC) else "image/jpeg"
        node, display = str(notice.data["node"]), str(notice.data["display"])
        about = _places(node, display) | {"prompt_id": self.job, "image_type": kind}
        text = json.dumps(about).encode()
        return struct.pack(">II", _PREVIEW_WITH_METADATA, len(text)) + text + notice.picture

    def _execute(self, data: JsonObject) -> Message:
        self._executing = data["node"]
        return "executing", self._node(data)

    def _node(self, data: JsonObject) -> JsonObject:
        return {"node": data["node"], "display_node": data["display"], "prompt_id": self.job}

    def _state(self, data: JsonObject, state: str, value: int = 0, maximum: int = 1) -> Message:
        node, display = str(data["node"]), str(data.get("display", data["node"]))
        known = cast("JsonObject", self._nodes.get(node) or {"value": value, "max": maximum})
        if state == "running":
            known = known | {"value": value, "max": maximum}
        elif state == "finished":
            known = known | {"value": known["max"]}
        self._nodes[node] = known | {"state": state, "prompt_id": self.job} | _places(node, display)
        if len(self._nodes) > MOST_STATES:
            self._leave_out_first_ended(but=node)
        return "progress_state", {"prompt_id": self.job, "nodes": dict(self._nodes)}

    def _leave_out_first_ended(self, *, but: str) -> None:
        states = ((one, cast("JsonObject", told)["state"]) for one, told in self._nodes.items() if one != but)
        ended = next((one for one, state in states if state != "running"), None)
        if ended is not None:
            del self._nodes[ended]

    def _end(self, kind: str, time: float, data: JsonObject) -> Message:
        timed: JsonObject = {"prompt_id": self.job, "timestamp": milliseconds(time)}
        if kind == "done":
            return "execution_success", timed
        if kind == "cancelled":
            return "execution_interrupted", timed | self._course.interrupted()
        error = cast("JsonObject", data.get("error") or {})
        return "execution_error", timed | self._course.failed(error)


def failure(error: JsonObject, node_type: str) -> JsonObject:
    """The facts of a failed node, under their names. The message says what to do, too: their clients show nothing else."""
    given = cast("dict[str, Json]", error.get("inputs") or {})
    said = [str(one) for one in (error.get("message"), error.get("hint")) if one]
    return {
        "node_id": error.get("node") or "",
        "node_type": node_type,
        "exception_message": "\n".join(said),
        "exception_type": error.get("exception") or error.get("code"),
        "traceback": list[Json](str(error.get("trace") or "").splitlines(keepends=True)),
        "current_inputs": {name: [value] for name, value in given.items()},
        "current_outputs": [],
    }


def _places(node: str, display: str) -> JsonObject:
    parent = display if display != node else None
    return {"node_id": node, "display_node_id": display, "parent_node_id": parent, "real_node_id": node}


def _file(folder: str, name: str) -> Json:
    subfolder, _, filename = name.rpartition("/")
    return {"filename": filename, "subfolder": subfolder, "type": folder}
