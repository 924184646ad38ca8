"""The service: what it answers, in which shape it refuses, and whom it does not talk to at all."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from server.workspace import Computing
from tests.server.cli import ROOT, WORKFLOWS, CommandLine
from tests.server.service import Answer, Service, running

FILE = WORKFLOWS / "text_to_image.json"


def ask(
    folder: Path,
    method: str,
    path: str,
    body: str | bytes = b"",
    headers: dict[str, str] | None = None,
    computing: Computing | None = None,
) -> Answer:
    """One question to a fresh service."""

    async def once() -> Answer:
        async with running(folder, computing=computing) as service:
            if method == "GET":
                return await service.get(path, headers)
            return await service.post(path, body, headers)

    return asyncio.run(once())


READABLE = (
    "/health/live",
    "/api/v1/nodes",
    "/api/v1/nodes/KSampler",
    "/api/v1/models",
    "/api/v1/files/checkpoints",
    "/api/v1/files/input",
    "/object_info",
    "/api/object_info",
    "/object_info/KSampler",
    "/models",
    "/models/checkpoints",
)


@pytest.mark.parametrize("path", READABLE)
def test_what_can_be_read(tmp_path: Path, path: str) -> None:
    answer = ask(tmp_path, "GET", path)
    assert (answer.status, answer.kind) == (200, "application/json")
    assert answer.json


def test_the_embedded_checkpoint_is_offered(tmp_path: Path) -> None:
    info = ask(tmp_path, "GET", "/object_info/CheckpointLoaderSimple").json["CheckpointLoaderSimple"]
    assert "tiny-sd-128.safetensors" in info["input"]["required"]["ckpt_name"][0]


def test_the_files_of_an_unknown_folder_are_none(tmp_path: Path) -> None:
    answer = ask(tmp_path, "GET", "/api/v1/files/..%2Fetc")
    assert (answer.status, answer.json["code"]) == (404, "unknown_folder")


def test_the_plan_is_that_of_the_command_line(latentgraph: CommandLine) -> None:
    first = ask(latentgraph.folder, "POST", "/api/v1/plan", FILE.read_text()).json
    assert (first["cached"], first["run"] + first["depends"]) == (0, len(first["nodes"]))
    latentgraph.run(FILE)
    again = ask(latentgraph.folder, "POST", f"/api/v1/plan?scope={FILE}", FILE.read_text()).json
    assert again["run"] == 0
    document = json.loads(FILE.read_text())
    document["nodes"]["sampler"]["inputs"]["seed"] = 4321
    changed = ask(latentgraph.folder, "POST", f"/api/v1/plan?scope={FILE}", json.dumps({"workflow": document})).json
    assert "`seed` changed" in changed["nodes"]["sampler"]["reason"]


def test_the_plan_says_what_known_nodes_made(latentgraph: CommandLine) -> None:
    first = ask(latentgraph.folder, "POST", "/api/v1/plan", FILE.read_text()).json
    assert not any("output" in node for node in first["nodes"].values())
    latentgraph.run(FILE)
    again = ask(latentgraph.folder, "POST", "/api/v1/plan", FILE.read_text()).json
    made = {name: node["output"] for name, node in again["nodes"].items() if "output" in node}
    assert list(made) == ["save"]
    (saved,) = made["save"]["files"]
    assert (latentgraph.folder / saved["folder"] / saved["name"]).stat().st_size == saved["bytes"]


def test_the_plan_is_made_for_what_the_workers_compute_with(latentgraph: CommandLine) -> None:
    latentgraph.run(FILE, "--device", "cpu", "--precision", "fp32")
    as_asked = Computing("cpu", "fp32")
    assert ask(latentgraph.folder, "POST", "/api/v1/plan", FILE.read_text(), computing=as_asked).json["run"] == 0
    assert ask(latentgraph.folder, "POST", "/api/v1/plan", FILE.read_text()).json["run"] > 0


@pytest.mark.parametrize("precision", ["fp7", "", "FP32"])
def test_a_plan_is_made_for_a_precision_that_there_is(tmp_path: Path, precision: str) -> None:
    answer = ask(tmp_path, "POST", f"/api/v1/plan?precision={precision}", FILE.read_text())
    assert (answer.status, answer.json["code"]) == (400, "query")


@pytest.mark.parametrize(
    ("query", "names", "more"),
    [
        ("", ["a.safetensors", "b/c.safetensors", "d.safetensors"], None),
        ("?limit=2", ["a.safetensors", "b/c.safetensors"], "after=b/c.safetensors"),
        ("?limit=2&after=b/c.safetensors", ["d.safetensors"], None),
        ("?after=b", ["b/c.safetensors", "d.safetensors"], None),
        ("?limit=3", ["a.safetensors", "b/c.safetensors", "d.safetensors"], None),
        ("?limit=0", None, None),
        ("?limit=10001", None, None),
        ("?limit=x", None, None),
    ],
)
def test_names_are_paged(tmp_path: Path, query: str, names: list[str] | None, more: str | None) -> None:
    for name in ("d.safetensors", "b/c.safetensors", "a.safetensors"):
        path = tmp_path / "models" / "loras" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    async def act() -> None:
        async with running(tmp_path) as service:
            url = f"http://127.0.0.1:{service.port}/api/v1/files/loras{query}"
            async with service.session.get(url) as answer:
                found = await answer.json(content_type=None)
                assert (answer.status, found if names else found["code"]) == ((200, names) if names else (400, "query"))
                link = answer.headers.get("Link", "")
                assert (more in link and 'rel="next"' in link) if more else not link

    asyncio.run(act())


def test_validate_reports_every_problem(tmp_path: Path) -> None:
    document = json.loads(FILE.read_text())
    document["nodes"]["sampler"]["inputs"] |= {"steps": 0, "cfg": "high"}
    answer = ask(tmp_path, "POST", "/api/v1/validate", json.dumps(document))
    assert answer.json["valid"] is False
    assert {problem["code"] for problem in answer.json["problems"]} == {"too_small", "wrong_type"}


@pytest.mark.parametrize("form", ["latentgraph", "comfyui", "comfyui-api"])
def test_convert_gives_the_other_forms(tmp_path: Path, form: str) -> None:
    answer = ask(tmp_path, "POST", f"/api/v1/convert/{form}", FILE.read_text())
    assert answer.status == 200
    assert ask(tmp_path, "POST", "/api/v1/validate", json.dumps(answer.json["document"])).json["valid"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/api/v1/plan", b"", 400, "json_syntax"),
        ("/api/v1/plan", b"[" * 200_000, 400, "json_too_deep"),
        ("/api/v1/plan", b"123", 422, "input_wrong"),
        ("/api/v1/plan", b'{"format": "latentgraph/1", "nodes": {"a": null}}', 422, "input_wrong"),
        ("/api/v1/plan", b'{"1": {"class_type": [], "inputs": 3}}', 422, "input_wrong"),
        ("/api/v1/validate", b"\xff\xfe", 400, "json_encoding"),
        ("/api/v1/convert/xml", b"{}", 404, "unknown_form"),
        ("/api/v1/nothing", b"{}", 404, "unknown_path"),
        ("/health/live", b"{}", 405, "method_not_allowed"),
    ],
)
def test_bad_input_is_a_problem_document(tmp_path: Path, path: str, body: bytes, status: int, code: str) -> None:
    answer = ask(tmp_path, "POST", path, body)
    assert (answer.status, answer.kind, answer.json["code"]) == (status, "application/problem+json", code)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Host": "evil.example"}, 421, "host"),
        ({"Host": "127.0.0.1:1"}, 421, "host"),
        ({"Host": "user@127.0.0.1"}, 421, "host"),
        ({"Origin": "null"}, 403, "origin"),
        ({"Origin": "https://evil.example"}, 403, "origin"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "fetch_site"),
        ({"Sec-Fetch-Site": "same-site"}, 403, "fetch_site"),
        ({"Sec-Fetch-Site": "same-origin", "Content-Type": "text/plain"}, 415, "content_type"),
        ({"Content-Encoding": "gzip"}, 415, "content_encoding"),
    ],
)
def test_foreign_pages_are_refused(tmp_path: Path, headers: dict[str, str], status: int, code: str) -> None:
    answer = ask(tmp_path, "POST", "/api/v1/validate", FILE.read_bytes(), headers)
    assert (answer.status, answer.json["code"]) == (status, code)


LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", LINK, 200),  # a link to the editor, on somebody's page
        ("/", LINK | {"Sec-Fetch-Dest": "iframe"}, 403),
        ("/", LINK | {"Sec-Fetch-Mode": "no-cors"}, 403),
        ("/api/v1/jobs", LINK, 403),
    ],
)
def test_only_the_editor_can_be_linked_to(tmp_path: Path, path: str, headers: dict[str, str], status: int) -> None:
    assert ask(tmp_path, "GET", path, b"", headers).status == status


def test_the_service_imports_nothing_heavy() -> None:
    code = "import sys, server.cli.serve, server.http.serving as _; "
    code += "print([name for name in ('torch', 'numpy', 'PIL') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_our_own_page_and_programs_are_served(tmp_path: Path) -> None:
    async def both() -> list[int]:
        async with running(tmp_path) as service:
            return [await own(service), await program(service)]

    async def own(service: Service) -> int:
        origin = f"http://localhost:{service.port}"
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
        return (await service.post("/api/v1/validate", FILE.read_bytes(), headers)).status

    async def program(service: Service) -> int:
        return (await service.post("/api/v1/validate", FILE.read_bytes(), {"Content-Type": "text/plain"})).status

    assert asyncio.run(both()) == [200, 200]
