"""The texts inside picture files, found without decoding a pixel.

PNG keeps them in tEXt, zTXt and iTXt chunks; WebP and JPEG in EXIF. Only the blocks asked for are unpacked, each up to a
limit, so a picture can neither fill the memory nor be too large to be read. Damaged files give what comes before the damage.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator
from typing import Final

from graph.errors import InputError, Problem

MAX_TEXT: Final = 32 * 2**20
PNG: Final = b"\x89PNG\r\n\x1a\n"
JPEG: Final = b"\xff\xd8\xff"
_EXIF: Final = b"Exif\x00\x00"
_EXIF_FIRST: Final = 0x0100
_EXIF_LAST: Final = 0x0110


def is_picture(content: bytes) -> bool:
    """Whether the bytes begin as a PNG, WebP or JPEG file does."""
    return content.startswith((PNG, JPEG)) or _is_webp(content)


def picture_texts(content: bytes, keys: Collection[str]) -> dict[str, str]:
    """The texts kept under `keys` (in lower case) in a picture; of two under one key the first.

    Raises `InputError`: picture_unknown for other files, picture_text_too_large for a text over `MAX_TEXT`.
    """
    if content.startswith(PNG):
        return _png_texts(content, keys)
    if _is_webp(content):
        return _exif_texts(_webp_exif(content), keys)
    if content.startswith(JPEG):
        return _exif_texts(_jpeg_exif(content), keys)
    raise InputError([Problem("picture_unknown", "this is no PNG, WebP or JPEG picture")])


def _is_webp(content: bytes) -> bool:
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP"


def _png_texts(content: bytes, keys: Collection[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for kind, body in _png_chunks(content):
        key, _, rest = body.partition(b"\x00")
        name = key[:80].decode("latin-1").lower()
        if kind not in (b"tEXt", b"zTXt", b"iTXt") or name not in keys or name in texts:
            continue
        text = _png_text(kind, rest)
        if text is not None:
            texts[name] = text
    return texts


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(PNG)
    while position + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, position)
        kind = content[position + 4 : position + 8]
        yield kind, content[position + 8 : position + 8 + length]
        position += 12 + length


def _png_text(kind: bytes, rest: bytes) -> str | None:
    """The text of a chunk after its key; None if it is damaged."""
    if kind == b"tEXt":
        return _decoded(_bounded(rest))
    if kind == b"zTXt":
        return _decoded(_unpacked(rest[1:]))
    packed = rest[:1] == b"\x01"  # compression flag, method, language, translated key, text
    parts = rest[2:].split(b"\x00", 2)
    if len(parts) < 3:
        return None
    return _decoded(_unpacked(parts[2]) if packed else _bounded(parts[2]))


def _unpacked(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, MAX_TEXT + 1)
    except zlib.error:
        return b""
    return _bounded(text)


def _bounded(text: bytes) -> bytes:
    if len(text) > MAX_TEXT:
        message = f"the picture carries a text of more than {MAX_TEXT:,} bytes"
        raise InputError([Problem("picture_text_too_large", message, hint="Save the workflow as a file instead.")])
    return text


def _decoded(text: bytes) -> str | None:
    """UTF-8, which many writers use also where PNG asks for Latin-1."""
    if not text:
        return None
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _webp_exif(content: bytes) -> bytes:
    position = 12
    while position + 8 <= len(content):
        kind = content[position : position + 4]
        (length,) = struct.unpack_from("<I", content, position + 4)
        if kind == b"EXIF":
            return content[position + 8 : position + 8 + length].removeprefix(_EXIF)
        position += 8 + length + length % 2
    return b""


def _jpeg_exif(content: bytes) -> bytes:
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        (length,) = struct.unpack_from(">H", content, position + 2)
        body = content[position + 4 : position + 2 + length]
        if marker == 0xE1 and body.startswith(_EXIF):
            return body.removeprefix(_EXIF)
        if marker == 0xDA:
            break  # picture data begins
        position += 2 + length
    return b""


def _exif_texts(exif: bytes, keys: Collection[str]) -> dict[str, str]:
    """Texts written as `key:text` into the tags from Model (0x0110) downward, as ComfyUI does."""
    if not exif:
        return {}
    from PIL import Image  # 0.1 s that other files never pay

    parsed = Image.Exif()
    try:
        parsed.load(_EXIF + _bounded(exif))
        tags = {tag: parsed.get(tag) for tag in range(_EXIF_LAST, _EXIF_FIRST - 1, -1)}
    except (SyntaxError, ValueError, KeyError, TypeError, IndexError, OverflowError, struct.error, OSError):
        return {}
    texts: dict[str, str] = {}
    for value in tags.values():
        key, colon, text = value.partition(":") if isinstance(value, str) else ("", "", "")
        name = key.strip().lower()
        if colon and name in keys and name not in texts:
            texts[name] = _from_latin(text.strip().rstrip("\x00"))
    return texts


def _from_latin(text: str) -> str:
    """EXIF texts are read as Latin-1; what was UTF-8 becomes itself again."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text
