"""The application: every route of the service in one table to look at, and what stands before them all."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from graph.json import JsonObject
from server.http import (
    blobs,
    health,
    history,
    jobs,
    metrics,
    model_pictures,
    nodes,
    stream,
    submitting,
    tickets,
    trace,
    uploads,
    versions,
    workflows,
)
from server.http import facts as here
from server.http import queue as line
from server.http.accounts import accounted
from server.http.bodies import NAMES_PAGE
from server.http.comfyui import facts, files, internal, job_list, models, prompt, queue, socket, userdata
from server.http.comfyui.refusals import plain
from server.http.editor import Editor
from server.http.metrics import METRICS, Metrics
from server.http.missing import missing
from server.http.problems import problems
from server.http.reading import READING
from server.http.routes import Route, added, answers, document, json_body, strict
from server.http.security import Doorkeeper, Tickets, guard, protected
from server.http.service import SERVICE, Service, service_of
from server.http.shapes import NAMES, OBJECT, WHOLE, listed, mapped, record, ref

_IF_MATCH: Final = {"If-Match": "the ETag of the version that may be replaced"}
_UPLOAD: Final = {
    "name": "what the file is called, with folders if any",
    "overwrite": "true to take the place of a file of that name",
    "sha256": "refuse a body with another hash",
}
_NO_JOB: Final = {"404": ("unknown_job",)}
_NO_WORKFLOW: Final = {"404": ("unknown_workflow",)}
_SUBMIT_REFUSED: Final = {
    "400": ("idempotency_key",),
    "409": ("idempotency_key_reused", "job_id_taken"),
    "422": ("input_wrong",),
    "429": ("queue_full",),
    "507": ("store_full", "store_unusable"),
}
_UPLOAD_REFUSED: Final = {
    "400": ("file_name", "file_empty", "path_outside_folder"),
    "408": ("body_stopped",),
    "413": ("body_too_large",),
    "415": ("no_picture", "upload_form"),
    "422": ("digest",),
    "507": ("disk_full",),
}
_CHANGED: Final = {"412": ("workflow_changed", "workflow_exists"), "422": ("workflow_name",)}


async def openapi(request: web.Request) -> web.Response:
    """This interface, described: made from the same declarations that check requests."""
    service = service_of(request)
    found = await asyncio.to_thread(lambda: list(workflows.read_saved(service)))
    runs: dict[str, JsonObject] = {
        f"/api/v1/workflows/{name}/jobs": {
            "operationId": f"run_{name}",
            "summary": imported.document.description or imported.document.name or f"Run {name}",
            "requestBody": json_body(
                {
                    "type": "object",
                    "properties": {"parameters": workflows.parameter_schema(imported, service.catalogue)},
                },
                required=False,
            ),
            "responses": answers(202),
        }
        for name, imported in found
    }
    return web.json_response(document(OURS, runs))


OURS: Final = (
    Route("GET", "/health/live", health.live, answer=ref("Live")),
    Route("GET", "/health/ready", health.ready, answer=ref("Ready")),
    Route("GET", "/metrics", metrics.show),
    Route("GET", "/api/v1/openapi.json", openapi),
    Route(
        "POST",
        "/api/v1/tickets",
        tickets.give,
        status=201,
        answer=ref("Ticket"),
        refusals={"429": ("too_many_tickets",)},
    ),
    Route("GET", "/api/v1/nodes", nodes.list_nodes, answer=listed(ref("NodeType"))),
    Route(
        "GET", "/api/v1/nodes/{type}", nodes.describe_node, answer=ref("NodeType"), refusals={"404": ("unknown_type",)}
    ),
    Route("GET", "/api/v1/models", nodes.list_models, answer=mapped(NAMES)),
    Route(
        "GET",
        "/api/v1/files/{folder}",
        nodes.list_files,
        query=NAMES_PAGE,
        answer=NAMES,
        refusals={"400": ("query",), "404": ("unknown_folder",)},
    ),
    Route(
        "GET",
        "/api/v1/model-files",
        here.list_model_files,
        query=here.MODEL_FILES,
        answer=ref("ModelFiles"),
        refusals={"400": ("query",), "404": ("unknown_folder",)},
    ),
    Route("GET", "/api/v1/model-pictures", model_pictures.list_model_pictures, answer=mapped(NAMES)),
    Route(
        "GET",
        "/api/v1/model-pictures/{folder}/{name:.+}",
        model_pictures.get_model_picture,
        refusals={"404": ("unknown_folder", "unknown_picture")},
    ),
    Route(
        "POST",
        "/api/v1/uploads",
        uploads.upload,
        query=_UPLOAD,
        raw=True,
        status=201,
        answer=ref("Upload"),
        refusals=_UPLOAD_REFUSED,
    ),
    Route(
        "POST",
        "/api/v1/tokens",
        here.count_tokens,
        body=here.TOKENS,
        answer=ref("Tokens"),
        refusals={"503": ("no_worker",)},
    ),
    Route("GET", "/api/v1/system", here.system, answer=ref("System")),
    Route("GET", "/api/v1/cache", here.cache_info, answer=ref("Cache")),
    Route("POST", "/api/v1/cache/clear", here.clear_cache, answer=record(cleared=ref("Cache"))),
    Route("POST", "/api/v1/validate", nodes.validate, body={"type": "object"}, answer=ref("Validation")),
    Route(
        "POST",
        "/api/v1/convert/{form}",
        nodes.convert,
        body={"type": "object"},
        answer=ref("Conversion"),
        refusals={"404": ("unknown_form",)},
    ),
    Route(
        "POST",
        "/api/v1/plan",
        nodes.plan,
        body={"type": "object"},
        query=nodes.PLANNED,
        answer=ref("Plan"),
        refusals={"400": ("query",)},
    ),
    Route(
        "POST",
        "/api/v1/jobs",
        submitting.submit,
        body=submitting.SUBMIT,
        query=jobs.WAIT,
        headers=submitting.KEY,
        status=202,
        answer=ref("Job"),
        refusals=_SUBMIT_REFUSED,
    ),
    Route(
        "GET",
        "/api/v1/jobs",
        jobs.list_jobs,
        query=jobs.JOBS_PAGE,
        answer=ref("JobPage"),
        refusals={"400": ("query",)},
    ),
    Route(
        "POST",
        "/api/v1/batches",
        line.submit_many,
        body=line.BATCH,
        headers=submitting.KEY,
        status=202,
        answer=ref("Batch"),
        refusals=_SUBMIT_REFUSED,
    ),
    Route("GET", "/api/v1/queue", line.state, answer=ref("Queue")),
    Route("POST", "/api/v1/queue/pause", line.pause, answer=ref("Queue")),
    Route("POST", "/api/v1/queue/resume", line.resume, answer=ref("Queue")),
    Route("GET", "/api/v1/jobs/{id}", jobs.get_job, query=jobs.WAIT, answer=ref("Job"), refusals=_NO_JOB),
    Route(
        "DELETE",
        "/api/v1/jobs/{id}",
        history.forget_job,
        answer=record(forgotten=WHOLE),
        refusals=_NO_JOB | {"409": ("job_not_ended",)},
    ),
    Route("POST", "/api/v1/history/clear", history.clear_history, answer=record(forgotten=WHOLE)),
    Route("GET", "/api/v1/jobs/{id}/workflow", jobs.workflow_of_job, answer=record(document=OBJECT), refusals=_NO_JOB),
    Route("POST", "/api/v1/jobs/{id}/cancel", jobs.cancel, status=202, answer=ref("Job"), refusals=_NO_JOB),
    Route(
        "POST",
        "/api/v1/jobs/{id}/retry",
        submitting.retry,
        body=submitting.RETRY,
        query=jobs.WAIT,
        status=202,
        answer=ref("Job"),
        refusals=_NO_JOB | {"409": ("job_not_ended",)},
    ),
    Route(
        "POST",
        "/api/v1/jobs/{id}/move",
        jobs.move,
        body=jobs.MOVE,
        answer=ref("Job"),
        refusals=_NO_JOB | {"409": ("job_not_waiting",)},
    ),
    Route("GET", "/api/v1/jobs/{id}/trace", trace.get_trace, answer=ref("Trace"), refusals=_NO_JOB),
    Route("GET", "/api/v1/jobs/{id}/outputs", jobs.list_outputs, answer=listed(ref("Output")), refusals=_NO_JOB),
    Route(
        "GET",
        "/api/v1/jobs/{id}/outputs/{number}",
        jobs.get_output,
        refusals={"404": ("unknown_job", "unknown_output", "output_gone")},
    ),
    Route("GET", "/api/v1/blobs/{digest}", blobs.get_blob, refusals={"404": ("unknown_blob",)}),
    Route(
        "GET",
        "/api/v1/jobs/{id}/events",
        stream.job_events,
        query={"after": "the last sequence number seen"},
        answer=ref("Events"),
        refusals=_NO_JOB | {"400": ("query",)},
    ),
    Route(
        "GET",
        "/api/v1/events",
        stream.event_socket,
        query={"job": "", "client": "", "after": ""},
        refusals=_NO_JOB | {"400": ("query",), "426": ("websocket",), "503": ("too_many_sockets",)},
    ),
    Route(
        "GET",
        "/api/v1/workflows",
        workflows.list_workflows,
        query=workflows.WORKFLOWS_PAGE,
        answer=NAMES,
        refusals={"400": ("query",)},
    ),
    Route(
        "POST",
        "/api/v1/workflows/{name:.+}/jobs",
        workflows.run_workflow,
        submitting.RUN,
        jobs.WAIT,
        submitting.KEY,
        status=202,
        answer=ref("Job"),
        refusals=_SUBMIT_REFUSED | _NO_WORKFLOW,
    ),
    Route(
        "GET",
        "/api/v1/workflows/{name:.+}/versions",
        versions.list_versions,
        answer=ref("Versions"),
        refusals=_NO_WORKFLOW,
    ),
    Route(
        "GET",
        "/api/v1/workflows/{name:.+}/versions/{version}",
        versions.get_version,
        answer=record(document=OBJECT),
        refusals={"404": ("unknown_version",)},
    ),
    Route(
        "POST",
        "/api/v1/workflows/{name:.+}/versions/{version}/restore",
        versions.restore,
        headers=_IF_MATCH,
        answer=ref("Version"),
        refusals=_CHANGED | {"404": ("unknown_version",)},
    ),
    Route(
        "GET",
        "/api/v1/workflows/{name:.+}",
        workflows.get_workflow,
        answer=ref("Workflow"),
        refusals=_NO_WORKFLOW | {"405": ("method_not_allowed",)},
    ),
    Route(
        "PUT",
        "/api/v1/workflows/{name:.+}",
        versions.save,
        body={"type": "object"},
        headers=_IF_MATCH,
        status=201,
        answer=ref("Version"),
        refusals=_CHANGED | {"405": ("method_not_allowed",)},
    ),
    Route(
        "DELETE",
        "/api/v1/workflows/{name:.+}",
        versions.delete,
        headers=_IF_MATCH,
        answer=ref("Version"),
        refusals=_CHANGED | _NO_WORKFLOW | {"405": ("method_not_allowed",), "409": ("workflow_shipped",)},
    ),
)

COMFYUI: Final = (
    Route("GET", "/ws", socket.websocket),
    Route("GET", "/prompt", prompt.get_prompt),
    Route("POST", "/prompt", prompt.post_prompt),
    Route("GET", "/queue", queue.get_queue),
    Route("POST", "/queue", queue.post_queue),
    Route("GET", "/history", queue.get_history),
    Route("POST", "/history", queue.post_history),
    Route("GET", "/history/{id}", queue.get_history_of),
    Route("POST", "/interrupt", queue.interrupt),
    Route("POST", "/free", queue.free),
    Route("GET", "/object_info", facts.nodes),
    Route("GET", "/object_info/{type}", facts.node),
    Route("GET", "/models", models.model_folders),
    Route("GET", "/models/{folder}", models.models),
    Route("GET", "/embeddings", models.embeddings),
    Route("GET", "/experiment/models", models.folders_with_paths),
    Route("GET", "/experiment/models/{folder}", models.files_with_facts),
    Route("GET", "/experiment/models/preview/{folder}/{path_index}/{filename:.+}", models.preview),
    Route("GET", "/view_metadata/{folder}", models.metadata),
    Route("GET", "/features", facts.features),
    Route("GET", "/extensions", facts.extensions),
    Route("GET", "/system_stats", facts.system_stats),
    Route("GET", "/workflow_templates", facts.nothing),
    Route("GET", "/i18n", facts.nothing),
    Route("GET", "/global_subgraphs", facts.nothing),
    Route("GET", "/node_replacements", facts.nothing),
    Route("GET", "/view", files.view),
    Route("POST", "/upload/image", files.upload_image),
    Route("POST", "/upload/mask", files.upload_mask),
    Route("GET", "/userdata", userdata.list_files),
    Route("GET", "/v2/userdata", userdata.list_entries),
    Route("GET", "/userdata/{file}", userdata.get_file),
    Route("POST", "/userdata/{file}", userdata.post_file),
    Route("DELETE", "/userdata/{file}", userdata.delete_file),
    Route("POST", "/userdata/{file}/move/{dest}", userdata.move_file),
    Route("GET", "/settings", userdata.get_settings),
    Route("POST", "/settings", userdata.post_settings),
    Route("GET", "/settings/{id}", userdata.get_setting),
    Route("POST", "/settings/{id}", userdata.post_setting),
    Route("GET", "/users", userdata.users),
    Route("POST", "/users", userdata.add_user),
)
"""ComfyUI's routes, each answered at its own path and below `/api`."""

