"""Files asked for by path (rows D of the suite of bad input), with requests that go out as they are written here."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import FormData
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from server.http.service import Bounds
from tests.server.raw import RawAnswer, ask
from tests.server.service import Service, running

SECRET = b"7f3a canary 91c2"
UP = ("..", "%2e%2e", "%252e%252e", "..%5c..", "%c0%ae%c0%ae", ".%2e", "..;", "%2e%2e;")
PLACES = (
    "/view?filename={up}/secret.png",
    "/view?filename={up}/secret.png&type=input",
    "/view?filename=secret.png&subfolder={up}",
    "/view?filename=secret.png&type={up}",
    "/userdata/{up}%2Fsecret.png",
    "/userdata/{up}%2f{up}%2fsecret.png",
    "/userdata?dir={up}",
    "/v2/userdata?path={up}",
    "/experiment/models/preview/loras/0/{up}/secret.png",
    "/experiment/models/preview/{up}/0/secret.png",
    "/api/v1/model-pictures/loras/{up}/secret.png",
    "/api/v1/model-pictures/{up}/secret.png",
    "/models/{up}",
    "/view_metadata/loras?filename={up}/secret.safetensors",
    "/view_metadata/{up}?filename=secret.safetensors",
    "/api/v1/jobs/{up}/outputs/0",
    "/api/v1/jobs/x/outputs/{up}",
    "/api/v1/workflows/{up}/secret",
    "/templates/{up}/secret.png",
    "/assets/{up}/secret.png",
    "/assets/{up}",
    "/{up}/secret.png",
    "//etc/passwd",
    "/view//etc/passwd",
    "/view?filename=/etc/passwd",
    "/view?filename=//etc/passwd",
    "/view?filename=C:\\secret.png",
    "/view?filename=\\\\host\\share\\x.png",
    "/view?filename=secret.png%00.png",
    "/userdata/%2Fetc%2Fpasswd",
    "/userdata/secret%00.png",
    "/internal/files/{up}",
    "/internal/folder_paths/{up}",
    "/settings/{up}%2Fsecret",
    "/history/{up}",
    "/object_info/{up}",
    "/api/v1/nodes/{up}",
)


def furnish(folder: Path) -> Path:
    """Secrets beside and above the service's folders, and doors to them inside."""
    inside = folder / "service"
    for place in (folder, inside, inside / "user"):
        place.mkdir(exist_ok=True)
        (place / "secret.png").write_bytes(SECRET)
        (place / "secret.safetensors").write_bytes(SECRET)
        (place / "secret.json").write_bytes(b'"' + SECRET + b'"')
    for name in ("input", "output", "user/default", "models/loras"):
        place = inside / name
        place.mkdir(parents=True)
        (place / "link.png").symlink_to(folder / "secret.png")
        (place / "door").symlink_to(folder)
        os.mkfifo(place / "pipe.png")
        (place / "folder.png").mkdir()
    return inside


def do(folder: Path, act: Callable[[Service], Awaitable[None]], bounds: Bounds | None = None) -> None:
    inside = furnish(folder)

    async def run() -> None:
        async with asyncio.timeout(200), running(inside, bounds=bounds) as service:
            await act(service)

    asyncio.run(run())


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.png"))


def is_safe(answer: RawAnswer) -> bool:
    """Neither a secret, nor a file of the system, nor a fault."""
    told = SECRET in answer.body or b"root:" in answer.body
    return not told and 0 < answer.status < 500


