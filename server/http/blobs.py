"""What jobs have saved, by the hash of its content: checked before it is first served, and whenever its file has changed."""

from __future__ import annotations

import asyncio
import re

from aiohttp import web

from server.http.files import served
from server.http.problems import ProblemError
from server.http.service import service_of


async def get_blob(request: web.Request) -> web.StreamResponse:
    """The content of this SHA-256, as jobs' outputs name it; it never changes. Ranges are understood."""
    digest = request.match_info["digest"]
    found = None
    if re.fullmatch(r"[0-9a-f]{64}", digest):
        found = await asyncio.to_thread(service_of(request).blobs.find, digest)
    if found is None:
        hint = "The outputs of a job name theirs: GET /api/v1/jobs/ID/outputs."
        raise ProblemError(404, "unknown_blob", f"no content of that SHA-256 is kept here. {hint}")
    response = served(found, digest)
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response
