"""`POST /prompt`: a prompt becomes a job. What is unsound is told per node and left out; what is sound runs.

A canvas file posted as `prompt` is converted. A `prompt_id` sent twice with one prompt is one job.
"""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from dataclasses import dataclass
from typing import Final, cast

from aiohttp import web

from graph.comfyui.export_prompt import export_prompt
from graph.comfyui.recognise import recognise
from graph.errors import InputError
from graph.json import Json, JsonObject, canonical
from server.http.bodies import json_body, without_blocking
from server.http.checking import check, read, runnable
from server.http.comfyui.errors import graph_error, node_errors, outputs_of
from server.http.comfyui.messages import plain
from server.http.problems import ProblemError
from server.http.service import Service, service_of
from server.jobs.job import StoreError, Submission
from server.jobs.request import JobRequest

_LONGEST_ID: Final = 1000
_LONGEST_WORKFLOW: Final = 200
"""Characters of a workflow's id; jobs cannot be found by a longer one."""


class PromptError(Exception):
    """A prompt is refused: the `error` and `node_errors` to answer with."""

    def __init__(self, error: JsonObject, nodes: JsonObject | None = None, *, status: int = 400) -> None:
        super().__init__(str(error["message"]))
        self.error, self.nodes, self.status = error, nodes or {}, status


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request that can run, and the errors of what was left out of it."""

    request: JobRequest
    node_errors: JsonObject


async def get_prompt(request: web.Request) -> web.Response:
    """How many prompts wait or run."""
    return web.json_response({"exec_info": {"queue_remaining": service_of(request).hub.remaining}})


async def post_prompt(request: web.Request) -> web.Response:
    """Accept a prompt."""
    service = service_of(request)
    try:
        body = await _body(request)
        prompt = await without_blocking(request, _prompt, body, service)
        submission = await without_blocking(request, _submission, body, prompt.request)
        with service.answering.held(submission.id, submission.client, when="prompt_id" not in body):
            accepted = await service.desk.do(service.desk.store.accept, submission)
    except PromptError as error:
        return web.json_response({"error": error.error, "node_errors": error.nodes}, status=error.status)
    except StoreError as error:
        taken = error.code == "job_id_taken"
        told = graph_error("invalid_prompt_id" if taken else error.code, str(error), error.hint or "")
        return web.json_response({"error": told, "node_errors": {}}, status=400 if taken else 429)
    return web.json_response(
        {"prompt_id": accepted.job.id, "number": plain(accepted.job.number), "node_errors": prompt.node_errors}
    )


async def _body(request: web.Request) -> JsonObject:
    try:
        body = await json_body(request)
    except InputError as error:
        raise PromptError(graph_error("invalid_json", "The body is not JSON", str(error))) from None
    except ProblemError as error:
        raise PromptError(graph_error(error.code, error.detail), status=error.status) from None
    if not isinstance(body, dict) or "prompt" not in body:
        raise PromptError(graph_error("no_prompt", "No prompt provided", "No prompt provided"))
    return body


def _prompt(body: JsonObject, service: Service) -> Prompt:
    given = body["prompt"]
    if not isinstance(given, dict):
        raise PromptError(graph_error("invalid_prompt", "A prompt is an object of nodes by id"))
    try:
        imported = read(given or {"": {}}, service.catalogue, service.bounds)
        checked = check(imported.document, imported.problems, service.catalogue, service.folders, service.bounds)
        is_prompt = recognise(given) == "comfyui-api"
        prompt = given if is_prompt else export_prompt(imported.document, service.catalogue)
    except InputError as error:
        kind = "prompt_no_outputs" if not given else "invalid_prompt"
        raise PromptError(graph_error(kind, "Prompt has no outputs" if not given else str(error))) from None
    _refuse_unknown(prompt, service)
    outputs = outputs_of(checked)
    wanted = body.get("partial_execution_targets")
    if isinstance(wanted, list):
        outputs = outputs.among(wanted)
    told = node_errors(checked, outputs, prompt, service.folders)
    if not outputs.sound:
        raise _nothing_to_run(told)
    try:
        runnable(checked, outputs.sound)
    except InputError as error:
        raise PromptError(graph_error("invalid_prompt", str(error)), told) from None
    extra = _extra(body)
    request = JobRequest(imported.document, tuple(outputs.sound), _scope(extra), _texts(extra), prompt, extra)
    return Prompt(request, told)


def _refuse_unknown(prompt: JsonObject, service: Service) -> None:
    for name, node in prompt.items():
        kind = node.get("class_type") if isinstance(node, dict) else None
        if not isinstance(kind, str):
            message = "Cannot execute because a node is missing the class_type property."
            raise PromptError(graph_error("invalid_prompt", message, f"Node ID '#{name}'"))
        if kind not in service.catalogue:
            message = f"Cannot execute because node {kind} does not exist."
            raise PromptError(graph_error("invalid_prompt", message, f"Node ID '#{name}'"))


def _nothing_to_run(told: JsonObject) -> PromptError:
    if not told:
        return PromptError(graph_error("prompt_no_outputs", "Prompt has no outputs"))
    lines = [
        f"{one['message']}: {one['details']}"
        for node in cast("dict[str, JsonObject]", told).values()
        for one in cast("list[JsonObject]", node["errors"])
    ]
    message = "Prompt outputs failed validation"
    return PromptError(graph_error("prompt_outputs_failed_validation", message, "\n".join(lines)), told)


def _extra(body: JsonObject) -> JsonObject:
    extra = body.get("extra_data")
    kept = dict(extra) if isinstance(extra, dict) else {}
    for secret in ("auth_token_comfy_org", "api_key_comfy_org"):
        kept.pop(secret, None)
    if body.get("client_id") is not None:
        kept["client_id"] = body["client_id"]
    return kept


def _texts(extra: JsonObject) -> dict[str, str]:
    """What the client wants in the pictures: `workflow` as it drew it, and whatever else it names."""
    carried = extra.get("extra_pnginfo")
    return {name: json.dumps(value) for name, value in carried.items()} if isinstance(carried, dict) else {}


def _scope(extra: JsonObject) -> str:
    """One client's edits of one workflow are runs of one scope."""
    return f"prompt {_drawn(extra).get('id') or extra.get('client_id') or ''}"[:300]


def _drawn(extra: JsonObject) -> JsonObject:
    """The canvas that the client sent with its prompt."""
    carried = extra.get("extra_pnginfo")
    drawn = carried.get("workflow") if isinstance(carried, dict) else None
    return drawn if isinstance(drawn, dict) else {}


def _submission(body: JsonObject, request: JobRequest) -> Submission:
    identity = body.get("prompt_id")
    if identity is not None and len(str(identity)) > _LONGEST_ID:
        raise PromptError(graph_error("invalid_prompt_id", f"prompt_id has at most {_LONGEST_ID} characters"))
    client, workflow = body.get("client_id"), _drawn(request.extra).get("id")
    unique = b"" if identity is not None else uuid.uuid4().bytes
    return Submission(
        id=str(identity) if identity is not None else str(uuid.uuid4()),
        request=request.to_text(),
        fingerprint=hashlib.blake2b(canonical(body["prompt"]) + unique, digest_size=16).hexdigest(),
        client=None if client is None else str(client),
        number=_number(body.get("number")),
        front=body.get("front") is True,
        workflow=workflow if isinstance(workflow, str) and len(workflow) <= _LONGEST_WORKFLOW else None,
    )


def _number(value: Json) -> float | None:
    if value is None:
        return None
    try:
        number = float(cast("float", value))
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise PromptError(graph_error("invalid_number", "number is a finite number"))
    return number
