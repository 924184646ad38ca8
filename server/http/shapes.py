"""What our routes answer, as JSON Schemas: published in the OpenAPI document, and held against real answers by the tests."""

from __future__ import annotations

from typing import Final

from graph.json import Json, JsonObject
from server.http.bodies import Schema
from server.jobs.job import ENDS

TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
NUMBER: Final[Schema] = {"type": "number"}
BOOLEAN: Final[Schema] = {"type": "boolean"}
OBJECT: Final[Schema] = {"type": "object"}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def listed(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def mapped(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def record(**fields: Schema) -> Schema:
    """An object that has all of these fields, and may have more."""
    required: list[Json] = list(fields)
    return {"type": "object", "required": required, "properties": {**fields}}


_STATE: Final[Schema] = {"type": "string", "enum": ["queued", "running", *ENDS]}

_WORKER: Final[dict[str, Schema]] = {"ready": BOOLEAN, "busy": BOOLEAN, "unable": maybe(ref("Fault"))}

SCHEMAS: Final[JsonObject] = {
    "Fault": record(code=TEXT, message=TEXT, node=maybe(TEXT), input=maybe(TEXT), path=maybe(TEXT), hint=maybe(TEXT),
                    severity={"type": "string", "enum": ["error", "warning"]}),
    "Output": record(node=TEXT, folder=TEXT, name=TEXT, bytes=WHOLE, url=TEXT),
    "Job": record(
        id=TEXT, state=_STATE, number=NUMBER, client=maybe(TEXT), name=maybe(TEXT), attempts=WHOLE, cancelling=BOOLEAN,
        created=NUMBER, started=maybe(NUMBER), finished=maybe(NUMBER), seconds=maybe(NUMBER), nodes=maybe(mapped(WHOLE)),
        outputs=listed(ref("Output")), texts=mapped(listed(TEXT)), error=maybe(record(code=TEXT, message=TEXT)), events=TEXT,
    ),
    "JobPage": record(jobs=listed(ref("Job")), next=maybe(WHOLE), counts=mapped(WHOLE)),
    "Queue": record(paused=BOOLEAN, counts=mapped(WHOLE), waiting=listed(ref("Job"))),
    "Batch": record(jobs=listed(ref("Job"))),
    "Event": record(type=TEXT, job=TEXT, sequence=WHOLE, time=NUMBER, data=OBJECT),
    "Events": record(events=listed(ref("Event"))),
    "Span": record(name=TEXT, ph=TEXT, pid=WHOLE, tid=WHOLE),
    "Trace": record(traceEvents=listed(ref("Span")), displayTimeUnit=TEXT, otherData=OBJECT),
    "Plan": record(
        targets=listed(TEXT), run=WHOLE, depends=WHOLE, cached=WHOLE,
        nodes=mapped(record(type=TEXT, status=TEXT, tier=maybe(TEXT), reason=TEXT, code=TEXT, key=maybe(TEXT))),
    ),
    "Validation": record(valid=BOOLEAN, problems=listed(ref("Fault"))),
    "Conversion": record(document=OBJECT, problems=listed(ref("Fault"))),
    "NodeType": record(type=TEXT, category=TEXT, inputs=listed(OBJECT), outputs=listed(OBJECT)),
    "Workflow": record(document=OBJECT, parameters=OBJECT),
    "Version": record(name=TEXT, version=WHOLE, etag=maybe(TEXT), created=NUMBER),
    "Versions": record(versions=listed(ref("Version"))),
    "ModelFile": record(folder=TEXT, name=TEXT, bytes=WHOLE, modified=NUMBER, family=maybe(TEXT)),
    "ModelFiles": record(files=listed(ref("ModelFile")), next=maybe(TEXT), total=WHOLE),
    "Upload": record(folder=TEXT, name=TEXT, bytes=WHOLE, sha256=TEXT, url=TEXT),
    "Tokens": record(tokens=WHOLE, room=WHOLE, chunks=listed({**record(tokens=WHOLE), "additionalProperties": WHOLE})),
    "Cache": record(entries=WHOLE, bytes=WHOLE, seconds=NUMBER),
    "System": record(
        version=TEXT, memory_bytes=WHOLE, disk=record(total_bytes=WHOLE, free_bytes=WHOLE), limits=mapped(WHOLE),
        plugins=record(problems=listed(ref("Fault"))),
        workers=listed(record(name=TEXT, restarts=WHOLE, device=OBJECT, **_WORKER)),
    ),
    "Ticket": record(ticket=TEXT),
    "Live": record(status=TEXT),
    "Ready": record(
        status=TEXT, workers=mapped(record(**_WORKER)), reasons=listed(TEXT), paused=BOOLEAN, notes=listed(TEXT),
    ),
}  # fmt: skip
"""By the names that the document gives them."""

NAMES: Final[Schema] = listed(TEXT)
"""Names alone: of workflows, of files."""

READABLE: Final = (
    "json_syntax",
    "json_encoding",
    "json_number",
    "json_duplicate_key",
    "json_too_deep",
    "json_too_large",
)
"""Codes of a body that is no JSON that is read here."""

EVERYWHERE: Final[dict[str, tuple[str, ...]]] = {
    "400": ("query",),
    "401": ("token",),
    "403": ("origin", "fetch_site"),
    "415": ("content_type", "content_encoding"),
    "421": ("host",),
}
"""Codes by status with which any request may be refused, before it comes to its route."""
