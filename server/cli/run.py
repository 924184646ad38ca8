"""`latentgraph run FILE`: execute a workflow and say what was done, what was already there, and which files it made."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from types import FrameType

from graph.context import CancelToken
from graph.events import Event, NodeFailed, Outcome, RunFinished
from graph.json import JsonObject
from graph.plan import Plan
from graph.run import run
from graph.spec import Catalogue, NodeSpec
from graph.values import Values
from nodes.catalogue import load_catalogue, load_implementations
from server.cli.prepare import WITH_FILE, print_problems, printable, request
from server.cli.progress import Silent, Watcher, watcher
from server.draws import carried
from server.options import Parser, add_computing, add_document, add_places, computing, places
from server.planning import Prepared, Request, prepare
from server.workspace import Computing, Workspace, expect_writable

EXIT = {"done": 0, "failed": 1, "cancelled": 130}


def parser(prog: str = "latentgraph run", description: str | None = __doc__) -> argparse.ArgumentParser:
    made = Parser(prog=prog, description=description, epilog=WITH_FILE, usage=f"{prog} FILE [OPTION ...]")
    add_document(made)
    made.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    made.add_argument("--quiet", action="store_true", help="print nothing but errors and the files written")
    add_places(made)
    add_computing(made)
    return made


def main(arguments: Sequence[str]) -> int:
    return EXIT[perform(parser(), arguments, lambda options: watcher(sys.stderr, quiet=options.quiet)).status]


def perform(
    parser: argparse.ArgumentParser, arguments: Sequence[str], watching: Callable[[argparse.Namespace], Watcher]
) -> RunFinished:
    """Execute the workflow that a command line names, watched by what `watching` makes, and say what it came to."""
    catalogue = load_catalogue()
    options, wanted = request(parser, arguments, catalogue)
    how = computing(options)
    with Workspace(places(options)) as workspace:
        prepared = prepare(wanted, catalogue, workspace, workspace.cache(Values()), how)
        if not options.quiet and not options.json:
            print_problems([*workspace.problems, *prepared.problems, *catalogue.problems])
        if _will_save(prepared.plan):
            expect_writable(workspace.folders.root("output"))
        finished = _run(wanted, prepared, catalogue, workspace, how, watching(options))
    if options.json:
        told = [asdict(one) for one in (*prepared.problems, *workspace.problems)]
        print(json.dumps({**summary(finished), "problems": told}, indent=2))
    else:
        _report(finished, prepared.plan.targets, quiet=options.quiet)
        print_problems(workspace.losses)
    return finished


def _will_save(plan: Plan) -> bool:
    """Whether a node may run that saves files in the output folder."""
    saving = (name for name, node in plan.graph.nodes.items() if node.spec.saves == "output")
    return any(name in plan.steps and plan.steps[name].status in ("run", "depends") for name in saving)


def assist(
    parser: argparse.ArgumentParser, arguments: Sequence[str], wanted: Callable[[NodeSpec], bool]
) -> RunFinished:
    """Execute those nodes that are `wanted` beside another process that executes the whole workflow and speaks for both."""
    catalogue = load_catalogue()
    options, asked = request(parser, arguments, catalogue)
    asked = replace(asked, scope=f"{asked.scope}, assisting")
    how = computing(options)
    with Workspace(places(options)) as workspace:
        prepared = prepare(asked, catalogue, workspace, workspace.cache(Values()), how, wanted)
        return _run(asked, prepared, catalogue, workspace, how, Silent())


def summary(finished: RunFinished) -> JsonObject:
    """The one object of `--json`."""
    outcomes = finished.outcomes
    return {
        "status": finished.status,
        "executed": sum(one.status == "ran" for one in outcomes.values()),
        "cached": sum(one.status == "cached" for one in outcomes.values()),
        "files": list(_files(outcomes)),
        "seconds": round(finished.seconds, 4),
        "nodes": {name: _node(one) for name, one in outcomes.items()},
    }


def _node(outcome: Outcome) -> JsonObject:
    node: JsonObject = {
        "status": outcome.status,
        "tier": outcome.tier,
        "seconds": round(outcome.seconds, 4),
        "reason": outcome.reason,
    }
    if outcome.failure is not None:
        node["code"] = outcome.failure.code
        node["hint"] = outcome.failure.hint
        node["inputs"] = dict(outcome.failure.inputs)
    if outcome.report is not None and outcome.report.text:
        node["text"] = list(outcome.report.text)
    return node


def _run(
    wanted: Request,
    prepared: Prepared,
    catalogue: Catalogue,
    workspace: Workspace,
    how: Computing,
    watching: Watcher,
) -> RunFinished:
    if not prepared.plan.having("run") and not prepared.plan.having("depends"):
        finished = _already_there(prepared)  # nothing to run: torch is not even imported
        workspace.history.save(wanted.scope, finished.recipes)
        return finished
    with _cancel_on_interrupt() as cancel:
        implementations = load_implementations()
        values = workspace.values()
        events = run(
            prepared.plan,
            implementations,
            cache=workspace.cache(values),
            values=values,
            files=workspace.folders,
            services=workspace.services(how),
            metadata=carried(wanted.document, catalogue),
            cancel=cancel,
            previous=prepared.previous,
        )
        finished = _watch(events, watching)
    workspace.history.save(wanted.scope, finished.recipes)
    return finished


def _already_there(prepared: Prepared) -> RunFinished:
    outcomes = {
        name: Outcome("cached", "", step.hit.tier, 0.0, step.hit.report)
        if step.hit
        else Outcome("skipped", str(step.reason))
        for name, step in prepared.plan.steps.items()
    }
    recipes = {name: step.recipe for name, step in prepared.plan.steps.items() if step.recipe and step.hit}
    return RunFinished("done", 0.0, outcomes, recipes)


def _watch(events: Iterator[Event], watching: Watcher) -> RunFinished:
    try:
        for event in events:
            watching.see(event)
            if isinstance(event, NodeFailed):
                watching.close()
                _print_failure(event)
            if isinstance(event, RunFinished):
                return event
    finally:
        watching.close()
    raise AssertionError("a run ends with RunFinished")


@contextmanager
def _cancel_on_interrupt() -> Iterator[CancelToken]:
    """The first Ctrl-C cancels within one step and keeps what is done; the second stops at once."""
    token = CancelToken()

    def interrupted(_number: int, _frame: FrameType | None) -> None:
        if token.cancelled:
            os._exit(130)  # files are written whole or not at all, so nothing is left half-done
        print("\ncancelling after this step (Ctrl-C again: at once)", file=sys.stderr)
        token.cancel()

    previous = signal.signal(signal.SIGINT, interrupted)
    try:
        yield token
    finally:
        signal.signal(signal.SIGINT, previous)


def _files(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    for outcome in outcomes.values():
        if outcome.report is not None and outcome.status in ("ran", "cached"):
            for saved in outcome.report.files:
                yield saved.path


def _report(finished: RunFinished, targets: Sequence[str], *, quiet: bool) -> None:
    for path in _files(finished.outcomes):
        print(path)
    if quiet:
        return
    for name, outcome in finished.outcomes.items():
        for text in outcome.report.text if outcome.report else ():
            print(f"{printable(name)}: {text}")
    for name in targets:
        if finished.outcomes[name].status == "skipped":
            print(f"skipped: {printable(name)}: {finished.outcomes[name].reason}", file=sys.stderr)
    counts = [
        (sum(one.status == status for one in finished.outcomes.values()), word)
        for status, word in (("ran", "ran"), ("cached", "from cache"), ("failed", "failed"))
    ]
    said = ", ".join(f"{count} {word}" for count, word in counts if count or word == "ran")
    print(f"{finished.status} in {finished.seconds:.2f} s: {said}", file=sys.stderr)


def _print_failure(event: NodeFailed) -> None:
    failure = event.failure
    print(f"error: {printable(event.node)}: {failure.message} [{failure.code}]", file=sys.stderr)
    for name, shown in failure.inputs.items():
        print(f"    {name} = {shown}", file=sys.stderr)
    if failure.hint:
        print(f"    {failure.hint}", file=sys.stderr)
    if failure.trace:
        print(failure.trace, file=sys.stderr)
