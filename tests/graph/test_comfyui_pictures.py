"""Workflows inside pictures."""

from __future__ import annotations

import io
import json
import tracemalloc
import zlib
from collections.abc import Mapping

import pytest
from PIL import Image, PngImagePlugin

from graph.comfyui import picture_texts as texts_module
from graph.comfyui.metadata import embedded_texts, import_picture
from graph.comfyui.picture_texts import picture_texts
from graph.comfyui.read import read_workflow
from graph.document import Document, Link, Node, Parameter
from graph.errors import InputError
from graph.json import JsonObject
from tests.graph.comfyui_cases import CATALOGUE, canvas, node

DOCUMENT = Document(
    {
        "load": Node("LoadImage", {"image": "a.png"}),
        "save": Node("SaveImage", {"images": Link("load", "IMAGE"), "filename_prefix": "Grün 日本"}),
    },
    name="mine",
    parameters=(Parameter("prefix", (("save", "filename_prefix"),)),),
)
PROMPT: JsonObject = {"1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}}}
CANVAS = canvas([node(7, "LoadImage", values=["b.png", "image"])])


def png(texts: Mapping[str, str] | None = None, *, packed: bool = False, international: bool = False) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, value in (texts or {}).items():
        info.add_itxt(key, value, zip=packed) if international else info.add_text(key, value, zip=packed)
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def with_exif(form: str, texts: Mapping[str, str] | None = None) -> bytes:
    exif = Image.Exif()
    for tag, (key, value) in zip((0x0110, 0x010F, 0x010E), (texts or {}).items(), strict=False):
        exif[tag] = f"{key}:{value}"
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, form, exif=exif.tobytes())
    return file.getvalue()


CARRIED = {"prompt": json.dumps(PROMPT), "workflow": json.dumps(CANVAS)}
PICTURES: dict[str, bytes] = {
    "PNG": png(CARRIED),
    "PNG, compressed": png(CARRIED, packed=True),
    "PNG, international": png(CARRIED, international=True),
    "PNG, international and compressed": png(CARRIED, international=True, packed=True),
    "WebP": with_exif("WEBP", CARRIED),
    "JPEG": with_exif("JPEG", CARRIED),
    "WebP of another program": with_exif("WEBP", {"Workflow": CARRIED["workflow"]}),
}


@pytest.mark.parametrize("content", PICTURES.values(), ids=PICTURES)
def test_the_canvas_wins_over_the_prompt(content: bytes) -> None:
    imported = import_picture(content, CATALOGUE)
    assert imported.problems == ()
    assert imported.document.nodes.keys() == {"7"}
    assert read_workflow(content, CATALOGUE) == imported


def test_a_prompt_alone_is_enough() -> None:
    assert import_picture(png({"prompt": CARRIED["prompt"]}), CATALOGUE).document.nodes.keys() == {"1"}


def test_what_a_picture_of_ours_carries() -> None:
    carried = embedded_texts(DOCUMENT, DOCUMENT, CATALOGUE)
    assert list(carried) == ["latentgraph", "prompt", "workflow"]
    assert all(text.isascii() for text in carried.values())
    assert import_picture(png(carried), CATALOGUE).document == DOCUMENT
    theirs = import_picture(png({"workflow": carried["workflow"]}), CATALOGUE).document
    assert (theirs.name, theirs.parameters) == (DOCUMENT.name, DOCUMENT.parameters)
    assert theirs.nodes["save"].inputs == DOCUMENT.nodes["save"].inputs
    assert import_picture(png({"prompt": carried["prompt"]}), CATALOGUE).document.nodes["save"].inputs == (
        DOCUMENT.nodes["save"].inputs
    )


def test_not_a_number_is_read_as_null() -> None:
    prompt = '{"1": {"class_type": "LoadImage", "inputs": {"image": "NaN.png"}, "is_changed": [NaN, -Infinity]}}'
    assert import_picture(png({"prompt": prompt}), CATALOGUE).document.nodes["1"].inputs == {"image": "NaN.png"}


def test_a_long_text_beside_what_json_does_not_have_takes_no_more_memory_than_it_is_long() -> None:
    long = "x" * 2**20
    prompt = f'{{"1": {{"class_type": "LoadImage", "inputs": {{"image": "{long}"}}, "is_changed": [NaN]}}}}'
    content = png({"prompt": prompt})
    tracemalloc.start()
    try:
        found = import_picture(content, CATALOGUE)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.document.nodes["1"].inputs == {"image": long}
    assert most < 20 * len(prompt)


def test_a_broken_text_is_passed_over() -> None:
    imported = import_picture(png({"workflow": "{", "prompt": CARRIED["prompt"]}), CATALOGUE)
    assert imported.document.nodes.keys() == {"1"}
    assert [(one.code, one.severity) for one in imported.problems] == [("json_syntax", "warning")]


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


REFUSED: dict[str, tuple[bytes, str]] = {
    "no workflow": (png(), "picture_without_workflow"),
    "other texts only": (png({"parameters": "a fox"}), "picture_without_workflow"),
    "a JPEG without EXIF": (with_exif("JPEG"), "picture_without_workflow"),
    "a WebP without EXIF": (with_exif("WEBP"), "picture_without_workflow"),
    "nothing that can be read": (png({"workflow": "{", "prompt": "["}), "json_syntax"),
    "no workflow in the text": (png({"workflow": "5"}), "comfyui_not_a_canvas"),
    "cut off in the text": (png(CARRIED)[:80], "json_syntax"),
    "cut off before": (png(CARRIED)[:20], "picture_without_workflow"),
    "a text that does not unpack": (
        texts_module.PNG + chunk(b"zTXt", b"workflow\x00\x00damaged"), "picture_without_workflow"),
    "an iTXt without its parts": (texts_module.PNG + chunk(b"iTXt", b"workflow\x00\x00\x00"), "picture_without_workflow"),
    "not a picture": (b"GIF89a", "picture_unknown"),
    "empty": (b"", "picture_unknown"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(InputError) as refused:
        import_picture(content, CATALOGUE)
    assert refused.value.problems[0].code == code


def test_a_text_that_unpacks_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts_module, "MAX_TEXT", 1000)
    bomb = texts_module.PNG + chunk(b"zTXt", b"workflow\x00\x00" + zlib.compress(b" " * 10_000))
    with pytest.raises(InputError) as refused:
        picture_texts(bomb, ["workflow"])
    assert refused.value.problems[0].code == "picture_text_too_large"


def test_a_picture_is_never_decoded() -> None:
    """A size that image libraries refuse does not matter, nor do damaged pixels."""
    header = chunk(b"IHDR", (10**6).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00")
    content = (
        texts_module.PNG
        + header
        + chunk(b"IDAT", b"?")
        + chunk(b"tEXt", b"workflow\x00" + CARRIED["workflow"].encode())
    )
    assert import_picture(content, CATALOGUE).document.nodes.keys() == {"7"}
