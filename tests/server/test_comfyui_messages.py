"""Events of a job as the messages of ComfyUI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

from graph.json import Json, JsonObject
from server.http.comfyui.messages import MOST_STATES, Translator, failure
from server.jobs.job import JobEvent
from server.worker.hub import Passing


def _events(count: int) -> Iterator[JobEvent]:
    """Nodes that run one after another, beside one that runs all the time."""
    yield JobEvent("j", 1, 0.0, "node_started", json.dumps({"node": "long", "display": "long", "type": "T"}))
    for number in range(count):
        node = {"node": f"n{number}", "display": f"n{number}"}
        yield JobEvent("j", 2, 0.0, "node_started", json.dumps({**node, "type": "T"}))
        yield JobEvent("j", 3, 0.0, "node_finished", json.dumps({**node, "status": "ran"}))


def _listed(count: int) -> list[dict[str, str]]:
    """The states of nodes in each `progress_state` of such a job."""
    translator = Translator("j", metadata=False)
    messages = [one for event in _events(count) for one in translator.messages(event) if isinstance(one, tuple)]
    states = [cast("dict[str, dict[str, str]]", data["nodes"]) for kind, data in messages if kind == "progress_state"]
    return [{name: told["state"] for name, told in one.items()} for one in states]


def test_every_node_that_has_begun_is_listed() -> None:
    assert _listed(2)[-1] == {"long": "running", "n0": "finished", "n1": "finished"}


def test_of_very_many_nodes_those_that_ended_first_are_left_out() -> None:
    listed = _listed(1000)
    assert max(map(len, listed)) == MOST_STATES
    assert listed[-1]["long"] == "running"
    assert listed[-1]["n999"] == "finished"
    assert listed[-2]["n999"] == "running"


def test_a_picture_that_is_a_result_comes_while_its_node_executes() -> None:
    translator = Translator("j", metadata=False)
    for name in ("send", "other"):
        started = {"node": name, "display": name, "type": "T"}
        list(translator.messages(JobEvent("j", 1, 0.0, "node_started", json.dumps(started))))
    progress: dict[str, Json] = {"node": "send", "display": "send", "value": 1, "maximum": 2}
    told = [list(translator.messages(Passing("j", None, progress, b"\x89PNG", is_result=True))) for _ in range(2)]
    at: JsonObject = {"node": "send", "display_node": "send", "prompt_id": "j"}
    assert told[0][0] == ("executing", at)
    assert ("executing", at) not in told[1]
    assert told[0][-1] == told[1][-1] == b"\0\0\0\1\0\0\0\2\x89PNG"


def test_what_to_do_is_said_with_what_went_wrong() -> None:
    error: dict[str, Json] = {"node": "1", "message": "pickle refused", "hint": "Convert it."}
    assert failure(error, "T")["exception_message"] == "pickle refused\nConvert it."
    assert failure({**error, "hint": None}, "T")["exception_message"] == "pickle refused"
