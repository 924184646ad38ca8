"""Errors as answers: `application/problem+json` (RFC 9457) with a stable code, one shape for everything that goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict

from aiohttp import web
from aiohttp.typedefs import Handler

from graph.errors import GraphError, InputError, Problem
from graph.json import JsonObject

_log = logging.getLogger("latentgraph.http")


class ProblemError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, detail: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.problems = status, code, detail, tuple(problems)


def answer(error: ProblemError) -> web.Response:
    """The error as a response."""
    body: JsonObject = {"type": "about:blank", "status": error.status, "code": error.code, "detail": error.detail}
    if error.problems:
        body["problems"] = [asdict(problem) for problem in error.problems]
    return web.json_response(body, status=error.status, content_type="application/problem+json")


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what handlers raise into problem documents."""
    try:
        return await handler(request)
    except ProblemError as error:
        return answer(error)
    except InputError as error:
        return answer(ProblemError(422, "input_wrong", f"{len(error.problems)} problems", error.problems))
    except GraphError as error:
        return answer(ProblemError(422, error.code, str(error)))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return answer(ProblemError(error.status, f"http_{error.status}", error.reason))
    except Exception:  # noqa: BLE001 - the outermost seam of a request
        _log.exception("%s %s failed", request.method, request.path)
        return answer(ProblemError(500, "internal", "a fault in latentgraph; the log of the service has the trace"))
