"""The engine as a worker holds it: one workspace, cache and set of services for all its jobs, so that the second job finds
what the first left in memory. What finished is also in the disk cache, where the next worker finds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graph.bind import bind
from graph.cache.tiered import Cache
from graph.context import CancelToken
from graph.declare import Check, Implementation
from graph.events import Event, RunFinished
from graph.flatten import flatten
from graph.keys import Environment, Recipe
from graph.plan import Plan, plan
from graph.result import Report
from graph.run import run
from graph.values import Values
from server.draws import carried
from server.jobs.request import JobRequest
from server.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Running:
    """A run under way: its events, and what the nodes that were cached from the start once reported."""

    cached: Mapping[str, Report]
    events: Iterator[Event]


class Engine:
    """Runs requests, one at a time."""

    def __init__(
        self,
        workspace: Workspace,
        implementations: Mapping[str, Implementation],
        values: Values,
        services: Mapping[type, object],
        environment: Environment,
    ) -> None:
        self.workspace = workspace
        self.implementations = implementations
        self.services = services
        self._values, self._environment = values, environment
        self._catalogue = {name: one.spec for name, one in implementations.items()}
        self._checks: dict[str, Check] = {name: one.check for name, one in implementations.items() if one.check}
        self._cache: Cache = workspace.cache(values)

    def run(self, request: JobRequest, cancel: CancelToken) -> Running:
        """Plan, and run as the events are taken. Raises InputError for a request that cannot run as things are now."""
        files = self.workspace.folders
        graph = bind(flatten(request.document, self._catalogue), self._catalogue, files, self._checks)
        previous = self.workspace.history.load(request.scope)
        made = plan(
            graph,
            view=self._cache,
            files=files,
            targets=request.targets,
            previous=previous,
            environment=self._environment,
        )
        events = run(
            made,
            self.implementations,
            cache=self._cache,
            values=self._values,
            files=files,
            services=self.services,
            metadata=self._texts(request, made),
            cancel=cancel,
            previous=previous,
        )
        cached = {name: step.hit.report for name, step in made.steps.items() if step.hit and step.hit.report}
        return Running(cached, self._remembering(events, request.scope, previous))

    def free(self) -> None:
        """Forget what is held in memory; the disk keeps what it has."""
        self._cache.tiers[0].clear()

    def _remembering(self, events: Iterator[Event], scope: str, previous: Mapping[str, Recipe]) -> Iterator[Event]:
        for event in events:
            if isinstance(event, RunFinished):
                if any(previous.get(name) != one for name, one in event.recipes.items()):
                    self.workspace.history.save(scope, event.recipes)
                self.workspace.keep_digests()  # a worker is ended, it does not end
            yield event

    def _texts(self, request: JobRequest, made: Plan) -> Mapping[str, str]:
        """What saved pictures carry; nothing when nothing will be saved."""
        if not made.having("run") and not made.having("depends"):
            return {}
        return {**carried(request.document, self._catalogue), **request.texts}
