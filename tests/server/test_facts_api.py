"""Our API's word on what is here: uploads, model files, tokens, the system, the cache."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy
import pytest
from PIL import Image
from safetensors.numpy import save_file

from graph.json import JsonObject
from nodes.folders import standard_folders
from server.http.service import Bounds
from server.worker.answers import Answers
from server.worker.supervisor import UnansweredError
from tests.server.service import Service, running, working


def do(folder: Path, act: Callable[[Service], Awaitable[None]], *, bounds: Bounds | None = None) -> None:
    async def run() -> None:
        async with asyncio.timeout(100), running(folder, bounds=bounds) as service:
            await act(service)

    asyncio.run(run())


def picture(shade: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def test_uploads_are_kept_under_free_names(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        async def send(content: bytes, query: str) -> tuple[int, Any]:
            answer = await service.post(f"/api/v1/uploads?{query}", content)
            return answer.status, answer.json

        red, blue = picture(1), picture(2)
        status, told = await send(red, "name=a/cat.png")
        assert (status, told["name"], told["sha256"]) == (201, "a/cat.png", hashlib.sha256(red).hexdigest())
        assert (await service.get(told["url"])).body == red
        assert (await send(red, "name=a/cat.png"))[1]["name"] == "a/cat.png"
        assert (await send(blue, "name=a/cat.png"))[1]["name"] == "a/cat (1).png"
        assert (await send(blue, "name=a/cat.png&overwrite=true"))[1]["name"] == "a/cat.png"
        for query, code, status in (
            ("", "file_name", 400), ("name=../x.png", "file_name", 400), ("name=.hidden", "file_name", 400),
            ("name=x.png&sha256=00", "digest", 422), (f"name={'x' * 300}.png", "file_name", 400),
        ):  # fmt: skip
            refused = await send(red, query)
            assert (refused[0], refused[1]["code"]) == (status, code), query
        assert (await send(b"<html>", "name=x.png"))[1]["code"] == "no_picture"
        assert (await send(b"", "name=x.png"))[1]["code"] == "file_empty"
        assert (await send(b"x" * 5000, "name=x.bin"))[1]["code"] == "body_too_large"
        left = sorted(path.name for path in (tmp_path / "input").rglob("*") if path.is_file())  # noqa: ASYNC240
        assert left == ["cat (1).png", "cat.png"]

    do(tmp_path, act, bounds=Bounds(upload=4096))


def test_pictures_lie_beside_models(tmp_path: Path) -> None:
    folder, odd = tmp_path / "models" / "loras", "sub/ü #?%2F&.safetensors"
    (folder / "sub").mkdir(parents=True)
    outside = tmp_path / "outside.png"
    outside.write_bytes(picture(9))
    for name in ("fox.safetensors", odd, "linked.pt", "page.ckpt", "bare.safetensors"):
        (folder / name).write_bytes(b"x")
    (folder / "fox.png").write_bytes(picture(1))
    (folder / "fox.preview.png").write_bytes(picture(2))
    (folder / "sub" / "ü #?%2F&.png").write_bytes(picture(3))
    (folder / "linked.png").symlink_to(outside)
    (folder / "page.png").write_bytes(b"<script>")
    (folder / "nothing.png").write_bytes(picture(4))

    async def act(service: Service) -> None:
        told = (await service.get("/api/v1/model-pictures")).json
        assert told == {"loras": ["fox.safetensors", "page.ckpt", odd]}

        async def shown(name: str) -> tuple[int, str, bytes]:
            answer = await service.get(f"/api/v1/model-pictures/loras/{quote(name)}")
            return answer.status, answer.kind, answer.body

        assert await shown("fox.safetensors") == (200, "image/png", picture(2))
        assert await shown(odd) == (200, "image/png", picture(3))
        assert (await shown("page.ckpt"))[:2] == (200, "application/octet-stream")
        for name in ("linked.pt", "bare.safetensors", "nothing.safetensors"):
            assert (await shown(name))[0] == 404, name
        unknown = await service.get("/api/v1/model-pictures/input/fox.png")
        assert (unknown.status, unknown.json["code"]) == (404, "unknown_folder")

    do(tmp_path, act)


def test_model_files_are_listed_page_by_page(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "loras"
    folder.mkdir(parents=True)
    for number in range(5):
        (folder / f"{number}.safetensors").write_bytes(b"x" * number)

    async def act(service: Service) -> None:
        seen: list[dict[str, Any]] = []
        after = ""
        while after is not None:
            page = (await service.get(f"/api/v1/model-files?folder=loras&limit=2&after={after}")).json
            assert page["total"] == 5
            seen += page["files"]
            after = page["next"]
        assert [one["name"] for one in seen] == [f"{number}.safetensors" for number in range(5)]
        assert [one["bytes"] for one in seen] == list(range(5))
        assert seen[0]["family"] is None
        every = (await service.get("/api/v1/model-files")).json["files"]
        assert {(one["folder"], one["name"]) for one in every} >= {("checkpoints", "tiny-sd-128.safetensors")}
        assert (await service.get("/api/v1/model-files?folder=etc")).status == 404

    do(tmp_path, act)


def test_the_cache_is_told_of_and_cleared(tmp_path: Path) -> None:
    work = {"format": "latentgraph/1", "nodes": {"s": {"type": "WriteText", "inputs": {"value": 1, "name": "x"}}}}
    work["nodes"]["n"] = {"type": "Steps"}  # type: ignore[index]
    work["nodes"]["s"]["inputs"]["value"] = {"from": ["n", "out"]}  # type: ignore[index]

    async def run() -> None:
        async with asyncio.timeout(100), working(tmp_path) as service:

            async def ran() -> int:
                body = json.dumps({"workflow": work})
                return int((await service.post("/api/v1/jobs?wait=60", body)).json["nodes"]["ran"])

            assert [await ran(), await ran()] == [2, 0]
            info = (await service.get("/api/v1/cache")).json
            assert info["entries"] >= 2
            assert (await service.post("/api/v1/cache/clear", b"")).json["cleared"]["entries"] == info["entries"]
            assert (await service.get("/api/v1/cache")).json["entries"] == 0
            assert await ran() == 2
            told = (await service.get("/api/v1/system")).json
            assert [(one["name"], one["ready"]) for one in told["workers"]] == [("cpu", True)]
            refused = await service.post("/api/v1/tokens", b'{"text": "a fox"}')
            assert (refused.status, refused.json["code"]) == (422, "unknown_question")

    asyncio.run(run())


def test_a_container_has_the_memory_of_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("server.http.facts", "server.http.comfyui.facts"):
        monkeypatch.setattr(f"{place}.host_bytes", lambda: 2**20)

    async def act(service: Service) -> None:
        assert (await service.get("/api/v1/system")).json["memory_bytes"] == 2**20
        told = (await service.get("/system_stats")).json["system"]
        assert (told["ram_total"], told["ram_free"]) == (2**20, 2**20)

    do(tmp_path, act)


def test_a_service_without_a_worker_says_so(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        answer = await service.post("/api/v1/tokens", b'{"text": "a fox"}')
        assert (answer.status, answer.json["code"]) == (503, "no_worker")
        assert (await service.post("/api/v1/tokens", b'{"text": 3}')).status == 422

    do(tmp_path, act)


def answers(tmp_path: Path) -> Answers:
    return Answers(standard_folders(tmp_path))


@pytest.mark.parametrize(
    ("text", "counts"), [("", [0]), ("a fox", [2]), ("a (fox:1.2)", [2]), ("a " * 75, [75]), ("a " * 80, [75, 5])]
)
def test_tokens_are_counted_as_they_are_encoded(tmp_path: Path, text: str, counts: list[int]) -> None:
    told = answers(tmp_path).tokens({"text": text, "checkpoint": None})
    chunks: Any = told["chunks"]
    assert (told["tokens"], told["room"], [one["tokens"] for one in chunks]) == (sum(counts), 75, counts)
    if len(counts) > 1:
        assert len(text[: chunks[1]["from"]].split()) == 75


def test_of_very_many_chunks_the_later_ones_do_not_say_where_they_begin(tmp_path: Path) -> None:
    chunks: Any = answers(tmp_path).tokens({"text": "a " * 75 * 12, "checkpoint": None})["chunks"]
    assert [one["tokens"] for one in chunks] == [75] * 12
    assert [one.get("from") for one in chunks] == [index * 150 for index in range(9)] + [None] * 3


def with_metadata(path: Path, changes: dict[str, str]) -> None:
    """Put another file in place of this one, with other words in its header."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] |= changes
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])


