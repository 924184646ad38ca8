"""Picture files: what every kind of file becomes as a tensor, and what is refused."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from nodes.pictures import MAX_PIXELS, PictureError, encode_jpeg, encode_png, read_picture

RED, GREEN = (255, 0, 0), (0, 255, 0)


def image(mode: str, pixels: object, dtype: type = np.uint8) -> Pillow.Image:
    made = Pillow.fromarray(np.array(pixels, dtype=dtype))
    assert made.mode == mode
    return made


def palette() -> Pillow.Image:
    made = Pillow.new("P", (2, 1))
    made.putpalette([*RED, *GREEN])
    made.putdata([0, 1])
    return made


def rotated() -> Pillow.Exif:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to see it upright
    return exif


@dataclass(frozen=True)
class Kind:
    """A way to store a picture as PNG, and the picture it is."""

    make: Callable[[], Pillow.Image]
    rgb: list[list[list[float]]]
    alpha: list[list[float]] | None = None
    options: dict[str, Any] = field(default_factory=dict)


WHITE = [1.0, 1.0, 1.0]
KINDS = {
    "rgb": Kind(lambda: image("RGB", [[RED, GREEN]]), [[[1, 0, 0], [0, 1, 0]]]),
    "grey": Kind(lambda: image("L", [[0, 51, 255]]), [[[0] * 3, [0.2] * 3, WHITE]]),
    "grey of 16 bits": Kind(lambda: image("I;16", [[0, 257, 65535]], np.uint16), [[[0] * 3, [1 / 255] * 3, WHITE]]),
    "black and white": Kind(lambda: Pillow.new("1", (2, 1), 1), [[WHITE, WHITE]]),
    "alpha": Kind(lambda: image("RGBA", [[(255, 0, 0, 51)]]), [[[1, 0, 0]]], [[0.2]]),
    "grey with alpha": Kind(lambda: image("LA", [[(255, 204)]]), [[WHITE]], [[0.8]]),
    "palette": Kind(palette, [[[1, 0, 0], [0, 1, 0]]]),
    "palette with alpha": Kind(palette, [[[1, 0, 0], [0, 1, 0]]], [[1, 0]], {"transparency": 1}),
    "turned by exif": Kind(lambda: image("RGB", [[RED, GREEN]]), [[[1, 0, 0]], [[0, 1, 0]]], None, {"exif": rotated()}),
}


@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_png(tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    kind.make().save(tmp_path / "x.png", **kind.options)
    picture = read_picture(tmp_path / "x.png")
    torch.testing.assert_close(picture.rgb, torch.tensor([kind.rgb], dtype=torch.float32))
    expected = None if kind.alpha is None else torch.tensor([kind.alpha], dtype=torch.float32)
    torch.testing.assert_close(picture.alpha, expected)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif", "gif", "ppm"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    Pillow.new("RGB", (9, 5), (255, 255, 255)).save(tmp_path / f"x.{suffix}")
    picture = read_picture(tmp_path / f"x.{suffix}")
    assert picture.rgb.shape == (1, 5, 9, 3)
    assert float(picture.rgb.min()) > 0.98


def test_an_animation_is_a_batch_and_frames_of_another_size_are_left_out(tmp_path: Path) -> None:
    frames = [Pillow.new("RGB", (4, 3), color) for color in (RED, GREEN, (0, 0, 255))]
    frames[0].save(tmp_path / "x.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert read_picture(tmp_path / "x.webp").rgb[:, 0, 0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    frames[0].save(tmp_path / "x.tif", save_all=True, append_images=[frames[1], Pillow.new("RGB", (2, 2))])
    assert read_picture(tmp_path / "x.tif").rgb.shape == (2, 3, 4, 3)


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 9) + b"IDAT" + bytes(13)


def whole_png() -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "image_unreadable"),
        (b"not a picture", "image_unreadable"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "image_unreadable"),
        (whole_png()[:-3000], "image_unreadable"),
        (whole_png()[:40], "image_unreadable"),
        (whole_png()[:100] + bytes(50) + whole_png()[150:], "image_unreadable"),
        (png_header(0, 0), "image_unreadable"),
        (png_header(8193, 8192), "image_too_large"),
        (png_header(10_000, 10_000), "image_too_large"),
        (png_header(100_000, 100_000), "image_too_large"),
        (png_header(2**31 - 1, 2**31 - 1), "image_too_large"),
    ],
)
def test_what_is_not_a_sound_picture_is_refused(tmp_path: Path, data: bytes, code: str) -> None:
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(PictureError, match=r"x\.png") as refused:
        read_picture(tmp_path / "x.png")
    assert refused.value.code == code
    assert refused.value.hint


def test_the_cap_counts_all_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Pillow.new("L", (10, 10), i) for i in range(5)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    monkeypatch.setattr("nodes.pictures.MAX_PIXELS", 400)
    with pytest.raises(PictureError) as refused:
        read_picture(tmp_path / "x.gif")
    assert refused.value.code == "image_too_large"
    assert MAX_PIXELS == 64 * 2**20


def test_a_missing_file_is_a_picture_error(tmp_path: Path) -> None:
    with pytest.raises(PictureError):
        read_picture(tmp_path / "gone.png")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_eight_bit_values_survive_saving_and_loading(tmp_path: Path, channels: int) -> None:
    levels = torch.arange(256, dtype=torch.float32).div(255).reshape(16, 16, 1).expand(-1, -1, channels)
    (tmp_path / "x.png").write_bytes(encode_png(levels, {}))
    picture = read_picture(tmp_path / "x.png")
    again = picture.rgb[0, :, :, :1]
    assert torch.equal(again, levels[:, :, :1])


@pytest.mark.parametrize(
    ("value", "level"), [(-0.5, 0), (0.0, 0), (0.999 / 255, 0), (1.5 / 255, 1), (1.0, 255), (9.0, 255)]
)
def test_values_are_clipped_and_rounded_down(value: float, level: int) -> None:
    with Pillow.open(io.BytesIO(encode_png(torch.full((1, 1, 3), value), {}))) as saved:
        assert saved.getpixel((0, 0)) == (level, level, level)


def test_png_carries_its_texts_and_is_the_same_every_time() -> None:
    texts = {"prompt": '{"1": {}}', "workflow": '{"name": "žluťoučký"}'}
    pixels = torch.rand(8, 8, 3)
    data = encode_png(pixels, texts)
    with Pillow.open(io.BytesIO(data)) as saved:
        assert saved.info == texts
    assert data == encode_png(pixels, texts)


@pytest.mark.parametrize(("shape", "size"), [((100, 50, 3), (32, 64)), ((20, 30, 3), (30, 20))])
def test_a_preview_is_a_small_jpeg(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    data = encode_jpeg(torch.rand(shape), largest_side=64)
    with Pillow.open(io.BytesIO(data)) as preview:
        assert (preview.format, preview.size) == ("JPEG", size)
