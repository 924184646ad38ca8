"""Pictures and model files that lie (rows E and F of the suite of bad input), through the service with a real worker.

Whatever a file holds, its job ends with a code and a sentence, the worker lives, and the next job is as good as any.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import pickle
import re
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector
from PIL import Image

from nodes.folders import FolderError, read_extra_paths
from nodes.weights.embedded import embedded_checkpoints
from tests.server.program import Program, started

EMBEDDED = next(iter(embedded_checkpoints().values()))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("service")
    for name in ("input", "models/checkpoints", "models/loras"):
        (folder / name).mkdir(parents=True)
    with started(folder) as program:
        status, job = program.job(drawn("tiny-sd-128.safetensors", seed=1))
        assert (status, job["state"]) == (200, "done"), job
        yield program


def node(kind: str, **inputs: object) -> dict[str, Any]:
    return {"type": kind, "inputs": inputs}


def link(name: str, output: str) -> dict[str, Any]:
    return {"from": [name, output]}


def drawn(checkpoint: str, *, seed: int = 1, lora: str | None = None) -> dict[str, Any]:
    """One step of a small picture with this checkpoint."""
    nodes = {
        "c": node("CheckpointLoaderSimple", ckpt_name=checkpoint),
        "l": node("EmptyLatentImage", width=64, height=64),
        "d": node("VAEDecode", samples=link("k", "LATENT"), vae=link("c", "VAE")),
        "s": node("PreviewImage", images=link("d", "IMAGE")),
    }
    model = link("c", "MODEL")
    if lora is not None:
        nodes["a"] = node("LoraLoaderModelOnly", model=model, lora_name=lora, strength_model=1.0)
        model = link("a", "MODEL")
    nodes["p"] = node("CLIPTextEncode", text="a fox", clip=link("c", "CLIP"))
    words = {"positive": link("p", "CONDITIONING"), "negative": link("p", "CONDITIONING")}
    nodes["k"] = node("KSampler", model=model, latent_image=link("l", "LATENT"), steps=1, seed=seed, **words)
    return {"format": "latentgraph/1", "nodes": nodes}


def shown(picture: str) -> dict[str, Any]:
    return {
        "format": "latentgraph/1",
        "nodes": {"i": node("LoadImage", image=picture), "s": node("PreviewImage", images=link("i", "IMAGE"))},
    }


def check_refused(service: Program, workflow: dict[str, Any]) -> str:
    """The code with which the job fails. The worker is the same afterwards, and works."""
    before = service.workers()
    status, job = service.job(workflow)
    if status == 422:
        return str(job["problems"][0]["code"])
    assert (status, job["state"]) == (200, "failed"), job
    error = job["error"]
    assert error["code"] not in ("internal", "node_failed"), error
    assert error["message"]
    assert service.workers() == before
    return str(error["code"])


# E: pictures


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


# F: models


class Reduced:
    """What a pickle does when it is read."""

    def __init__(self, canary: str) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (self.canary,))


def tensors(header: dict[str, Any] | bytes, data: bytes | None = None, length: int | None = None) -> bytes:
    """A file of this header; its data, where none is given, as long as the header says, up to a limit."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    said = re.findall(rb'"data_offsets": \[\d+, (\d+)\]', text)
    data = bytes(min(64, max(map(int, said), default=64))) if data is None else data
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: object = "F32", shape: object = (4,), offsets: object = (0, 16)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def archived(canary: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Reduced(canary)))
    return buffer.getvalue()