@pytest.mark.row("D-01", "D-04", "D-11", "D-13")
def test_no_path_leads_out(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        for place in PLACES:
            for up in UP if "{up}" in place else ("",):
                target = place.replace("{up}", up)
                for prefix in ("", "/api"):
                    answer = await ask(service.port, "GET", prefix + target)
                    assert is_safe(answer), (prefix + target, answer.status, answer.body[:200])
        assert (await ask(service.port, "GET", "/view?filename=fox.png&type=input")).status in (200, 404)

    do(tmp_path, act)


@pytest.mark.row("D-03")
def test_links_pipes_and_folders_are_not_served(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        for name in ("link.png", "pipe.png", "folder.png", "door/secret.png"):
            for target in (
                f"/view?filename={name}&type=input", f"/view?filename={name}", f"/userdata/{name.replace('/', '%2F')}",
                f"/experiment/models/preview/loras/0/{name}", f"/api/v1/model-pictures/loras/{name}",
            ):  # fmt: skip
                answer = await ask(service.port, "GET", target)
                assert answer.status in (400, 403, 404), (target, answer.status)
                assert is_safe(answer)
        answer = await ask(service.port, "GET", "/view?filename=secret.png&subfolder=door&type=input")
        assert answer.status in (403, 404)

    do(tmp_path, act)


@pytest.mark.row("D-02", "D-10")
def test_jobs_and_outputs_are_named_exactly(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        for name in ("0" * 64, "0" * 63, "F" * 64, "0" * 64 + ".png", "%00", "x%0d%0aSet-Cookie:a=b", "x" * 5000):
            for target in (f"/api/v1/jobs/{name}", f"/api/v1/jobs/{name}/outputs/0", f"/history/{name}"):
                answer = await ask(service.port, "GET", target)
                assert answer.status in (200, 400, 404), (target[:80], answer.status)
                assert "set-cookie" not in answer.headers
        for method in ("DELETE", "PUT", "PROPFIND", "TRACE"):
            answer = await ask(service.port, method, "/api/v1/jobs/..%2f..%2fx")
            assert answer.status in (400, 404, 405, 501), method
        before = pictures(tmp_path)
        for target in (
            "/queue?clear=true", "/history?clear=true", "/userdata/link.png?delete=true&_method=DELETE",
            "/interrupt?prompt_id=x", "/free?free_memory=true", "/view?filename=link.png&delete=1", "/settings?a=1",
        ):  # fmt: skip
            answer = await ask(service.port, "GET", target, headers={"X-HTTP-Method-Override": "DELETE"})
            assert answer.status < 500, target
        assert pictures(tmp_path) == before

    do(tmp_path, act)


async def upload(service: Service, content: bytes, name: str, kind: str = "image/png") -> tuple[int, str]:
    form = FormData(quote_fields=False)
    form.add_field("image", io.BytesIO(content), filename=name, content_type=kind)
    async with service.session.post(f"http://127.0.0.1:{service.port}/upload/image", data=form) as answer:
        return answer.status, await answer.text()


def picture(kind: str = "PNG", **texts: str) -> bytes:
    information = PngInfo()
    for name, text in texts.items():
        information.add_text(name, text)
    buffer = io.BytesIO()
    more = {"pnginfo": information} if texts else {}
    Image.new("RGB", (8, 8), (200, 10, 10)).save(buffer, kind, **more)
    return buffer.getvalue()


HTML = b"<!doctype html><script>alert(1)</script>"
FAKES = {
    "page.html": HTML,
    "page.xhtml": b'<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>',
    "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "style.xml": b'<?xml-stylesheet type="text/xsl" href="x"?><a/>',
    "script.js": b"alert(1)",
    "mail.mhtml": b"MIME-Version: 1.0\r\n\r\n" + HTML,
    "paper.pdf": b"%PDF-1.7",
    "flash.swf": b"FWS\x06",
}


@pytest.mark.row("D-05")
@pytest.mark.parametrize("name", FAKES)
def test_what_is_no_picture_never_runs(tmp_path: Path, name: str) -> None:
    async def act(service: Service) -> None:
        content = FAKES[name]
        for fake in (f"{name}.png", f"{name}.jpg", f"{name}.WEBP"):
            assert (await upload(service, content, fake))[0] == 415, fake
        assert (await upload(service, content, name))[0] == 415
        for shown in (name, "planted.png"):
            (tmp_path / "service" / "input" / shown).write_bytes(content)
            answer = await ask(service.port, "GET", f"/view?filename={shown}&type=input")
            assert answer.headers["content-type"] == "application/octet-stream"
            assert answer.headers["content-disposition"].startswith("attachment")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in answer.headers["content-security-policy"]

    do(tmp_path, act)


POLYGLOTS = {
    "png and html": (picture() + HTML, "image/png"),
    "png with html in its text": (picture(Comment=HTML.decode()), "image/png"),
    "gif and script": (picture("GIF") + b"*/=1;alert(1)", "image/gif"),
    "jpeg and zip": (picture("JPEG") + b"PK\x03\x04", "image/jpeg"),
    "webp": (picture("WEBP"), "image/webp"),
}


@pytest.mark.row("D-06")
@pytest.mark.parametrize("which", POLYGLOTS)
def test_a_picture_is_served_as_what_it_is(tmp_path: Path, which: str) -> None:
    content, kind = POLYGLOTS[which]

    async def act(service: Service) -> None:
        assert (await upload(service, content, "both.png"))[0] == 200
        answer = await ask(service.port, "GET", "/view?filename=both.png&type=input")
        assert (answer.status, answer.headers["content-type"]) == (200, kind)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("sandbox")
        again = await ask(service.port, "GET", "/view?filename=both.png&type=input&channel=rgb")
        assert again.headers["content-type"] == "image/png"
        assert b"alert" not in again.body
        assert again.body.endswith(b"IEND\xaeB`\x82")

    do(tmp_path, act)


@pytest.mark.row("D-07")
@pytest.mark.filterwarnings("ignore::aiohttp.multipart.BadContentDispositionHeader")
@pytest.mark.parametrize(
    "name", ['a";x="b.png', "a;b.png", "x" * 10_240 + ".png", "\u202egnp.exe.png", "a.png.html", "ü ß.png", "a'b.png"]
)
def test_a_name_is_a_label_only(tmp_path: Path, name: str) -> None:
    async def act(service: Service) -> None:
        status, text = await upload(service, picture(), name)
        assert status in (200, 400), text
        if status != 200:
            return
        kept = json.loads(text)["name"]
        url = f"http://127.0.0.1:{service.port}/view"
        async with service.session.get(url, params={"filename": kept, "type": "input"}) as answer:
            assert answer.status == 200
            label = answer.headers["Content-Disposition"]
            assert label.isascii()
            assert "\n" not in label
            assert label.count('"') == 2
            assert ("filename*=UTF-8''" in label) == (not (kept.isascii() and '"' not in kept))

    do(tmp_path, act)


@pytest.mark.row("D-07")
@pytest.mark.filterwarnings("ignore::aiohttp.multipart.BadContentDispositionHeader")
def test_a_form_cannot_smuggle_a_header(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a\r\nSet-Cookie: x=y\r\n.png"\r\n\r\n'
        body = head + picture() + b"\r\n--b--\r\n"
        answer = await ask(
            service.port, "POST", "/upload/image", body, {"Content-Type": "multipart/form-data; boundary=b"}
        )
        assert answer.status in (200, 400)
        assert "set-cookie" not in answer.headers
        for junk in (
            b"x" * 65_536,
            b"--b" * 30_000,
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 10_000,
        ):
            answer = await ask(
                service.port, "POST", "/upload/image", junk, {"Content-Type": "multipart/form-data; boundary=b"}
            )
            assert answer.status == 400

    do(tmp_path, act)


@pytest.mark.row("D-08")
def test_an_upload_has_a_size(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        assert (await upload(service, b"", "empty.png"))[0] == 400
        whole = picture()
        assert (await upload(service, whole + b"x" * (2**20 - len(whole)), "full.png"))[0] == 200
        status, _ = await upload(service, whole + b"x" * (2**20 - len(whole) + 1), "over.png")
        assert status == 413
        folder = tmp_path / "service" / "input"
        assert [path.name for path in folder.iterdir() if path.name.startswith((".upload", "over"))] == []

    do(tmp_path, act, Bounds(upload=2**20))


@pytest.mark.row("D-09")
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("bytes=0-9", 206),
        ("bytes=-1", 206),
        ("bytes=9999999999-", 416),
        ("bytes=5-2", 416),
        ("bytes=" + ",".join(["0-"] * 10_000), 416),
        ("bytes=0-0,2-2", 416),
        ("lines=1", 416),
        ("bytes=x", 416),
    ],
)
def test_ranges_are_bounded(tmp_path: Path, asked: str, status: int) -> None:
    async def act(service: Service) -> None:
        content = picture()
        assert (await upload(service, content, "whole.png"))[0] == 200
        answer = await ask(service.port, "GET", "/view?filename=whole.png&type=input", headers={"Range": asked})
        assert answer.status in (status, 400, 200), (asked[:40], answer.status)
        assert len(answer.body) <= 2 * len(content)
        if status == 206:
            assert answer.status == 206

    do(tmp_path, act)


@pytest.mark.row("D-12")
def test_settings_hold_values_and_nothing_is_configured_by_them(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        for text in ("x%0d%0asecurity_level=weak", "a/../b", "%00"):
            answer = await ask(service.port, "POST", f"/settings/{text}", b'"y\\r\\nsecurity_level = weak"')
            assert answer.status in (200, 400, 404)
        stored = (tmp_path / "service" / "user" / "default").rglob("*")
        assert {path.name for path in stored if path.is_file()} <= {"comfy.settings.json", "link.png"}

    do(tmp_path, act)


@pytest.mark.row("D-13", "C-18")
def test_names_of_models_are_exact(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        folder = tmp_path / "service" / "models" / "loras"
        (folder / "Caf\u00e9.safetensors").write_bytes(b"x")
        listed = (await ask(service.port, "GET", "/models/loras")).json
        assert "Caf\u00e9.safetensors" in listed
        for twin in ("Cafe\u0301.safetensors", "caf\u00e9.safetensors", "CAF\u00c9.safetensors"):
            prompt = {
                "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "tiny-sd-128.safetensors"}},
                "2": {"class_type": "LoraLoader", "inputs": {"model": ["1", 0], "clip": ["1", 1], "lora_name": twin,
                                                             "strength_model": 1, "strength_clip": 1}},
                "3": {"class_type": "ModelSave", "inputs": {"model": ["2", 0], "filename_prefix": "x"}},
            }  # fmt: skip
            answer = await ask(service.port, "POST", "/prompt", json.dumps({"prompt": prompt}).encode())
            assert answer.status == 400, twin

    do(tmp_path, act)
