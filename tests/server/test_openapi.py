"""The OpenAPI document against the service: each answer has the schema that is published for it, each refusal its code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.server.service import Answer, Service, working

WORK = {
    "format": "latentgraph/1",
    "nodes": {
        "work": {"type": "Steps", "inputs": {"value": 1}},
        "save": {"type": "WriteText", "inputs": {"value": {"from": ["work", "out"]}, "name": "x"}},
    },
    "parameters": [{"name": "value", "binds": [["work", "value"]]}],
}
BODY = json.dumps({"workflow": WORK})
PICTURE = b"\x89PNG\r\n\x1a\n picture"


def asked_of_what_is_kept() -> Iterator[tuple[str, str, str, str | bytes, int]]:
    """The same of workflows, the cache and the history."""
    yield "get", "/api/v1/workflows", "/api/v1/workflows", "", 200
    yield "get", "/api/v1/workflows/{name}", "/api/v1/workflows/text_to_image", "", 200
    yield "get", "/api/v1/workflows/{name}", "/api/v1/workflows/none", "", 404
    yield "put", "/api/v1/workflows/{name}", "/api/v1/workflows/mine", json.dumps(WORK), 201
    yield "post", "/api/v1/workflows/{name}/jobs", "/api/v1/workflows/mine/jobs", '{"parameters": {"value": 3}}', 202
    yield "get", "/api/v1/workflows/{name}/versions", "/api/v1/workflows/mine/versions", "", 200
    yield "get", "/api/v1/workflows/{name}/versions/{version}", "/api/v1/workflows/mine/versions/1", "", 200
    yield "get", "/api/v1/workflows/{name}/versions/{version}", "/api/v1/workflows/mine/versions/9", "", 404
    yield (
        "post",
        "/api/v1/workflows/{name}/versions/{version}/restore",
        "/api/v1/workflows/mine/versions/1/restore",
        "",
        200,
    )
    yield "delete", "/api/v1/workflows/{name}", "/api/v1/workflows/mine", "", 200
    yield "post", "/api/v1/cache/clear", "/api/v1/cache/clear", "", 200
    yield "delete", "/api/v1/jobs/{id}", "/api/v1/jobs/none", "", 404
    yield "post", "/api/v1/history/clear", "/api/v1/history/clear", "", 200


def asked(job: str) -> Iterator[tuple[str, str, str, str | bytes, int]]:
    """Method, path in the document, path asked for, body, status: one request at least for every operation."""
    yield "get", "/health/live", "/health/live", "", 200
    yield "get", "/health/ready", "/health/ready", "", 200
    yield "post", "/api/v1/tickets", "/api/v1/tickets", "", 201
    yield "get", "/api/v1/nodes", "/api/v1/nodes", "", 200
    yield "get", "/api/v1/nodes/{type}", "/api/v1/nodes/KSampler", "", 200
    yield "get", "/api/v1/nodes/{type}", "/api/v1/nodes/Unheard", "", 404
    yield "get", "/api/v1/models", "/api/v1/models", "", 200
    yield "get", "/api/v1/files/{folder}", "/api/v1/files/input", "", 200
    yield "get", "/api/v1/files/{folder}", "/api/v1/files/etc", "", 404
    yield "get", "/api/v1/model-files", "/api/v1/model-files", "", 200
    yield "get", "/api/v1/model-files", "/api/v1/model-files?limit=0", "", 400
    yield "get", "/api/v1/model-pictures", "/api/v1/model-pictures", "", 200
    yield "get", "/api/v1/model-pictures/{folder}/{name}", "/api/v1/model-pictures/loras/no.safetensors", "", 404
    yield "get", "/api/v1/model-pictures/{folder}/{name}", "/api/v1/model-pictures/etc/passwd", "", 404
    yield "post", "/api/v1/uploads", "/api/v1/uploads?name=a.png", PICTURE, 201
    yield "post", "/api/v1/uploads", "/api/v1/uploads?name=../a.png", PICTURE, 400
    yield "post", "/api/v1/uploads", "/api/v1/uploads?name=a.png", b"<html>", 415
    yield "post", "/api/v1/uploads", "/api/v1/uploads?name=a.png&sha256=0", PICTURE, 422
    yield "get", "/api/v1/system", "/api/v1/system", "", 200
    yield "get", "/api/v1/cache", "/api/v1/cache", "", 200
    yield "post", "/api/v1/validate", "/api/v1/validate", BODY, 200
    yield "post", "/api/v1/validate", "/api/v1/validate", "{", 400
    yield "post", "/api/v1/convert/{form}", "/api/v1/convert/comfyui", BODY, 200
    yield "post", "/api/v1/convert/{form}", "/api/v1/convert/xml", BODY, 404
    yield "post", "/api/v1/plan", "/api/v1/plan", BODY, 200
    yield "post", "/api/v1/jobs", "/api/v1/jobs", json.dumps({"workflow": WORK, "parameters": {"value": 2}}), 202
    yield "post", "/api/v1/jobs", "/api/v1/jobs", '{"workflow": {}}', 422
    yield "post", "/api/v1/jobs", "/api/v1/jobs?wait=x", BODY, 400
    yield "post", "/api/v1/batches", "/api/v1/batches", json.dumps({"jobs": [{"workflow": WORK}]}), 202
    yield "get", "/api/v1/jobs", "/api/v1/jobs", "", 200
    yield "get", "/api/v1/jobs", "/api/v1/jobs?state=lost", "", 400
    yield "get", "/api/v1/queue", "/api/v1/queue", "", 200
    yield "post", "/api/v1/queue/pause", "/api/v1/queue/pause", "", 200
    yield "post", "/api/v1/queue/resume", "/api/v1/queue/resume", "", 200
    for path, status in (("", 200), ("/trace", 200), ("/outputs", 200), ("/events", 200), ("/workflow", 200)):
        yield "get", f"/api/v1/jobs/{{id}}{path}", f"/api/v1/jobs/{job}{path}", "", status
        yield "get", f"/api/v1/jobs/{{id}}{path}", f"/api/v1/jobs/none{path}", "", 404
    yield "get", "/api/v1/jobs/{id}/outputs/{number}", f"/api/v1/jobs/{job}/outputs/9", "", 404
    yield "get", "/api/v1/blobs/{digest}", f"/api/v1/blobs/{'0' * 64}", "", 404
    yield "post", "/api/v1/jobs/{id}/cancel", f"/api/v1/jobs/{job}/cancel", "", 202
    yield "post", "/api/v1/jobs/{id}/retry", f"/api/v1/jobs/{job}/retry", "", 202
    yield "post", "/api/v1/jobs/{id}/move", f"/api/v1/jobs/{job}/move", '{"front": true}', 409
    yield from asked_of_what_is_kept()


NOT_ASKED = {
    ("get", "/metrics"), ("get", "/api/v1/openapi.json"), ("post", "/api/v1/tokens"), ("get", "/api/v1/events"),
}  # fmt: skip


def check(document: dict[str, Any], operation: dict[str, Any], answer: Answer, what: str) -> None:
    """The answer has the schema of its status."""
    told = operation["responses"].get(str(answer.status))
    assert told is not None, (what, answer.status, answer.body[:300])
    content = told.get("content", {}).get(answer.kind)
    assert content is not None, (what, answer.kind)
    whole = {**content["schema"], "components": document["components"]}
    faults = [one.message for one in Draft202012Validator(whole).iter_errors(answer.json)]
    assert faults == [], (what, faults[:3], answer.body[:500])


async def ask(service: Service, method: str, path: str, body: str | bytes) -> Answer:
    url = f"http://127.0.0.1:{service.port}{path}"
    async with service.session.request(method, url, data=body or None) as answer:
        return Answer(answer.status, answer.content_type, await answer.read())


def test_answers_are_as_published(tmp_path: Path) -> None:
    async def run() -> None:
        async with asyncio.timeout(200), working(tmp_path) as service:
            document = (await service.get("/api/v1/openapi.json")).json
            job = (await service.post("/api/v1/jobs?wait=60", BODY)).json["id"]
            seen: set[tuple[str, str]] = set()
            for method, path, target, body, status in asked(job):
                operation = document["paths"][path][method]
                answer = await ask(service, method, target, body)
                assert answer.status == status, (method, target, answer.body[:300])
                check(document, operation, answer, f"{method} {target}")
                seen.add((method, path))
            published = {(method, path) for path, one in document["paths"].items() for method in one}
            saved = {
                (method, path)
                for method, path in published
                if path.startswith("/api/v1/workflows/") and "{" not in path
            }
            assert published - saved == seen | NOT_ASKED

    asyncio.run(run())


def test_the_document_is_sound(tmp_path: Path) -> None:
    async def run() -> None:
        async with working(tmp_path) as service:
            document = (await service.get("/api/v1/openapi.json")).json
            schemas = document["components"]["schemas"]
            for schema in schemas.values():
                Draft202012Validator.check_schema(schema)
            text = json.dumps(document)
            used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
            assert used <= schemas.keys()
            for path, operations in document["paths"].items():
                for method, one in operations.items():
                    assert one["summary"], (method, path)
                    names = {field["name"] for field in one.get("parameters", []) if field["in"] == "path"}
                    assert names == {part.split("}")[0] for part in path.split("{")[1:]}, path
            run_it = document["paths"]["/api/v1/workflows/text_to_image/jobs"]["post"]["requestBody"]
            properties = run_it["content"]["application/json"]["schema"]["properties"]["parameters"]["properties"]
            assert {"prompt", "seed"} <= properties.keys()

    asyncio.run(run())
