"""From a document to a plan, in the places of a workspace, and the plan as JSON. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from graph.bind import bind
from graph.cache.entry import View
from graph.document import Document
from graph.errors import InputError, Problem, errors_only
from graph.flatten import flatten
from graph.json import JsonObject
from graph.keys import Recipe
from graph.plan import Plan, Step, plan
from graph.spec import Catalogue, NodeSpec
from server.reports import report
from server.workspace import Computing, Workspace


@dataclass(frozen=True, slots=True)
class Request:
    """A document with its flags applied, and what was found while reading it. `scope` names the workflow across runs."""

    document: Document
    scope: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan and what it was made against. `problems` forbid nothing."""

    plan: Plan
    previous: Mapping[str, Recipe]
    problems: tuple[Problem, ...]


def prepare(
    request: Request,
    catalogue: Catalogue,
    workspace: Workspace,
    view: View,
    computing: Computing,
    wanted: Callable[[NodeSpec], bool] | None = None,
) -> Prepared:
    """Flatten, bind and plan: the nodes with an effect and all that they need, or of these those that are `wanted`, in the
    same order. Raises InputError with every problem, those found while reading first: they tend to be why the others are
    there."""
    graph = bind(flatten(request.document, catalogue), catalogue, workspace.folders)
    previous = workspace.history.load(request.scope)
    environment = workspace.environment(computing)
    planned = partial(plan, graph, view=view, files=workspace.folders, previous=previous, environment=environment)
    try:
        made = planned()
        if wanted is not None:
            made = planned(targets=[name for name in made.steps if wanted(graph.nodes[name].spec)])
    except InputError as error:
        raise InputError(list(dict.fromkeys([*request.problems, *error.problems]))) from None
    wrong = [one for one in errors_only(request.problems) if one.node is None or one.node in made.steps]
    if wrong:
        raise InputError(wrong)
    return Prepared(made, previous, tuple(dict.fromkeys([*request.problems, *graph.problems])))


def summary(plan: Plan) -> JsonObject:
    """The plan as JSON: counts, and for every node its status, tier, reason and key; of known ones the output."""
    return {
        "targets": list(plan.targets),
        "run": plan.count("run"),
        "depends": plan.count("depends"),
        "cached": plan.count("cached"),
        "nodes": {name: _node(plan, name, step) for name, step in plan.steps.items()},
    }


def _node(plan: Plan, name: str, step: Step) -> JsonObject:
    known: JsonObject = {"output": report(step.hit.report)} if step.hit and step.hit.report else {}
    return {
        "type": plan.graph.nodes[name].spec.type,
        "status": step.status,
        "tier": step.hit.tier if step.hit else None,
        "reason": str(step.reason),
        "code": step.reason.code,
        "key": step.recipe.key if step.recipe else None,
        **known,
    }
