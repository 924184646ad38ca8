"""What ComfyUI's clients keep on the server: uploads, user files, settings; and how files are shown."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData
from PIL import Image

from tests.server.service import Service, running


def do(folder: Path, act: Callable[[Service], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(100), running(folder) as service:
            await act(service)

    asyncio.run(run())


def test_user_files_and_settings(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        answer = await service.post("/userdata/workflows%2Fmine.json", b'{"a": 1}')
        assert (answer.status, answer.json) == (200, "workflows/mine.json")
        assert (await service.post("/userdata/workflows%2Fmine.json?overwrite=false", b"{}")).status == 409
        assert (await service.get("/userdata/workflows%2Fmine.json")).json == {"a": 1}
        assert (await service.get("/userdata?dir=workflows")).json == ["mine.json"]
        full = (await service.get("/userdata?dir=workflows&full_info=true")).json
        assert (full[0]["path"], full[0]["size"]) == ("mine.json", 8)
        assert (await service.post("/userdata/workflows%2Fmine.json/move/a%2Fb.json", b"")).json == "a/b.json"
        assert (await service.get("/userdata/workflows%2Fmine.json")).status == 404
        assert (await service.get("/userdata?dir=nothing")).status == 404
        assert (await service.get("/userdata")).status == 400
        for escape in ("..%2Fjobs.sqlite", "%2Fetc%2Fpasswd", "a%2F..%2F..%2Fx"):
            assert (await service.get(f"/userdata/{escape}")).status == 403, escape
        (tmp_path / "user" / "default" / "link").symlink_to("/etc")
        assert (await service.get("/userdata/link%2Fpasswd")).status == 403
        assert (await service.post("/settings", b'{"a": 1, "b": [2]}')).status == 200
        assert (await service.post("/settings/a", b"3")).status == 200
        assert (await service.get("/settings")).json == {"a": 3, "b": [2]}
        assert (await service.get("/settings/a")).json == 3
        assert (await service.get("/settings/unknown")).json is None

    do(tmp_path, act)


def png(colour: tuple[int, int, int, int], size: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA", (size, size), colour).save(buffer, "PNG")
    return buffer.getvalue()


async def upload(
    service: Service, content: bytes, name: str = "cat.png", path: str = "image", **fields: str
) -> tuple[int, Any]:
    form = FormData()
    for key, value in fields.items():
        form.add_field(key, value)
    form.add_field("image", content, filename=name, content_type="image/png")
    url = f"http://127.0.0.1:{service.port}/upload/{path}"
    async with service.session.post(url, data=form) as answer:
        return answer.status, await answer.json() if answer.status == 200 else await answer.text()


def test_uploads_get_free_names_and_can_be_seen(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        red, blue = png((255, 0, 0, 255)), png((0, 0, 255, 128))
        assert await upload(service, red) == (200, {"name": "cat.png", "subfolder": "", "type": "input"})
        assert (await upload(service, red))[1]["name"] == "cat.png"
        assert (await upload(service, blue))[1]["name"] == "cat (1).png"
        assert (await upload(service, blue, overwrite="true"))[1]["name"] == "cat.png"
        assert (await upload(service, red, subfolder="sub", type="temp"))[1] == {
            "name": "cat.png", "subfolder": "sub", "type": "temp",
        }  # fmt: skip
        assert (await service.get("/view?filename=cat.png&type=input")).body == blue
        assert (await service.get("/view?filename=cat.png [input]")).body == blue
        assert (await service.get("/view?filename=cat.png&type=temp&subfolder=sub")).body == red
        rgb = await service.get("/view?filename=cat.png&type=input&channel=rgb")
        assert Image.open(io.BytesIO(rgb.body)).mode == "RGB"
        alpha = await service.get("/view?filename=cat.png&type=input&channel=a")
        assert Image.open(io.BytesIO(alpha.body)).getpixel((0, 0)) == (0, 0, 0, 128)
        preview = await service.get("/view?filename=cat.png&type=input&preview=jpeg;50")
        assert (preview.kind, preview.body[8:12]) == ("image/webp", b"WEBP")
        reference = json.dumps({"filename": "cat (1).png", "subfolder": "", "type": "input"})
        masked = await upload(service, png((0, 0, 0, 7)), "mask.png", "mask", original_ref=reference)
        assert masked == (200, {"name": "mask.png", "subfolder": "", "type": "input"})
        seen = Image.open(io.BytesIO((await service.get("/view?filename=mask.png&type=input")).body))
        assert seen.getpixel((0, 0)) == (0, 0, 255, 7)
        gone = json.dumps({"filename": "gone.png"})
        assert (await upload(service, red, "m.png", "mask", original_ref=gone))[0] == 400

    do(tmp_path, act)


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("", 400, "filename="),
        ("?filename=/etc/passwd", 400, "filename="),
        ("?filename=../secret.png", 400, "'..'"),
        ("?filename=a.png&type=etc", 400, "one of input, output, temp"),
        ("?filename=a.png&subfolder=../..", 403, "subfolder="),
        ("?filename=a.png", 404, "there is no file 'a.png' in 'output'"),
        ("?filename=b.png&subfolder=a", 404, "there is no file 'a/b.png' in 'output'"),
        ("?filename=out.png&type=input", 404, "there is no file 'out.png' in 'input'"),
    ],
)
def test_view_serves_what_lies_in_its_folders(tmp_path: Path, query: str, status: int, says: str) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "out.png").symlink_to(tmp_path / "secret.png")

    async def act(service: Service) -> None:
        answer = await service.get("/view" + query)
        assert (answer.status, answer.kind, b"secret" in answer.body) == (status, "text/plain", False)
        assert says in answer.body.decode()

    do(tmp_path, act)


@pytest.mark.parametrize("name", ["page.html", "drawing.svg", "script.js", "page.xhtml", "a.png.html"])
def test_what_is_no_picture_is_a_download(tmp_path: Path, name: str) -> None:
    async def act(service: Service) -> None:
        (tmp_path / "input").mkdir()
        (tmp_path / "input" / name).write_bytes(b"<script>alert(1)</script>")
        url = f"http://127.0.0.1:{service.port}/view?filename={name}&type=input"
        async with service.session.get(url) as answer:
            assert answer.content_type == "application/octet-stream"
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "sandbox" in answer.headers["Content-Security-Policy"]

    do(tmp_path, act)


def drawn(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, kind)
    return buffer.getvalue()


WORDS = b"# Not a picture\n"
UPLOADS = {
    **{
        f"a.{kind.lower()}": (drawn(kind), 200) for kind in ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "BMP", "TIFF", "PPM")
    },
    "no-suffix": (drawn("PNG"), 200),
    "no-jpeg.jpg": (drawn("PNG"), 200),
    "song.MP3": (b"ID3\3\0", 200),
    "film.mp4": (b"\0\0\0\x18ftypmp42", 200),
    "solid.obj": (b"v 0 0 0\n", 200),
    "noise.latent": (b"\x3b\0\0\0\0\0\0\0{}", 200),
    "caption.txt": (b"a red fox", 200),
    **{
        name: (WORDS, 415) for name in ("README.md", "words", "a.png.html", "a.png", "a.bmp", "a.svg", "a.js", "a.json")
    },
}


@pytest.mark.parametrize("name", UPLOADS)
def test_pictures_are_known_by_how_they_begin(tmp_path: Path, name: str) -> None:
    content, status = UPLOADS[name]

    async def act(service: Service) -> None:
        answered, told = await upload(service, content, name)
        assert answered == status
        assert told["name"] == name if status == 200 else "is no picture" in told
        assert (tmp_path / "input" / name).exists() is (status == 200)

    do(tmp_path, act)


@pytest.mark.parametrize(
    ("name", "fields", "status"),
    [("../../x.png", {"subfolder": "../.."}, 400), ("x.png", {"type": "etc"}, 400), ("", {}, 400)],
)
def test_bad_uploads_leave_nothing(tmp_path: Path, name: str, fields: dict[str, str], status: int) -> None:
    async def act(service: Service) -> None:
        assert (await upload(service, b"x", name, **fields))[0] == status

    do(tmp_path, act)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix in (".png", "")] == []


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/userdata?dir=workflows", ["fine.json"]),
        ("/userdata?dir=workflows&split=true", [["fine.json", "fine.json"]]),
        ("/userdata?dir=workflows&full_info=true", ["fine.json"]),
        ("/v2/userdata?path=workflows", ["fine.json"]),
    ],
)
def test_a_link_that_leads_nowhere_or_out_is_not_listed(tmp_path: Path, path: str, names: list[Any]) -> None:
    folder = tmp_path / "user" / "default" / "workflows"
    folder.mkdir(parents=True)
    (folder / "fine.json").write_text("{}")
    (folder / "nowhere.json").symlink_to(folder / "gone.json")
    (tmp_path / "secret.json").write_text("{}")
    (folder / "out.json").symlink_to(tmp_path / "secret.json")

    async def act(service: Service) -> None:
        answer = await service.get(path)
        told = [(one.get("name") or one["path"]) if isinstance(one, dict) else one for one in answer.json]
        assert (answer.status, told) == (200, names)

    do(tmp_path, act)


def test_settings_that_are_changed_at_once_are_all_kept(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        await asyncio.gather(*(service.post(f"/settings/Comfy.{number}", "1") for number in range(20)))
        kept = (await service.get("/settings")).json
        assert kept.keys() == {f"Comfy.{number}" for number in range(20)}

    do(tmp_path, act)


def test_folders_of_diffusers_are_listed_with_their_facts(tmp_path: Path) -> None:
    index = tmp_path / "models" / "diffusers" / "mine" / "model_index.json"
    index.parent.mkdir(parents=True)
    index.write_text("{}")

    async def act(service: Service) -> None:
        answer = await service.get("/experiment/models/diffusers")
        assert [(one["name"], one["pathIndex"], one["size"]) for one in answer.json] == [("mine", 0, 2)]

    do(tmp_path, act)


@pytest.mark.parametrize("ending", ["gz", "br"])
def test_a_packed_file_is_not_sent_for_the_one_beside_it(tmp_path: Path, ending: str) -> None:
    async def act(service: Service) -> None:
        mine, packed = png((1, 2, 3, 255)), b"of somebody else"
        assert (await service.post("/api/v1/uploads?name=cat.png", mine)).status == 201
        assert (await service.post(f"/api/v1/uploads?name=cat.png.{ending}", packed)).status == 201
        answer = await service.get("/view?type=input&filename=cat.png", {"Accept-Encoding": "gzip, br"})
        assert (answer.status, answer.body) == (200, mine)

    do(tmp_path, act)