COMFYUI_ONCE: Final = (
    Route("GET", "/internal/logs", internal.logs),
    Route("GET", "/internal/logs/raw", internal.raw_logs),
    Route("PATCH", "/internal/logs/subscribe", internal.subscribe),
    Route("GET", "/internal/folder_paths", internal.folder_paths),
    Route("GET", "/internal/files/{kind}", internal.files),
    Route("GET", "/api/jobs", job_list.list_jobs),
    Route("GET", "/api/jobs/{id}", job_list.get_job),
    Route("POST", "/api/jobs/cancel", job_list.cancel_jobs),
    Route("POST", "/api/jobs/{id}/cancel", job_list.cancel_job),
)
"""Those that it answers at one path."""


def create_app(service: Service, doorkeeper: Doorkeeper, figures: Metrics) -> web.Application:
    """The application. What `service` holds stays the caller's to close."""
    app = web.Application(
        middlewares=[accounted, problems, guard(doorkeeper), missing], client_max_size=service.bounds.upload
    )
    app[tickets.TICKETS] = doorkeeper.gate.tickets if doorkeeper.gate else Tickets()
    app[METRICS] = figures
    protected(app, doorkeeper)
    app[SERVICE] = service
    added(app, map(strict, OURS))
    added(app, (*Editor().routes(), *READING))
    added(app, (Route(one.method, one.path, plain(one.handler)) for one in COMFYUI_ONCE))
    for prefix in ("", "/api"):
        added(app, (Route(one.method, prefix + one.path, plain(one.handler)) for one in COMFYUI))
    return app
