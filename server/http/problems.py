"""Errors as answers: `application/problem+json` (RFC 9457) with a stable code, one shape for everything that goes wrong."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

from aiohttp import ClientConnectionError, web
from aiohttp.typedefs import Handler

from graph.errors import GraphError, InputError, Problem
from graph.json import JsonObject
from server.jobs.job import StoreError

LEFT: Final = (ConnectionError, ClientConnectionError)
"""What reading from a client that has gone raises, and writing to it."""

_log = logging.getLogger("latentgraph.http")


class ProblemError(Exception):
    """An answer that is an error. `headers` are those of its own."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        problems: Sequence[Problem] = (),
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.problems = status, code, detail, tuple(problems)
        self.headers: Mapping[str, str] = headers or {}


def answer(error: ProblemError) -> web.Response:
    """The error as a response."""
    detail = _short(error.detail)
    body: JsonObject = {"type": "about:blank", "status": error.status, "code": error.code, "detail": detail}
    if error.problems:
        body["problems"] = [
            {name: _short(value) if isinstance(value, str) else value for name, value in asdict(problem).items()}
            for problem in error.problems
        ]
    later = {"Retry-After": "5"} if error.status in (429, 503) else {}
    return web.json_response(
        body, status=error.status, content_type="application/problem+json", headers={**later, **error.headers}
    )


def _short(text: str) -> str:
    """What a client sent comes back in messages: enough of it to be known again."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


_LONGEST: Final = 1000
_STORE: Final = {
    "queue_full": 429,
    "idempotency_key_reused": 409,
    "job_id_taken": 409,
    "job_not_waiting": 409,
    "unknown_job": 404,
    "job_not_ended": 409,
}


def wrong_input(error: InputError) -> ProblemError:
    """400 for what is no JSON, 413 for what is too much of it, 422 for what makes no sense."""
    first = error.problems[0] if error.problems else Problem("input_wrong", "the input is wrong")
    status = 413 if first.code == "json_too_large" else 400 if first.code.startswith("json_") else 422
    code = first.code if status != 422 else "input_wrong"
    told = first.message if len(error.problems) == 1 else f"{len(error.problems)} problems; the first: {first.message}"
    return ProblemError(status, code, told, error.problems[:200])


def _with_hint(error: GraphError) -> str:
    return f"{error}. {error.hint}" if error.hint else str(error)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what handlers raise into problem documents."""
    try:
        return await handler(request)
    except ProblemError as error:
        return answer(error)
    except InputError as error:
        return answer(wrong_input(error))
    except StoreError as error:
        return answer(ProblemError(_STORE.get(error.code, 507), error.code, _with_hint(error)))
    except GraphError as error:
        return answer(ProblemError(422, error.code, _with_hint(error)))
    except LEFT:
        return answer(gone(request))
    except OSError as error:
        refused = of_system(error)
        if refused is None:
            return _fault(request)
        return answer(refused)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return answer(ProblemError(error.status, f"http_{error.status}", error.reason))
    except Exception:  # noqa: BLE001 - the outermost seam of a request
        return _fault(request)


def gone(request: web.Request) -> ProblemError:
    """For a client that has left in the middle: nobody reads it, and nothing of ours is at fault."""
    _log.debug("%s %s: the client has left", request.method, request.path)
    return ProblemError(400, "client_left", "the client has left")


def of_system(error: OSError) -> ProblemError | None:
    """A name that no file can have is the client's mistake, a full disk is nobody's; None for what is a fault of ours."""
    if error.errno in _IMPOSSIBLE_NAMES:
        return ProblemError(400, "file_name", f"no file can be called that: {error.strerror}")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ProblemError(507, "disk_full", f"there is no room to keep it: {error.strerror}")
    return None


_IMPOSSIBLE_NAMES: Final = (errno.ENAMETOOLONG, errno.EINVAL, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EEXIST)


def _fault(request: web.Request) -> web.Response:
    _log.exception("%s %s failed", request.method, request.path)
    return answer(ProblemError(500, "internal", "a fault in latentgraph; the log of the service has the trace"))
