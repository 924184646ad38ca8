"""The engine's events as the store keeps them and clients read them: a word and JSON facts. Progress is told, not kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import cast

from graph.context import Preview
from graph.errors import GraphError, InputError, Problem
from graph.events import (
    Event,
    Failure,
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodeStarted,
    Outcome,
    RunFinished,
    RunStarted,
)
from graph.json import Json, JsonObject
from graph.result import Report
from server.jobs.job import End
from server.reports import Keep, report


@dataclass(frozen=True, slots=True)
class Told:
    """To be kept and told: one happening."""

    type: str
    data: JsonObject


@dataclass(frozen=True, slots=True)
class Progress:
    """To be told only."""

    data: JsonObject
    preview: Preview | None


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of the job."""

    state: End
    result: JsonObject


def tell(
    event: Event, cached: Mapping[str, Report], failures: Sequence[NodeFailed], keep: Keep
) -> Told | Progress | Ended:
    """One event. `cached` are the reports of nodes that were answered from the cache at once; `keep` keeps what was saved
    and says its digest."""
    match event:
        case RunStarted():
            return Told("started", {"nodes": event.nodes, "cached": list(event.cached), "outputs": _outputs(cached)})
        case NodeStarted():
            return Told("node_started", {"node": event.node, "display": event.display, "type": event.type})
        case NodeProgress():
            data: JsonObject = {"node": event.node, "display": event.display}
            return Progress(data | {"value": event.value, "maximum": event.maximum}, event.preview)
        case NodeFinished():
            return Told("node_finished", {"node": event.node, "display": event.display, **_outcome(event.outcome)})
        case NodeFailed():
            return Told("node_failed", {"display": event.display, **failed(event)})
        case NodeBlocked():
            return Told("node_blocked", {"node": event.node, "display": event.display, "message": event.message})
        case RunFinished():
            return Ended(event.status, _result(event, failures, keep))


def refused(error: Exception) -> Ended:
    """The end of a job that could not be run at all."""
    if isinstance(error, InputError):
        told: JsonObject = {"code": error.code, "message": str(error), "hint": error.hint}
        return Ended("failed", {"error": told | {"problems": [problem(one) for one in error.problems]}})
    if isinstance(error, GraphError):
        return Ended("failed", {"error": {"code": error.code, "message": str(error), "hint": error.hint}})
    message = f"{type(error).__name__}: {error}"
    hint = "This is a fault in latentgraph, not in your input. The service's log has the trace."
    return Ended("failed", {"error": {"code": "internal", "message": message, "hint": hint}})


def problem(one: Problem) -> JsonObject:
    return cast("JsonObject", asdict(one))


def failed(event: NodeFailed) -> JsonObject:
    """A node's failure."""
    return {"node": event.node, **_failure(event.failure)}


def _failure(failure: Failure) -> JsonObject:
    return {
        "code": failure.code,
        "message": failure.message,
        "hint": failure.hint,
        "inputs": dict(failure.inputs),
        "exception": failure.exception,
        "trace": failure.trace,
    }


def _outcome(outcome: Outcome) -> JsonObject:
    told: JsonObject = {
        "status": outcome.status,
        "reason": outcome.reason,
        "tier": outcome.tier,
        "seconds": round(outcome.seconds, 6),
    }
    return told | ({"output": report(outcome.report)} if outcome.report else {})


def _outputs(reports: Mapping[str, Report], keep: Keep | None = None) -> JsonObject:
    return {node: report(one, keep) for node, one in reports.items()}


def _result(event: RunFinished, failures: Sequence[NodeFailed], keep: Keep) -> JsonObject:
    ended = event.outcomes.values()
    counts: dict[str, Json] = {
        status: sum(one.status == status for one in ended) for status in ("ran", "cached", "skipped", "failed")
    }
    reports = {
        node: one.report for node, one in event.outcomes.items() if one.status in ("ran", "cached") and one.report
    }
    result: JsonObject = {"seconds": round(event.seconds, 6), "nodes": counts, "outputs": _outputs(reports, keep)}
    result["cached"] = [node for node, one in event.outcomes.items() if one.status == "cached"]
    if event.status == "failed" and failures:
        result["error"] = failed(failures[0])
    return result