def test_a_checkpoint_that_is_replaced_brings_its_new_tokenizer(tmp_path: Path) -> None:
    asking, path = answers(tmp_path), tmp_path / "models" / "checkpoints" / "mine.safetensors"
    path.parent.mkdir(parents=True)
    shutil.copyfile(asking.folders.find("checkpoints", "tiny-sd-128.safetensors") or "", path)
    asked: JsonObject = {"text": "extraordinary foxes", "checkpoint": "mine.safetensors"}
    own = asking.tokens(asked)
    assert own == asking.tokens({**asked, "checkpoint": "tiny-sd-128.safetensors"})
    vocabulary = {"<|startoftext|>": 0, "<|endoftext|>": 1, "f</w>": 2, "o</w>": 3}
    with_metadata(path, {"tokenizer.vocab": json.dumps(vocabulary), "tokenizer.merges": ""})
    assert asking.tokens(asked) != own


def test_a_checkpoint_brings_its_own_tokenizer_and_family(tmp_path: Path) -> None:
    own = answers(tmp_path).tokens({"text": "a fox in the snow", "checkpoint": "tiny-sd-128.safetensors"})
    assert own["tokens"]
    names: Any = ["tiny-sd-128.safetensors", "gone.safetensors"]
    families = answers(tmp_path).families({"folder": "checkpoints", "names": names})
    assert isinstance(families["tiny-sd-128.safetensors"], str)
    assert families["gone.safetensors"] is None


def test_metadata_is_what_the_header_holds(tmp_path: Path) -> None:
    (tmp_path / "models" / "loras").mkdir(parents=True)
    save_file({"a": numpy.zeros(1, numpy.float32)}, tmp_path / "models" / "loras" / "a.safetensors", {"note": "hello"})
    assert answers(tmp_path).metadata({"folder": "loras", "name": "a.safetensors"}) == {"note": "hello"}


def test_nobody_can_be_asked_before_a_worker_is_ready(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as service:
            assert (await service.get("/view_metadata/loras?filename=a.safetensors")).status == 404

    asyncio.run(run())
    assert UnansweredError("x").code == "unanswered"
