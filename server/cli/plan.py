"""`latentgraph plan FILE`: what would run, and why. Runs nothing and imports no torch."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from graph.plan import Plan, Step
from graph.values import Values
from nodes.catalogue import load_catalogue
from server.cli.prepare import WITH_FILE, print_problems, printable, request
from server.options import Parser, add_computing, add_document, add_places, computing, places
from server.planning import prepare, summary
from server.workspace import Workspace

_WORDS = {
    "run": "will run",
    "depends": "may run",
    "cached": "cached",
    "unneeded": "not needed",
    "unavailable": "cannot run",
}


def parser() -> argparse.ArgumentParser:
    usage = "latentgraph plan FILE [OPTION ...]"
    made = Parser(prog="latentgraph plan", description=__doc__, epilog=WITH_FILE, usage=usage)
    add_document(made)
    made.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    add_places(made)
    add_computing(made)
    return made


def main(arguments: Sequence[str]) -> int:
    catalogue = load_catalogue()
    options, wanted = request(parser(), arguments, catalogue)
    how = computing(options)
    with Workspace(places(options)) as workspace:
        prepared = prepare(wanted, catalogue, workspace, workspace.cache(Values()), how)
    if not options.json:
        print_problems([*workspace.problems, *prepared.problems])
    if options.json:
        told = [asdict(one) for one in prepared.problems]
        print(json.dumps({**summary(prepared.plan), "problems": told}, indent=2))
    else:
        print("\n".join(table(prepared.plan)))
    return 0


def table(plan: Plan) -> list[str]:
    """The plan for people: a line a node, in the order in which they would run."""
    rows = [
        (printable(name), plan.graph.nodes[name].spec.type, _what(step), printable(str(step.reason)))
        for name, step in plan.steps.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    ]
    count = plan.count("run")
    depending = plan.count("depends")
    more = f", {depending} may" if depending else ""
    return [*(line.rstrip() for line in lines), f"{count} of {len(rows)} nodes will run{more}"]


def _what(step: Step) -> str:
    return f"{_WORDS[step.status]} ({step.hit.tier})" if step.hit else _WORDS[step.status]
