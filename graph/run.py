"""Running a plan: what a caller gives, and what comes out.

    for event in run(plan, implementations, cache=cache): ...

`execution.py` does the work; here a run gets its lanes, its context and its end.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping

from graph.bodies import Bodies
from graph.cache.tiered import Cache
from graph.context import CancelToken, Context
from graph.declare import Implementation
from graph.events import Event, RunStarted
from graph.execution import Execution
from graph.files import Files
from graph.keys import Recipe
from graph.lanes import Lanes
from graph.plan import Plan
from graph.states import States
from graph.values import Values


def run(
    plan: Plan,
    implementations: Mapping[str, Implementation],
    *,
    cache: Cache,
    values: Values | None = None,
    files: Files | None = None,
    services: Mapping[type, object] | None = None,
    metadata: Mapping[str, str] | None = None,
    cancel: CancelToken | None = None,
    previous: Mapping[str, Recipe] | None = None,
    keep_values: bool = False,
) -> Generator[Event, None, None]:
    """Execute `plan` and yield events, `RunStarted` first and `RunFinished` last.

    `services` and `metadata` reach node bodies through their `Context`, the `States` of this cache among them. After a
    failure independent branches still finish; after a cancel nothing new starts, and to close the iterator is to cancel.
    With `keep_values` the last event carries the targets' outputs.
    """
    started = time.perf_counter()
    yield RunStarted(len(plan.steps), tuple(plan.having("cached")))
    values = values or Values()
    provided = {States: States(cache, values), **(services or {})}
    context = Context(
        numbers=plan.environment.precision,
        cancel=cancel or CancelToken(),
        services=provided,
        metadata=metadata or {},
    )
    with Lanes() as lanes:
        bodies = Bodies(lanes, context, values)
        execution = Execution(plan, implementations, cache, values, files, context.cancel, bodies, previous or {})
        try:
            yield from execution.events(keep_values)
        finally:
            if bodies.running:  # left early: the lanes wait for what still runs
                context.cancel.cancel()
    yield execution.finished(time.perf_counter() - started, keep_values)
