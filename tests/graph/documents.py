"""Documents as hypothesis makes them: right ones, and right ones with something done to them."""

from __future__ import annotations

import copy
from typing import cast

from hypothesis import strategies as st

from graph.document import Document, Link, Node, Parameter, Subgraph, SubgraphOutput
from graph.json import Json, JsonObject

NAMES = st.text(min_size=1, max_size=3)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS, lambda one: st.lists(one, max_size=2) | st.dictionaries(NAMES, one, max_size=2), max_leaves=4
)
LINKS = st.builds(Link, NAMES, NAMES)
UI = st.dictionaries(NAMES, VALUES, max_size=2)
NODES = st.dictionaries(
    NAMES,
    st.builds(
        Node,
        type=NAMES,
        inputs=st.dictionaries(NAMES, LINKS | VALUES, max_size=3),
        mode=st.sampled_from(["on", "mute", "bypass"]),
        title=st.none() | st.text(max_size=4),
        ui=UI,
    ),
    max_size=3,
)
PARAMETERS = st.lists(
    st.builds(
        Parameter,
        name=NAMES,
        binds=st.lists(st.tuples(NAMES, NAMES), max_size=2).map(tuple),
        help=st.none() | st.text(max_size=4),
    ),
    max_size=2,
).map(tuple)
SUBGRAPHS = st.builds(
    Subgraph,
    name=st.text(max_size=3),
    nodes=NODES,
    parameters=PARAMETERS,
    outputs=st.lists(st.builds(SubgraphOutput, NAMES, LINKS), max_size=2).map(tuple),
    ui=UI,
)
DOCUMENTS = st.builds(
    Document,
    nodes=NODES,
    name=st.text(max_size=4),
    description=st.text(max_size=4),
    parameters=PARAMETERS,
    subgraphs=st.dictionaries(NAMES, SUBGRAPHS, max_size=2),
    ui=UI,
)

ODD: list[Json] = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "on",
    "x",
    [],
    {},
    [[]],
    ["a"],
    ["a", "b"],
    ["a", "b", "c"],
    ["", "b"],
    [1, 2],
]
ODD += [
    {"from": ["a", "b"]},
    {"from": ["a"]},
    {"value": 1},
    {"value": 1, "from": ["a", "b"]},
    {"": {}},
    {"a": {"type": "T"}},
]
KEYS = [
    "",
    "x",
    "type",
    "inputs",
    "mode",
    "title",
    "ui",
    "name",
    "binds",
    "help",
    "from",
    "value",
    "nodes",
    "outputs",
    "$schema",
]


@st.composite
def mutated(draw: st.DrawFn, whole: Json) -> Json:
    """`whole` with a few places replaced, removed or added to."""
    whole = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        containers = _containers(whole)
        place = containers[draw(st.integers(0, len(containers) - 1))]
        if isinstance(place, list):
            _mutate_list(draw, place)
        else:
            _mutate_object(draw, place)
    return whole


def _mutate_list(draw: st.DrawFn, place: list[Json]) -> None:
    change = draw(st.booleans())
    if place and change:
        position = draw(st.integers(0, len(place) - 1))
        if draw(st.booleans()):
            del place[position]
        else:
            place[position] = _odd(draw)
    else:
        place.append(_odd(draw))


def _mutate_object(draw: st.DrawFn, place: JsonObject) -> None:
    key = draw(st.sampled_from([*place, *KEYS]))
    if key in place and draw(st.booleans()):
        del place[key]
    else:
        place[key] = _odd(draw)


def _odd(draw: st.DrawFn) -> Json:
    return copy.deepcopy(ODD[draw(st.integers(0, len(ODD) - 1))])


def _containers(value: Json) -> list[list[Json] | JsonObject]:
    found: list[list[Json] | JsonObject] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            found.append(one)
            waiting += cast("list[Json]", list(one.values()) if isinstance(one, dict) else one)
    return found
