"""Errors on ComfyUI's paths, as its clients know them: a status, and a text where it gives one. Never a problem document."""

from __future__ import annotations

from functools import wraps
from typing import Final

from aiohttp import web

from graph.errors import GraphError, InputError
from server.http.problems import LEFT, ProblemError, gone, of_system
from server.http.routes import Handler
from server.jobs.job import StoreError

_LATER: Final = {"Retry-After": "5"}


def plain(handler: Handler) -> Handler:
    """The handler, with what it raises answered in that shape."""

    @wraps(handler)
    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            given = error.text if error.text and not error.text.startswith(f"{error.status}: ") else ""
            return web.Response(status=error.status, text=given)
        except LEFT:
            left = gone(request)
            return web.Response(status=left.status, text=left.detail)
        except OSError as error:
            refused = of_system(error)
            if refused is None:
                raise
            return web.Response(status=refused.status, text=refused.detail)
        except ProblemError as error:
            return web.Response(status=error.status, text=error.detail)
        except InputError as error:
            return web.Response(status=400, text=str(error))
        except StoreError as error:
            return web.Response(status=429, text=str(error), headers=_LATER)
        except GraphError as error:
            return web.Response(status=400, text=str(error))

    return answered
