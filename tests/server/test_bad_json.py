"""What is sent as a job: the envelope (rows B of the suite of bad input) and the graph in it (rows C).

Each row is refused with its status and code, or is accepted and harmless. After every row the service is as it was: it has
said no 5xx, takes a sound job, tells no secret, and has written nothing outside its folders.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from server.cli.serve import worker_command
from server.jobs.store import Limits
from tests.server.raw import RawAnswer, ask
from tests.server.service import Service, running, working
from tests.server.toy_worker import toy_places

SECRET = b"7f3a canary 91c2"
GOOD: dict[str, Any] = {
    "format": "latentgraph/1",
    "nodes": {
        "one": {"type": "Integer", "inputs": {"value": 1}},
        "save": {"type": "WriteText", "inputs": {"value": {"from": ["one", "out"]}, "name": "good"}},
    },
}


def job(workflow: object = None, **more: object) -> bytes:
    return json.dumps({"workflow": GOOD if workflow is None else workflow, **more}).encode()


def graph(**nodes: object) -> dict[str, Any]:
    return {"format": "latentgraph/1", "nodes": nodes}


def node(kind: object, **inputs: object) -> dict[str, Any]:
    return {"type": kind, "inputs": inputs}


def saved(**inputs: object) -> dict[str, Any]:
    """A workflow whose one node with an effect takes these."""
    return graph(one=node("Integer", value=1), save=node("WriteText", **{"name": "x", "value": link("one"), **inputs}))


def link(name: object, output: object = "out") -> dict[str, Any]:
    return {"from": [name, output]}


def nested(depth: int, leaf: str = "1") -> bytes:
    return b'{"workflow": {"a": ' + b"[" * depth + leaf.encode() + b"]" * depth + b"}}"


def prompted(**nodes: object) -> bytes:
    return job(nodes)


Row = tuple[str, bytes, set[int]]


def each(name: str, made: Callable[[Any], bytes], values: Sequence[object], statuses: set[int]) -> list[Row]:
    """A row for each value."""
    return [(name, made(one), statuses) for one in values]


def numbered(text: bytes) -> bytes:
    """A job whose number is written like this."""
    return job(number=0).replace(b'"number": 0', b'"number": ' + text)


def shown(kind: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


ENVELOPE: list[Row] = [
    ("B-01 cut off", b'{"workflow":', {400}),
    *each("B-02 no object", bytes, (b"123", b"null", b"[]", b'"x"', b"true", b""), {400, 422}),
    ("B-03 200,000 brackets", b"[" * 200_000, {400}),
    ("B-04 deep in a field", nested(50_000), {400}),
    ("B-04 deep in an object", b'{"workflow": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}", {400}),
    ("B-05 twice the same key", b'{"workflow": {}, "workflow": {}}', {400}),
    ("B-05 twice deep inside", job().replace(b'"one":', b'"one": {"type": "Integer"}, "one":', 1), {400}),
    *each("B-06 no number of JSON", numbered, (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999"), {400}),
    ("B-07 5,000 digits", numbered(b"9" * 5000), {400}),
    ("B-09 lone surrogate", job(scope="x").replace(b'"x"', b'"\\ud800"'), {400}),
    ("B-09 invalid UTF-8", job(scope="x").replace(b'"x"', b'"\xff\xfe"'), {400}),
    ("B-09 overlong UTF-8", job(scope="x").replace(b'"x"', b'"\xc0\xaf"'), {400}),
    *each("B-10 NUL in a text", bytes, (
            job(scope="a\0"),
            job(client="a\0"),
            job(saved(name="a\0b")),
            job(graph(**{"a\0": node("Integer")})),
            job(graph(one=node("Inte\0ger"))),
            job({**GOOD, "name": "\0"}),
        ), {422}),
    ("B-11 a byte too many", b" " * (16 * 2**20 + 1), {413}),
    ("B-12 a million texts", job({"format": "latentgraph/1", "nodes": ["x"] * 1_000_000}), {413, 422}),
    ("B-12 five million values", b'{"workflow": [' + b"1," * 5_000_000 + b"1]}", {413}),
    *each("B-13 ui is no object", lambda one: job({**GOOD, "ui": one}), ("x", [], 3), {422, 202}),
    ("B-13 ui of 3 MB", job({**GOOD, "ui": {"x": "y" * 3_000_000}}), {422, 202}),
    ("B-13 ui of depth 100", job({**GOOD, "ui": {"x": json.loads("[" * 100 + "]" * 100)}}), {422, 202}),
    *each("B-14 client", lambda one: job(client=one), ([], {}, 1, None, "x" * 10_240, True, "a\nb"), {422}),
    ("B-14 client of JavaScript", job(client="__proto__"), {202}),
    *each("B-15 number", lambda one: job(number=one), ("abc", [], True, 1e300, None), {422}),
    ("B-15 front", job(front="yes"), {422}),
    ("B-19 unknown field", job(colour=1), {422}),
]  # fmt: skip

CYCLE = {f"n{i}": node("Add", a=link(f"n{(i + 1) % 5000}")) for i in range(5000)}
CHAIN = {"n0": node("Integer")} | {f"n{i}": node("Add", a=link(f"n{i - 1}")) for i in range(1, 19_998)}
LATTICE = {"l0": node("Integer")} | {
    f"l{i}": node("Add", a=link(f"l{i - 1}"), b=link(f"l{i - 1}")) for i in range(1, 41)
}
LARGE = {"format": "latentgraph/1", "nodes": {f"n{i}": {"type": "Integer"} for i in range(100_001)}}


def ended(nodes: dict[str, Any], last: str) -> dict[str, Any]:
    return graph(**nodes, save=node("WriteText", value=link(last), name="end"))


def sampled(**changes: object) -> dict[str, Any]:
    """Text to image with these fields of its latent, sampler or loader changed."""
    inputs = {"width": 64, "height": 64, "batch_size": 1}
    loader = {"ckpt_name": changes.pop("ckpt_name", "tiny-sd-128.safetensors")}
    words = {"positive": link("p", "CONDITIONING"), "negative": link("p", "CONDITIONING")}
    sampler = {"model": link("c", "MODEL"), "latent_image": link("l", "LATENT"), **words}
    latent = inputs | {name: changes.pop(name) for name in tuple(changes) if name in inputs}
    return graph(
        c=node("CheckpointLoaderSimple", **loader),
        p=node("CLIPTextEncode", text="", clip=link("c", "CLIP")),
        l=node("EmptyLatentImage", **latent),
        k=node("KSampler", **sampler | changes),
        d=node("VAEDecode", samples=link("k", "LATENT"), vae=link("c", "VAE")),
        s=node("SaveImage", images=link("d", "IMAGE"), filename_prefix="x"),
    )  # fmt: skip


GRAPHS: list[Row] = [
    *each("C-01 no graph", lambda one: json.dumps({"workflow": one}).encode(), ("x", [], None, {}, 3), {422}),
    *each(
        "C-01 nodes are none", lambda one: job({"format": "latentgraph/1", "nodes": one}),
        ("x", [], None, 5, True, {}),
        {422},
    ),
    *each("C-02 no node", lambda one: job(graph(a=one)), (None, [], 1, {}, {"type": []}, {"type": {}}, {"type": 1}), {422}),
    *each(
        "C-02 no node of a prompt", lambda one: prompted(a=one),
        (None, [], {"class_type": []}, {"class_type": 1}),
        {422},
    ),
    *each(
        "C-03 unknown type", lambda one: job(graph(a=node(one))),
        ("Unheard", "__class__", "os.system", "x" * 2**20, ""),
        {422},
    ),
    ("C-04 linked to nothing", job(saved(value=link("gone"))), {422}),
    *each(
        "C-04 output", lambda one: job(saved(value=link("one", one))),
        (-1, 99, "0", True, 1.5, 10**30, "Out", None),
        {422},
    ),
    *each(
        "C-04 link", lambda one: job(saved(value={"from": one})),
        ([], ["one"], ["one", "out", 1], "one", None, {}),
        {422},
    ),
    *each(
        "C-04 slot of a prompt", lambda one: prompted(a=shown("Show", value=["b", one]), b=shown("Integer")),
        (-1, 99, 10**30),
        {422},
    ),
    ("C-05 a node needs itself", job(ended({"a": node("Add", a=link("a"))}, "a")), {422}),
    ("C-05 two need each other", job(ended({"a": node("Add", a=link("b")), "b": node("Add", a=link("a"))}, "a")), {422}),
    ("C-05 a circle of 5,000", job(ended(CYCLE, "n0")), {422}),
    ("C-06 a chain at the limit", job(ended(CHAIN, "n19997")), {202}),
    ("C-07 forty layers of diamonds", job(ended(LATTICE, "l40")), {202}),
    ("C-08 5,000 inputs", job(graph(a=node("Integer", **{f"i{i}": i for i in range(5000)}))), {422}),
    ("C-08 100,001 nodes", job(LARGE), {422}),
    ("C-09 types", job(ended({"w": node("Word")}, "w")), {422}),
    ("C-09 types of models", job(sampled(model=link("l", "LATENT"))), {422}),
    *(
        ("C-10 name of a node", job(ended({name: node("Integer")}, name)), {202, 422})
        for name in ("__proto__", "constructor", "../x", "x" * 10_240, "\u202eabc\u200b", "1")
    ),
    ("C-10 no name", job(ended({"": node("Integer")}, "")), {422}),
    *each("C-11 sizes", lambda one: job(sampled(width=one)), (10**9, 0, -8, 7.5, "x", None, True), {422}),
    ("C-11 batch", job(sampled(batch_size=10**6)), {422}),
    ("C-11 steps", job(sampled(steps=10**9)), {422}),
    ("C-12 each within its limit", job(sampled(width=16384, height=16384, batch_size=4096)), {422}),
    ("C-12 a little less", job(sampled(width=16384, height=16384, batch_size=2)), {422}),
    *each("C-18 model", lambda one: job(sampled(ckpt_name=one)), (
            "../tiny-sd-128.safetensors", "/etc/passwd", "C:\\x", "\\\\host\\share\\x", "CON", "", "x" * 5000,
            "tiny-sd-128.safetensors/", "./tiny-sd-128.safetensors", "TINY-SD-128.safetensors", [], 1,
        ), {422}),
    *each("C-16 a text for a number", lambda one: job(ended({"a": node("Add", a=one)}, "a")), (
            "().__class__.__mro__[1].__subclasses__()", "__import__('os')", "{{7*7}}", "${7*7}",
        ), {422}),
    *each("C-17 a text for a number", lambda one: job(ended({"a": node("Add", a=one)}, "a")), (
            "9**9**9", '"a"*10**10', "[0]*10**9", "+1" * 500_000,
        ), {422}),
    *each("C-18 sampler", lambda one: job(sampled(sampler_name=one)), ("Euler", "", 1, None, ["euler"]), {422}),
    *each("B-08 seed", lambda one: job(sampled(seed=one)), (-1, 2**64, 1.5, "1", True), {422}),
    *each("B-08 seed in range", lambda one: job(sampled(seed=one)), (0, 2**63, 2**64 - 1), {202}),
    *each("C-21 targets", lambda one: job(targets=one), (5, ["gone"], [], ["save", 1], "save", [[]]), {422}),
    ("C-21 10,000 times the same", job(targets=["save"] * 10_000), {202, 422}),
    ("C-22 nothing to run", job(graph(a=node("Integer"))), {422}),
    ("C-23 strength beyond all range", job(sampled(cfg=1e38)), {422}),
    ("C-23 no strength", job(sampled(denoise="nan")), {422}),
]  # fmt: skip


def outside(folder: Path) -> dict[str, bytes]:
    """Everything beside the folders of the service."""
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and folder / "service" not in path.parents
    }


async def check_rows(folder: Path, port: int, rows: Iterable[Row], path: str) -> None:
    before = outside(folder)
    for name, body, statuses in rows:
        answer = await ask(port, "POST", path, body)
        assert answer.status in statuses, (name, body[:100], answer.status, answer.body[:500])
        assert SECRET not in answer.body
        if answer.status >= 400:
            check_refusal(name, answer)
    assert outside(folder) == before


def check_refusal(name: str, answer: RawAnswer) -> None:
    assert answer.headers["content-type"].startswith("application/problem+json"), name
    told = json.loads(answer.body, parse_constant=lambda text: pytest.fail(f"{name}: {text}"))
    assert (told["status"], bool(told["code"]), bool(told["detail"])) == (answer.status, True, True), name
    assert len(answer.body) < 2**20, name
    assert "Traceback" not in answer.body.decode(), name


def do(folder: Path, act: Callable[[Service], Awaitable[None]], *, workers: bool = False) -> None:
    (folder / "secret").write_bytes(SECRET)

    async def run() -> None:
        inside = folder / "service"
        async with asyncio.timeout(250), working(inside) if workers else running(inside) as service:
            await act(service)

    asyncio.run(run())


async def is_well(service: Service) -> bool:
    """Whether a sound job is accepted, as before."""
    answer = await ask(service.port, "POST", "/api/v1/jobs", job())
    return answer.status == 202 and (await service.get("/health/live")).status == 200


BY_ID: dict[str, list[Row]] = {}
for one in (*ENVELOPE, *GRAPHS):
    BY_ID.setdefault(one[0][:4], []).append(one)


@pytest.mark.parametrize("rows", BY_ID.values(), ids=BY_ID)
def test_bad_jobs_are_refused_and_harm_nothing(tmp_path: Path, rows: list[Row]) -> None:
    async def act(service: Service) -> None:
        await check_rows(tmp_path, service.port, rows, "/api/v1/jobs")
        assert await is_well(service)

    do(tmp_path, act)


@pytest.mark.parametrize("path", ["/prompt", "/api/v1/validate", "/api/v1/plan", "/api/v1/convert/comfyui"])
def test_no_route_that_reads_workflows_fails(tmp_path: Path, path: str) -> None:
    async def act(service: Service) -> None:
        for name, body, _ in (*ENVELOPE, *GRAPHS):
            if path == "/prompt":
                body = body.replace(b'"workflow":', b'"prompt":', 1)
            elif len(body) > 2**20 or "circle" in name or "chain" in name:
                continue
            answer = await ask(service.port, "POST", path, body)
            assert 0 < answer.status < 500, (name, body[:100], answer.body[:300])
            assert b"Traceback" not in answer.body, name
        assert await is_well(service)

    do(tmp_path, act)


@pytest.mark.row("B-16", "B-17", "B-18")
def test_a_key_sent_ten_times_at_once_is_one_job(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        headers = {"Idempotency-Key": "k"}
        answers = await asyncio.gather(*(ask(service.port, "POST", "/api/v1/jobs", job(), headers) for _ in range(10)))
        assert sorted(one.status for one in answers) == [200] * 9 + [202]
        assert len({one.json["id"] for one in answers}) == 1
        other = await ask(service.port, "POST", "/api/v1/jobs", job(saved(name="other")), headers)
        assert (other.status, other.json["code"]) == (409, "idempotency_key_reused")
        for key in ("", "x" * 201, "\udcff", "\udced\udca0\udc80", "a\tb"):
            refused = await ask(service.port, "POST", "/api/v1/jobs", job(), {"Idempotency-Key": key})
            assert refused.status == 400
        prompt = {"prompt": {"1": {"class_type": "WriteText", "inputs": {"value": 1, "name": "x"}}}, "prompt_id": "p"}
        first = await ask(service.port, "POST", "/prompt", json.dumps(prompt).encode())
        prompt["prompt"]["1"]["inputs"]["value"] = 2  # type: ignore[index]
        taken = await ask(service.port, "POST", "/prompt", json.dumps(prompt).encode())
        assert (first.status, taken.status, taken.json["error"]["type"]) == (200, 400, "invalid_prompt_id")

    do(tmp_path, act)


@pytest.mark.row("B-20")
def test_a_burst_is_cut_off_and_nothing_below_is_lost(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path / "service", limits=Limits(queued=40)) as service:
            answers = [await ask(service.port, "POST", "/api/v1/jobs", job()) for _ in range(60)]
            assert [one.status for one in answers] == [202] * 40 + [429] * 20
            assert answers[-1].headers["retry-after"]
            prompt = b'{"prompt": {"1": {"class_type": "WriteText", "inputs": {"value": 1, "name": "x"}}}}'
            refused = await ask(service.port, "POST", "/prompt", prompt)
            assert (refused.status, refused.json["error"]["type"]) == (429, "queue_full")
            counts = (await service.get("/api/v1/jobs?limit=1")).json["counts"]
            assert counts == {"queued": 40}

    asyncio.run(run())


@pytest.mark.row("C-25")
def test_what_differs_by_a_hair_is_another_result(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        def shown(value: object) -> bytes:
            return job(graph(r=node("Real", value=value), s=node("Show", value=link("r"))))

        async def ran(value: object) -> int:
            answer = await ask(service.port, "POST", "/api/v1/jobs?wait=60", shown(value))
            assert answer.json["state"] == "done", answer.json
            return int(answer.json["nodes"]["ran"])

        assert await ran(1.0) == 2
        assert await ran(1) == 0, "an INT in a FLOAT field is that FLOAT"
        assert await ran(1.0000000000000002) >= 1, "one unit in the last place more"
        assert await ran(0.0) >= 1
        assert (await ask(service.port, "POST", "/api/v1/jobs", shown(True))).status == 422
        assert (await ask(service.port, "POST", "/api/v1/jobs", shown("1"))).status == 422

    do(tmp_path, act, workers=True)


@pytest.mark.row("C-22")
def test_a_graph_of_cached_outputs_runs_nothing(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        for ran in (2, 0):
            answer = await ask(service.port, "POST", "/api/v1/jobs?wait=60", job())
            assert (answer.json["state"], answer.json["nodes"]["ran"]) == ("done", ran)

    do(tmp_path, act, workers=True)


LABELS = ["../../x", "/etc/cron.d/x", "a/../../b", "~/x", "CON", "sub/fine"]


@pytest.mark.row("C-20")
def test_a_label_never_leads_out_of_the_output_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, inside = tmp_path / "home", tmp_path / "service"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    output = inside / "output"

    def outside() -> set[Path]:
        around = {one for one in tmp_path.rglob("*") if not one.is_relative_to(inside)} | set(
            Path("/etc").glob("cron.d/*")
        )
        return around | {one for one in inside.rglob("*.png") if not one.is_relative_to(output)}

    def labelled(name: str) -> bytes:
        image = node("EmptyImage", width=8, height=8)
        return job(graph(i=image, s=node("SaveImage", images=link("i", "IMAGE"), filename_prefix=name)))

    async def run() -> list[tuple[int, str]]:
        worker = worker_command("cpu", "fp32", toy_places(inside), inside / "user")
        async with asyncio.timeout(250), running(inside, {"cpu": worker}) as service:
            answers = [await ask(service.port, "POST", "/api/v1/jobs?wait=120", labelled(name)) for name in LABELS]
            return [(one.status, one.json.get("state", "")) for one in answers]

    before = outside()
    ended = dict(zip(LABELS, asyncio.run(run()), strict=True))
    assert outside() == before
    assert ended["sub/fine"] == (200, "done")
    assert [ended[name] for name in LABELS[:3]] == [(200, "failed")] * 3
    kept = {one.relative_to(output).as_posix() for one in output.rglob("*.png")}
    assert "sub/fine_00001_.png" in kept
    assert len(kept) == sum(state == "done" for _, state in ended.values())
