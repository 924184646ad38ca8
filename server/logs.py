"""The log: lines for people, or one JSON object a line for machines, with the ids of the request and the job it is about."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, Literal

Form = Literal["text", "json"]

REQUEST: Final[ContextVar[str]] = ContextVar("request")
"""The id of the request that is being answered."""

ENVIRONMENT: Final = "LATENTGRAPH_LOG"
"""How the workers of a service are told its form."""

_FACTS: Final = ("event", "job_id", "node_id", "attempt", "worker", "method", "route", "status", "seconds")


class JsonLines(logging.Formatter):
    """One object for each record: time, level, logger, message, what it is about, and where it went wrong."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        identity = REQUEST.get(None)
        if identity is not None:
            line["request_id"] = identity
        line |= {name: getattr(record, name) for name in _FACTS if hasattr(record, name)}
        if record.exc_info:
            line["trace"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, default=str)


def set_up(form: Form | None = None) -> None:
    """Write the log to standard error: in the given form, in that of the service that started this process, or for whoever
    reads it: people at a terminal, machines otherwise."""
    chosen = form or os.environ.get(ENVIRONMENT) or ("text" if sys.stderr.isatty() else "json")
    handler = logging.StreamHandler()
    if chosen == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    os.environ[ENVIRONMENT] = chosen