def tarred(canary: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        content = pickle.dumps(Reduced(canary))
        about = tarfile.TarInfo("pickle")
        about.size = len(content)
        archive.addfile(about, io.BytesIO(content))
    return buffer.getvalue()


WHOLE = EMBEDDED.read_bytes()
MODELS: dict[str, bytes] = {
    **{f"F-04 header of {size}": tensors(b"{}", length=size) for size in (0, 1, 7, 2**31, 2**63, 2**64 - 1, 100)},
    "F-05 9 MB of spaces": tensors(b"{" + b" " * 9 * 2**20 + b"}"),
    "F-05 20,001 tensors": tensors({f"t{i}": entry(shape=[0], offsets=[0, 0]) for i in range(20_001)}),
    "F-05 a key of 7 MB": tensors({"k" * 7_000_000: entry()}),
    "F-05 depth 10,000": tensors(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "F-06 overlap": tensors({"a": entry(), "b": entry(offsets=[8, 24])}),
    "F-06 a hole": tensors({"a": entry(), "b": entry(offsets=[20, 36])}),
    "F-06 bytes behind the last": tensors({"a": entry()}) + b"PK\3\4",
    "F-06 reversed": tensors({"a": entry(offsets=[16, 0])}),
    "F-06 past the end": tensors({"a": entry(shape=[400], offsets=[0, 1600])}),
    "F-06 negative": tensors({"a": entry(offsets=[-16, 0])}),
    "F-06 not whole": tensors({"a": entry(offsets=[0.0, 16.0])}),
    "F-07 product beyond 2^64": tensors({"a": entry(shape=[2**40, 2**40])}),
    "F-07 negative side": tensors({"a": entry(shape=[-1])}),
    "F-07 shape and bytes": tensors({"a": entry(shape=[5])}),
    "F-07 no such type": tensors({"a": entry("F31")}),
    "F-07 65 sides": tensors({"a": entry(shape=[1] * 65, offsets=[0, 4])}),
    "F-08 a name twice": tensors(b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "a": {}}'),
    "F-08 names of Python": tensors({name: entry(shape=[0], offsets=[0, 0]) for name in ("__class__", "a.__dict__.b")}),
    "F-09 metadata that is no text": tensors({"__metadata__": {"a": 1}, "a": entry()}),
    "F-09 metadata that is no object": tensors({"__metadata__": [], "a": entry()}),
    **{f"F-10 {part} of 11 of a file": WHOLE[: len(WHOLE) * part // 11] for part in range(1, 11)},
    "F-10 a byte too few": WHOLE[:-1],
    "F-17 a vocabulary that is none": tensors(
        {"__metadata__": {"tokenizer.vocab": "[" * 500, "config": "{}"}, "a": entry()}
    ),
    "empty": b"",
    "a page": b"<!DOCTYPE html><html></html>",
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_lies_is_refused(service: Program, name: str) -> None:
    file = f"{abs(hash(name))}.safetensors"
    path = service.folder / "models" / "checkpoints" / file
    path.write_bytes(MODELS[name])
    assert check_refused(service, drawn(file)).startswith("weights_"), name
    for asked in (f"/view_metadata/checkpoints?filename={file}", f"/experiment/models/preview/checkpoints/0/{file}"):
        assert service.ask(asked)[0] in (200, 404)
    path.unlink()


@pytest.mark.row("F-01", "F-02", "F-03")
@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".safetensors"])
@pytest.mark.parametrize(
    "made", [lambda canary: pickle.dumps(Reduced(canary)), archived, tarred], ids=["bare", "zip", "tar"]
)
def test_no_pickle_is_ever_read(service: Program, suffix: str, made: Any) -> None:  # noqa: ANN401 - what is written is made by it
    canary = service.folder / "canary"
    path = service.folder / "models" / "checkpoints" / f"pickle{suffix}"
    path.write_bytes(made(str(canary)))
    lora = service.folder / "models" / "loras" / f"pickle{suffix}"
    lora.write_bytes(made(str(canary)))
    assert check_refused(service, drawn(path.name)).startswith("weights_")
    assert check_refused(service, drawn("tiny-sd-128.safetensors", lora=lora.name)).startswith("weights_")
    assert not canary.exists()
    path.unlink()
    lora.unlink()


PROJECTION = "lora_unet_down_blocks_0_attentions_0_proj_in"
LORAS: dict[str, bytes] = {
    "F-15 another architecture": tensors({"lora_te9_text_model.lora_up.weight": entry(shape=[2, 2])}),
    "F-15 rank of a million": tensors(
        {f"{PROJECTION}.lora_up.weight": entry(shape=[1_000_000, 1], offsets=[0, 4_000_000]),
         f"{PROJECTION}.lora_down.weight": entry(shape=[1, 4], offsets=[4_000_000, 4_000_016])},
        b"\0" * 4_000_016,
    ),
    "F-15 not a number": tensors({"lora_unet_input_blocks_1_1_proj_in.lora_up.weight": entry()}, b"\0\0\xc0\x7f" * 16),
}  # fmt: skip


@pytest.mark.parametrize("name", LORAS)
def test_a_lora_that_does_not_fit_is_told(service: Program, name: str) -> None:
    path = service.folder / "models" / "loras" / f"{abs(hash(name))}.safetensors"
    path.write_bytes(LORAS[name])
    before = service.workers()
    status, job = service.job(drawn("tiny-sd-128.safetensors", lora=path.name))
    assert (status, job["state"]) in ((200, "done"), (200, "failed")), job
    assert job["state"] == "done" or job["error"]["code"] not in ("internal", "node_failed"), job["error"]
    assert service.workers() == before


@pytest.mark.row("F-11", "F-13")
def test_a_changed_file_is_another_model(service: Program) -> None:
    path = service.folder / "models" / "checkpoints" / "mine.safetensors"
    shutil.copy(EMBEDDED, path)
    assert service.job(drawn(path.name, seed=5))[1]["nodes"]["ran"] > 0
    assert service.job(drawn(path.name, seed=5))[1]["nodes"]["ran"] == 0
    changed = bytearray(WHOLE)
    changed[-1000] ^= 0x01
    path.write_bytes(changed)
    assert service.job(drawn(path.name, seed=5))[1]["nodes"]["ran"] > 0


@pytest.mark.row("F-12")
def test_a_file_cut_short_under_a_worker_costs_a_job_at_most(service: Program) -> None:
    path = service.folder / "models" / "checkpoints" / "shrinking.safetensors"
    shutil.copy(EMBEDDED, path)
    assert service.job(drawn(path.name, seed=6))[1]["state"] == "done"
    os.truncate(path, len(WHOLE) // 2)
    status, job = service.job(drawn(path.name, seed=7))
    assert (status, job["state"]) in ((200, "failed"), (200, "quarantined"), (200, "done")), job
    assert service.process.poll() is None
    assert service.job(drawn("tiny-sd-128.safetensors", seed=8))[1]["state"] == "done"


@pytest.mark.row("F-14", "F-19")
def test_what_is_no_file_is_not_listed(service: Program) -> None:
    folder = service.folder / "models" / "loras" / "odd"
    folder.mkdir()
    (folder / "folder.safetensors").mkdir()
    os.mkfifo(folder / "pipe.safetensors")
    (folder / "loop.safetensors").symlink_to("loop.safetensors")
    listening = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(folder)  # the path of a socket is short
    try:
        listening.bind("socket.safetensors")
    finally:
        os.chdir(here)
        listening.close()
    (folder / "two\nlines.safetensors").write_bytes(b"x")
    (folder / "\U0001f98a.safetensors").write_bytes(b"x")
    os.close(os.open(os.fsencode(folder) + b"/\xff.safetensors", os.O_CREAT))
    for number in range(2_000):
        (folder / f"{number}.safetensors").touch()
    names = [one for one in service.ask("/models/loras")[1] if one.startswith("odd/")]
    assert len(names) == 2_002
    assert {"odd/two\nlines.safetensors", "odd/\U0001f98a.safetensors"} <= set(names)
    assert check_refused(service, drawn("tiny-sd-128.safetensors", lora="odd/pipe.safetensors")) == "file_not_found"


@pytest.mark.row("F-16")
def test_code_beside_weights_is_never_run(service: Program) -> None:
    folder = service.folder / "models" / "diffusers" / "custom"
    (folder / "unet").mkdir(parents=True)
    canary = service.folder / "canary"
    (folder / "model_index.json").write_text(json.dumps({"_class_name": ["evil", "Evil"], "unet": ["evil", "Evil"]}))
    (folder / "unet" / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "evil.Evil"}}))
    (folder / "evil.py").write_text(f"import os; os.mkdir({str(canary)!r})")
    workflow = drawn("tiny-sd-128.safetensors", seed=9)
    workflow["nodes"]["c"] = node("DiffusersLoader", model_path="custom")
    status, job = service.job(workflow)
    assert status == 422 or job["outputs"] == [], job
    assert not canary.exists()


@pytest.mark.row("F-18")
def test_yaml_makes_no_objects(tmp_path: Path) -> None:
    file = tmp_path / "extra_model_paths.yaml"
    file.write_text(f"a:\n  loras: !!python/object/apply:os.mkdir [{str(tmp_path / 'canary')!r}]\n")
    with pytest.raises(FolderError):
        read_extra_paths(file)
    assert not (tmp_path / "canary").exists()


TEXTS = {
    "C-13 parentheses": "(" * 2_500 + ")" * 2_500,
    "C-13 weights in weights": "(" * 1_000 + "x" + ":1.1)" * 1_000,
    "C-14 embedding of elsewhere": "embedding:../../../../etc/passwd embedding:/etc/passwd <lora:../../x:1>",
    "C-15 one emoji": "\U0001f98a" * 64_000,
    "C-15 many scripts": "".join(chr(0x0400 + number % 0x2000) for number in range(60_000)),
    "C-15 for a regular expression": "a" * 50_000 + "!" + " " * 50_000,
}


@pytest.mark.parametrize("name", TEXTS)
def test_any_prompt_is_encoded_in_bounded_time(service: Program, name: str) -> None:
    workflow = drawn("tiny-sd-128.safetensors", seed=3)
    workflow["nodes"]["p"]["inputs"]["text"] = TEXTS[name][:3_000] if "C-15" in name else TEXTS[name]
    before = service.workers()
    status, job = service.job(workflow)
    assert (status, job["state"]) in ((200, "done"), (200, "failed")), job
    assert job["state"] == "done" or job["error"]["code"] not in ("internal", "node_failed"), job["error"]
    assert service.workers() == before


@pytest.mark.row("C-23", "C-24")
@pytest.mark.parametrize(("kind", "text"), [("cfg", 100.0), ("denoise", 0.0)])
def test_extreme_numbers_end_a_job_one_way_or_the_other(service: Program, kind: str, text: float) -> None:
    workflow = drawn("tiny-sd-128.safetensors", seed=4)
    workflow["nodes"]["k"]["inputs"][kind] = text
    status, job = service.job(workflow)
    assert (status, job["state"]) in ((200, "done"), (200, "failed")), job
