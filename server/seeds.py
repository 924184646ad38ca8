"""Seeds that a document leaves open: `"random"` in a field for a seed is a number drawn anew whenever the document is run.

They are drawn once, when every parameter has its value. The document itself is never changed; what was drawn is told, so
that a picture can be made again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from graph.document import SUBGRAPH, Document, Node, Parameter, Subgraph
from graph.interface import Subgraphs, find_input
from graph.spec import Catalogue, Number

RANDOM: Final = "random"
MOST: Final = 2**53 - 1
"""Seeds are drawn up to what every JSON reader keeps exactly."""

Seeds = dict[str, dict[str, int]]


def draw(document: Document, catalogue: Catalogue) -> tuple[Document, Seeds]:
    """The document with a number for each open seed, and the numbers by node and input. Fields of one parameter get one
    number. Nodes of a subgraph, which all its instances share, are named `subgraph:NAME/node`."""
    subgraphs = document.subgraphs
    seeds = _drawn(document.nodes, document.parameters, subgraphs, catalogue)
    nodes = _with_seeds(document.nodes, seeds)
    changed: dict[str, Subgraph] = {}
    for name, one in subgraphs.items():
        inner = _drawn(one.nodes, one.parameters, subgraphs, catalogue)
        if inner:
            changed[name] = replace(one, nodes=_with_seeds(one.nodes, inner))
            seeds |= {f"{SUBGRAPH}{name}/{node}": numbers for node, numbers in inner.items()}
    return replace(document, nodes=nodes, subgraphs={**subgraphs, **changed}) if seeds else document, seeds


def held(document: Document, seeds: Seeds) -> Seeds:
    """What the document holds where these seeds were drawn: another draw may have made it."""
    found: Seeds = {}
    for place, numbers in seeds.items():
        nodes = document.nodes
        name = place
        if place not in nodes:
            inside, _, name = place.removeprefix(SUBGRAPH).partition("/")
            subgraph = document.subgraphs.get(inside)
            nodes = subgraph.nodes if subgraph else {}
        inputs = nodes[name].inputs if name in nodes else {}
        there = {key: value for key in numbers if isinstance(value := inputs.get(key), int)}
        found |= {place: there} if there else {}
    return found


def _drawn(
    nodes: Mapping[str, Node], parameters: tuple[Parameter, ...], subgraphs: Subgraphs, catalogue: Catalogue
) -> Seeds:
    together = {bind: one.binds[0] for one in reversed(parameters) for bind in one.binds}
    places = {place: most for name, node in nodes.items() for place, most in _open(name, node, subgraphs, catalogue)}
    bounds: dict[tuple[str, str], int] = {}
    for place, most in places.items():
        first = together.get(place, place)
        bounds[first] = min(most, bounds.get(first, most))
    numbers = {first: secrets.randbelow(most + 1) for first, most in bounds.items()}
    seeds: Seeds = {}
    for name, key in places:
        seeds.setdefault(name, {})[key] = numbers[together.get((name, key), (name, key))]
    return seeds


def _with_seeds(nodes: Mapping[str, Node], seeds: Seeds) -> dict[str, Node]:
    changed = {name: replace(nodes[name], inputs={**nodes[name].inputs, **numbers}) for name, numbers in seeds.items()}
    return {**nodes, **changed}


def _open(name: str, node: Node, subgraphs: Subgraphs, catalogue: Catalogue) -> Iterator[tuple[tuple[str, str], int]]:
    """The open seeds of a node, and the most that each takes."""
    for key, value in node.inputs.items():
        if value != RANDOM:
            continue
        port = find_input(node.type, key, subgraphs, catalogue)
        widget = port.widget if port else None
        if isinstance(widget, Number) and widget.seed:
            yield (name, key), min(MOST, int(widget.maximum or MOST))
