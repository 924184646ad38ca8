"""What is said at an address that nothing answers, or not this method: what does, and what is nearest."""

from __future__ import annotations

import difflib
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from server.http.problems import ProblemError

_ALIKE: Final = 0.8
"""How much of two paths must be the same: many begin with the same words."""
_LONGEST: Final = 200
_LIST: Final = "/api/v1/openapi.json lists what there is."


@web.middleware
async def missing(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn the refusals of the router into problems that say what there is instead."""
    path = request.path[:_LONGEST]
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        said = f"{path!r} takes {allowed}, not {request.method[:20]}"
        raise ProblemError(405, "method_not_allowed", said, headers={"Allow": allowed}) from None
    except web.HTTPNotFound:
        known = _nearest(request.app, path)
        hint = f"Did you mean {known!r}? {_LIST}" if known else _LIST
        raise ProblemError(404, "unknown_path", f"there is nothing at {path!r}. {hint}") from None


def _nearest(app: web.Application, path: str) -> str | None:
    """The path that was probably meant, with the names of its parts in braces."""
    known = max((one.canonical for one in app.router.resources()), key=lambda one: _likeness(one, path))
    return known if _likeness(known, path) >= _ALIKE else None


def _likeness(known: str, path: str) -> float:
    """How much of two paths is the same, 0 to 1, where one of ours has words and not names of parts."""
    parts, asked = known.split("/"), path.split("/")
    if "{" in known and (len(parts) != len(asked) or "" in asked[1:]):  # no name is empty
        return 0.0
    fixed = [index for index, one in enumerate(parts) if not one.startswith("{")]
    words = [path] if len(fixed) == len(parts) else [asked[index] for index in fixed]
    matcher = difflib.SequenceMatcher(None, "/".join(parts[index] for index in fixed), "/".join(words))
    return matcher.ratio() if matcher.quick_ratio() >= _ALIKE else 0.0
