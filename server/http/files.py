"""Bytes of users' files on their way out: one function for all of them, whoever made the file.

Pictures of a few raster formats are shown by browsers; anything else is a download, whatever it calls itself. Nothing that
is served may run script in this origin.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote

from aiohttp import web

from nodes.folders import Folders

SHOWN: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
}


_MAGIC: Final = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypavis", "image/avif"),
)
"""How pictures that browsers show begin: place, bytes, kind."""


_READ: Final = (b"BM", b"II*\0", b"MM\0*", *(b"P%d" % kind for kind in range(1, 8)))
"""How pictures begin that nodes read and browsers do not show: BMP, TIFF, PPM and its kin."""
_OTHERS: Final = frozenset(
    (
        *(".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma"),
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ogv", ".wmv", ".flv"),
        *(".glb", ".gltf", ".obj", ".fbx", ".stl", ".ply", ".dae", ".usdz", ".spz", ".splat", ".ksplat"),
        *(".latent", ".txt"),
    )
)
"""Names of what ComfyUI's clients upload beside pictures: sound, film and solids for nodes of others, latents, captions."""


def is_upload_of_comfyui(path: Path, name: str) -> bool:
    """Whether a file that is to be called so is one that `/upload/image` takes: a picture by its first bytes, or by its name
    something else that its clients upload."""
    suffix = Path(name).suffix.lower()
    if suffix in _OTHERS or suffix in SHOWN:
        return suffix in _OTHERS or is_raster(path)
    return is_raster(path) or _start(path).startswith(_READ)


def is_raster(path: Path) -> bool:
    """Whether the file begins like a picture that is shown, whatever its name."""
    return _kind_of(path) is not None


def _kind_of(path: Path) -> str | None:
    start = _start(path)
    return next((kind for place, magic, kind in _MAGIC if start[place : place + len(magic)] == magic), None)


def _start(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(16)


def stat_of(path: Path) -> os.stat_result | None:
    """What the system tells of a file; None for one that is gone by now, or a link that leads nowhere."""
    try:
        return path.stat()
    except OSError:
        return None


def found(folders: Folders, folder: str, name: str) -> Path | None:
    """The regular file of that name in that folder, if no link leads out of the folder."""
    path = folders.find(folder, name)
    if path is None:
        return None
    real = path.resolve()
    roots = [root.resolve() for kind in ("input", "output", "temp") for root in folders.roots.get(kind, ())]
    return path if real.is_file() and any(real.is_relative_to(root) for root in roots) else None


class _FileItself(web.FileResponse):
    """A file as it lies there. aiohttp would send `a.png.gz`, if there is one, to who takes gzip and asks for `a.png`:
    perhaps the file of somebody else."""

    def _get_file_path_stat_encoding(self, accept_encoding: str) -> tuple[Path | None, os.stat_result, str | None]:  # noqa: ARG002 - what is taken makes no difference
        return super()._get_file_path_stat_encoding("")


def served(path: Path, name: str) -> web.FileResponse:
    """The file, with ranges and validators; `name` is what it is called, wherever it lies."""
    kind = _kind_of(path) if Path(name).suffix.lower() in SHOWN else None
    label = os.path.basename(name)
    response = _FileItself(path, headers=_headers("inline" if kind else "attachment", label))
    response.content_type = kind or "application/octet-stream"
    return response


def picture(content: BinaryIO, kind: str, name: str) -> web.Response:
    """A picture made for this answer."""
    return web.Response(body=content, content_type=kind, headers=_headers("inline", os.path.basename(name)))


def _headers(disposition: str, label: str) -> dict[str, str]:
    ascii_label = "".join(one if one.isascii() and one.isprintable() and one not in '"\\' else "_" for one in label)
    shown = f'filename="{ascii_label}"'
    if ascii_label != label:
        shown += f"; filename*=UTF-8''{quote(label)}"
    prefix = "" if disposition == "inline" else "attachment; "
    return {
        "Content-Disposition": prefix + shown,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
