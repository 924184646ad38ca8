"""Pictures that lie (rows E of the suite of bad input), through the service with a real worker.

Whatever a file holds, its job ends with a code and a sentence, the worker lives, and the next job is as good as any.
"""

from __future__ import annotations

import asyncio
import io
import json
import struct
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector
from PIL import Image

from tests.server.bad_files import at_work, check_refused, shown
from tests.server.program import Program


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with at_work(tmp_path_factory.mktemp("service")) as program:
        yield program


def chunk(kind: bytes, data: bytes, *, crc: int | None = None) -> bytes:
    check = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


END = chunk(b"IEND", b"")


def png(size: int = 16, kind: str = "PNG", mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((size, size), 90).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def zeros(width: int, height: int) -> bytes:
    """A picture of nothing, as small as it gets."""
    row = b"\0" * (3 * width + 1)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return header(width, height) + chunk(b"IDAT", packed) + END


def bombed_text(kind: bytes) -> bytes:
    packed = zlib.compress(b"x" * 100_000_000, 9)
    body = b"Comment\0\0" + packed if kind == b"zTXt" else b"Comment\0\1\0\0\0" + packed
    whole = png()
    return whole[:33] + chunk(kind, body) + whole[33:]


def with_chunk(data: bytes) -> bytes:
    whole = png()
    return whole[:33] + data + whole[33:]


PICTURES: dict[str, bytes] = {
    "E-01 header of 50,000 x 50,000": header(50_000, 50_000) + chunk(b"IDAT", b"x" * 100) + END,
    "E-02 169 million pixels": header(13_000, 13_000) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + END,
    "E-02 65 million pixels": zeros(8_100, 8_300),
    "E-03 no width": header(0, 8) + END,
    "E-03 very wide": header(1, 2**31 - 1) + END,
    "E-04 a text of 100 MB": bombed_text(b"zTXt"),
    "E-04 an international text of 100 MB": bombed_text(b"iTXt"),
    "E-07 Photoshop": b"8BPS\0\1" + b"\0" * 100,
    "E-07 FITS": b"SIMPLE  =                    T" + b" " * 3000,
    "E-07 DDS": b"DDS " + b"\x7c\0\0\0" + b"\0" * 200,
    "E-07 JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 100,
    "E-07 PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "E-07 PDF": b"%PDF-1.7\n1 0 obj\n",
    "E-07 font": b"STARTFONT 2.1\n",
    "E-07 icons": b"icns" + struct.pack(">I", 100) + b"\0" * 92,
    "E-07 script": b"<script>alert(1)</script>",
    **{f"E-08 {tenth}0 % of a picture": png(64)[: len(png(64)) * tenth // 10] for tenth in range(1, 9)},
    **{f"E-08 {tenth}0 % of a JPEG": png(64, "JPEG")[: len(png(64, "JPEG")) * tenth // 10] for tenth in (1, 5)},
    **{f"E-08 {tenth}0 % of a WebP": png(64, "WEBP")[: len(png(64, "WEBP")) * tenth // 10] for tenth in (1, 5)},
    "E-09 wrong checksum": header(8, 8)[:-4] + b"\0\0\0\0" + END,
    "E-09 no zlib": header(8, 8) + chunk(b"IDAT", b"not zlib") + END,
    "nothing": b"\x89PNG\r\n\x1a\n",
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_lies_is_refused(service: Program, name: str) -> None:
    file = f"{abs(hash(name))}.png"
    (service.folder / "input" / file).write_bytes(PICTURES[name])
    assert check_refused(service, shown(file)) in ("image_unreadable", "image_too_large"), name
    for made in ("preview=webp", "channel=rgb", "channel=a"):
        status, _ = service.ask(f"/view?filename={file}&type=input&{made}")
        assert status in (200, 404), made


HARMLESS: dict[str, bytes] = {
    "E-05 colour profile that is none": with_chunk(chunk(b"iCCP", b"x\0\0" + zlib.compress(b"\0" * 20_000_000, 9))),
    "E-05 orientation 9": with_chunk(chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\x09\0\0\0\0\0\0")),
    "E-05 a directory that is its own": with_chunk(chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0\0\0\0\x08")),
    "E-09 no end": png()[:-12],
    "E-09 10,000 empty parts": png()[:33] + chunk(b"IDAT", b"") * 10_000 + png()[33:],
    **{f"E-10 {mode}": png(16, "PNG", mode) for mode in ("1", "L", "LA", "P", "RGBA", "I;16")},
    "E-10 CMYK": png(16, "JPEG", "CMYK"),
    "E-15 two texts of one name": with_chunk(chunk(b"tEXt", b"workflow\0{}") + chunk(b"tEXt", b"workflow\0[]")),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_an_odd_picture_is_read_or_refused(service: Program, name: str) -> None:
    file = f"{abs(hash(name))}.png"
    (service.folder / "input" / file).write_bytes(HARMLESS[name])
    before = service.workers()
    status, job = service.job(shown(file))
    assert status == 200
    may_fail = name.startswith(("E-05", "E-09"))
    assert job["state"] == "done" or (may_fail and job["error"]["code"] == "image_unreadable"), job
    assert service.workers() == before


@pytest.mark.row("E-06")
def test_an_animation_is_bounded(service: Program) -> None:
    frames = [Image.new("P", (64, 64), number % 256) for number in range(100)]
    frames[0].save(service.folder / "input" / "many.gif", save_all=True, append_images=frames[1:])
    status, job = service.job(shown("many.gif"))
    assert (status, job["state"]) in ((200, "done"), (200, "failed")), job
    wide = [Image.new("P", (3000, 3000), number % 256) for number in range(8)]
    wide[0].save(service.folder / "input" / "wide.gif", save_all=True, append_images=wide[1:])
    assert check_refused(service, shown("wide.gif")) == "image_too_large"


ASKING = """
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1])
answered = 0
print(answered, flush=True)
while True:
    connection.request("GET", "/health/live")
    answered += connection.getresponse().read() == b'{"status": "live"}'
    print(answered, flush=True)
"""


@contextmanager
def asked_all_the_while(service: Program, counts: list[int]) -> Iterator[None]:
    """While this is open a process of its own, so that nothing but the service holds it up, asks how the service is, one
    question after the other. At the end there is in `counts` how many were answered."""
    asking = subprocess.Popen([sys.executable, "-c", ASKING, service.address], stdout=subprocess.PIPE, text=True)
    assert asking.stdout is not None
    asking.stdout.readline()
    try:
        yield
    finally:
        asking.terminate()
        counts.append(int((asking.stdout.read().split() or ["0"])[-1]))
        asking.wait()
        asking.stdout.close()


def _decoders(service: Program) -> int:
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    lines = [_line(one) for one in children]
    return sum("server.worker.picture" in line for line in lines)


def _line(process: str) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:  # it has just ended
        return ""


@pytest.mark.row("E-14")
def test_a_thousand_large_pictures_at_once_hold_up_nobody(service: Program) -> None:
    """Of 64 megapixels each, uploaded at once: taken without a look into them, and who asks something meanwhile is answered
    in between."""
    content, statuses, answered = zeros(8000, 8000), Counter[int](), list[int]()

    async def upload(session: ClientSession, number: int) -> None:
        url = f"http://{service.address}/api/v1/uploads?name=large/{number}.png"
        async with session.post(url, data=content) as answer:
            statuses[answer.status] += 1

    async def act() -> None:
        async with ClientSession(connector=TCPConnector(limit=0)) as session:
            await asyncio.gather(*(upload(session, number) for number in range(1000)))

    before = service.workers()
    with asked_all_the_while(service, answered):
        asyncio.run(act())
    assert statuses == {201: 1000}
    assert answered[0] > 20
    assert (_decoders(service), service.workers()) == (0, before)
    assert len(list((service.folder / "input" / "large").iterdir())) == 1000


@pytest.mark.row("E-14")
def test_nothing_is_decoded_for_those_who_have_gone(service: Program) -> None:
    """Many ask for a smaller copy of a large picture and go: no more than two are being made, and of the others none is."""
    (service.folder / "input" / "wide.png").write_bytes(zeros(5000, 5000))
    path, answered = "/view?type=input&filename=wide.png&preview=webp", list[int]()

    async def ask(session: ClientSession) -> None:
        async with session.get(f"http://{service.address}{path}") as answer:
            await answer.read()

    async def act() -> None:
        async with ClientSession(connector=TCPConnector(limit=0)) as session:
            asked = [asyncio.create_task(ask(session)) for _ in range(400)]
            most = 0
            while not any(one.done() for one in asked):
                most = max(most, _decoders(service))
                await asyncio.sleep(0.01)
            assert 1 <= most <= 2
            for one in asked:
                one.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    before = service.workers()
    with asked_all_the_while(service, answered):
        asyncio.run(act())
    assert answered[0] > 20
    assert service.ask(path)[0] == 200  # waits behind the two, not behind all
    assert _decoders(service) <= 1
    assert service.workers() == before


WORKFLOWS = {
    "E-11 depth 100,000": "[" * 100_000,
    "E-11 cut off": '{"nodes": [',
    "E-11 a key twice": '{"nodes": [], "nodes": []}',
    "E-11 20,001 nodes": json.dumps({f"{i}": {"class_type": "EmptyImage", "inputs": {}} for i in range(20_001)}),
    "E-13 nodes from elsewhere": json.dumps(
        {"1": {"class_type": "Unheard", "inputs": {}, "_meta": {"url": "http://evil.test"}}}
    ),
}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_in_a_picture_is_read_as_any_other(service: Program, name: str) -> None:
    content = with_chunk(chunk(b"tEXt", b"workflow\0" + WORKFLOWS[name].encode()))
    status, told = service.ask("/upload/workflow", content)
    assert status in (200, 400, 413, 422), told
    assert status != 200 or told["problems"] or len(told["document"]["nodes"]) > 20_000
