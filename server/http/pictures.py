"""Pictures made from files, each in a process of its own (`server/worker/picture.py`): this one never decodes."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from typing import BinaryIO

from aiohttp import web

from server.http.service import service_of


async def decoded(request: web.Request, *arguments: str) -> BinaryIO | None:
    """What that process writes for these arguments, as an open file that nobody else sees; None for a file that is no
    picture it reads, and for a client that has gone while others were served: nothing is decoded for it."""
    made = tempfile.TemporaryFile()  # noqa: SIM115 - the caller keeps it open
    async with service_of(request).decoding:
        if request.transport is None:
            made.close()
            return None
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server.worker.picture", *arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=made, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            code = await process.wait()
        except asyncio.CancelledError:  # whoever asked has gone
            process.kill()
            raise
    if code != 0:
        made.close()
        return None
    made.seek(0)
    return made
