"""Model files that lie (rows F of the suite of bad input), and prompts and numbers that are too much (rows C), through the
service with a real worker.

Whatever a file holds, its job ends with a code and a sentence, the worker lives, and the next job is as good as any.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import shutil
import socket
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nodes.folders import FolderError, read_extra_paths
from nodes.weights.embedded import embedded_checkpoints
from tests.server.bad_files import at_work, check_refused, drawn, node
from tests.server.program import Program

EMBEDDED = next(iter(embedded_checkpoints().values()))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with at_work(tmp_path_factory.mktemp("service")) as program:
        yield program


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
