"""Seeds that a document leaves open: `"random"` in a field for a seed is a number drawn anew whenever the document is run.

The document itself is never changed; what was drawn is told, so that a picture can be made again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, Final, cast

from graph.document import FORMAT, SUBGRAPH
from graph.json import Json, JsonObject
from graph.spec import Catalogue, Number

RANDOM: Final = "random"
MOST: Final = 2**53 - 1
"""Seeds are drawn up to what every JSON reader keeps exactly."""

Seeds = dict[str, dict[str, int]]


def draw(data: Json, catalogue: Catalogue) -> tuple[Json, Seeds]:
    """The document with a number for each open seed, and the numbers by node and input. Nodes of a subgraph, which all its
    instances share, are named `subgraph:NAME/node`. What is no document of ours comes back as it is."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        return data, {}
    subgraphs = data.get("subgraphs")
    scopes: dict[str, Json] = {"": data}
    if isinstance(subgraphs, dict):
        scopes |= {f"{SUBGRAPH}{name}": one for name, one in subgraphs.items()}
    seeds: Seeds = {}
    drawn = {name: _with_seeds(name, graph, subgraphs, catalogue, seeds) for name, graph in scopes.items()}
    if not seeds:
        return data, {}
    whole = dict(cast("JsonObject", drawn.pop("")))
    if drawn:
        whole["subgraphs"] = {name.removeprefix(SUBGRAPH): graph for name, graph in drawn.items()}
    return whole, seeds


def _with_seeds(scope: str, graph: Json, subgraphs: Json, catalogue: Catalogue, seeds: Seeds) -> Json:
    nodes = graph.get("nodes") if isinstance(graph, dict) else None
    if not isinstance(graph, dict) or not isinstance(nodes, dict):
        return graph
    changed: JsonObject = {}
    for name, node in nodes.items():
        numbers = {key: secrets.randbelow(most + 1) for key, most in _open(node, subgraphs, catalogue)}
        if numbers:
            inputs = cast("JsonObject", cast("JsonObject", node)["inputs"])
            changed[name] = {**cast("JsonObject", node), "inputs": {**inputs, **numbers}}
            seeds[f"{scope}/{name}" if scope else name] = numbers
    return {**graph, "nodes": {**nodes, **changed}} if changed else graph


def _open(node: Json, subgraphs: Json, catalogue: Catalogue) -> Iterator[tuple[str, int]]:
    """The open seeds of a node, and the most that each takes."""
    inputs = node.get("inputs") if isinstance(node, dict) else None
    if not isinstance(node, dict) or not isinstance(inputs, dict):
        return
    for name, value in inputs.items():
        if value == RANDOM:
            number = _seed_field(node.get("type"), name, subgraphs, catalogue)
            if number is not None:
                yield name, min(MOST, int(number.maximum or MOST))


def _seed_field(kind: Any, name: str, subgraphs: Any, catalogue: Catalogue) -> Number | None:
    """The field behind an input, if it is for a seed; followed into subgraphs by what the input is first bound to."""
    for _ in range(100):
        if not isinstance(kind, str):
            return None
        if not kind.startswith(SUBGRAPH):
            spec = catalogue.get(kind)
            port = spec.input(name) if spec else None
            widget = port.widget if port else None
            return widget if isinstance(widget, Number) and widget.seed else None
        try:
            subgraph = subgraphs[kind.removeprefix(SUBGRAPH)]
            binds = next(one["binds"] for one in subgraph["parameters"] if one["name"] == name)
            inner, name = binds[0]
            kind = subgraph["nodes"][inner]["type"]
        except (LookupError, TypeError, StopIteration, ValueError):
            return None
    return None
