"""The editor's files: what `make web` left in `server/static/`, served from memory.

Names of built files carry hashes, so browsers may keep them for good; the page itself is asked for anew each time. Where
nothing was built, a small page says so; the interface below `/api/v1` answers either way.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from server.http.problems import ProblemError
from server.http.routes import Route

STATIC: Final = Path(__file__).parent.parent / "static"

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' blob: data:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""What the page may load: scripts of its own alone. Styles are also written by the libraries that place menus."""

_ABSENT: Final = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>latentgraph</title>
<style>body{font:16px/1.5 system-ui;max-width:40rem;margin:15vh auto;padding:0 1rem;color-scheme:light dark}</style>
<h1>latentgraph</h1>
<p>The service answers. Its editor has not been built: run <code>make web</code> (needs Node) and load this page again.</p>
<p>The interface is described at <a href="api/v1/openapi.json">api/v1/openapi.json</a>.</p>
"""

_COMPRESSIBLE: Final = (".html", ".js", ".css", ".svg", ".json")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent. `squeezed` is it in gzip, where that is shorter."""

    content: bytes
    squeezed: bytes | None
    kind: str
    tag: str


class Editor:
    """The files of a build. They are read and compressed when the first of them is asked for, and kept."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder
        self._assets: Mapping[str, Asset] | None = None

    def routes(self) -> tuple[Route, ...]:
        """Where they are answered."""
        return (
            Route("GET", "/", self.page),
            Route("GET", "/favicon.svg", self.file),
            Route("GET", "/assets/{name}", self.file),
        )

    async def page(self, request: web.Request) -> web.Response:
        """The editor."""
        page = (await self._read()).get("/index.html") or _asset(".html", _ABSENT)
        return _sent(request, page, "no-cache")

    async def file(self, request: web.Request) -> web.Response:
        """A part of the editor."""
        asset = (await self._read()).get(request.path)
        if asset is None:
            raise ProblemError(
                404, "unknown_file", f"the editor has no file {request.path[:80]!r}: load its page again"
            )
        hashed = request.path.startswith("/assets/")
        return _sent(request, asset, "public, max-age=31536000, immutable" if hashed else "no-cache")

    async def _read(self) -> Mapping[str, Asset]:
        if self._assets is None:
            self._assets = await asyncio.to_thread(_read, self._folder)
        return self._assets


def _read(folder: Path) -> dict[str, Asset]:
    return {
        "/" + path.relative_to(folder).as_posix(): _asset(path.suffix, path.read_bytes())
        for path in sorted(folder.glob("**/*"))
        if path.is_file()
    }


def _asset(suffix: str, content: bytes) -> Asset:
    squeezed = gzip.compress(content, 6, mtime=0) if suffix in _COMPRESSIBLE else content
    kind = "font/woff2" if suffix == ".woff2" else mimetypes.guess_type(f"x{suffix}")[0] or "application/octet-stream"
    tag = hashlib.blake2b(content, digest_size=12).hexdigest()
    return Asset(content, squeezed if len(squeezed) < len(content) else None, kind, tag)


def _sent(request: web.Request, asset: Asset, keep: str) -> web.Response:
    headers = {"Cache-Control": keep, "ETag": f'"{asset.tag}"', "Vary": "Accept-Encoding"}
    headers["Content-Security-Policy"] = POLICY
    if f'"{asset.tag}"' in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    body = asset.content
    if asset.squeezed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = asset.squeezed
    charset = "utf-8" if asset.kind.startswith("text/") else None
    return web.Response(body=body, content_type=asset.kind, charset=charset, headers=headers)
