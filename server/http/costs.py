"""What a document asks for, counted before anything is allocated: its pictures, and how many there is memory for.

The estimate is what the picture itself takes, which nothing can be done about: networks are run in tiles or streamed where
they would not fit, but a picture lies in memory as a whole, and several times while its tiles are put together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Final

from graph.bound import BoundGraph, BoundNode
from graph.errors import Problem
from graph.flatten import FlatGraph
from graph.json import Json
from server.http.service import Bounds
from server.options import MOST

PIXEL_BYTES: Final = 64
"""Bytes of memory that decoding takes for each pixel, in tiles: measured were 60.3 (8192x8192, torch 2.13), which are five
pictures of three float32."""
_COUNTS: Final = ("batch_size", "amount", "length")
"""Fields that say how many pictures a node makes."""
_COUNTED: Final = frozenset(("width", "height", *_COUNTS))


def pixels_that_fit(memory: int, workers: int) -> int:
    """For how many pixels at a time each of so many workers has room in `memory` bytes: half is of models and results."""
    return memory // 2 // workers // PIXEL_BYTES


def too_many_pixels(flat: FlatGraph, graph: BoundGraph, bounds: Bounds) -> Iterator[Problem]:
    """Nodes whose pictures together have more pixels than are taken, each of their numbers within its own range. Numbers of
    pixels that are larger than any that can be set are not told apart."""
    known: dict[str, Json] = {}
    for name, node in graph.nodes.items():
        if any(one.input in _COUNTED for one in graph.faults.get(name, ())):
            continue
        number_of = partial(_number, graph, node, known=known)
        width, height = number_of("width"), number_of("height")
        if width is None or height is None:
            continue
        number = math.prod(one for one in map(number_of, _COUNTS) if one is not None)
        pixels = min(width * height * number, MOST)
        if pixels <= bounds.pixels:
            continue
        asked = f"{width}x{height}" if number == 1 else f"{number} of {width}x{height}"
        message = (
            f"{asked} are {pixels:,} pixels, and take about {pixels * PIXEL_BYTES / 1e9:,.1f} GB of memory to make; "
            f"at most {bounds.pixels:,} pixels are taken here"
        )
        hint = f"Make them smaller or fewer, or start the service with --max-pixels {pixels} where memory allows it."
        entry = flat.entries.get((name, "width"))
        path = entry.path if entry else flat.path(name, "inputs", "width")
        yield Problem("too_many_pixels", message, node=name, input="width", path=path, hint=hint)


def _number(graph: BoundGraph, node: BoundNode, name: str, known: dict[str, Json]) -> int | None:
    """The number of pixels or pictures that an input gets, be it handed on by other nodes; None where only running tells.
    `known` is what nodes were found to hand on, so that many that get the same number do not look for it anew."""
    value: Json = None
    passed: list[str] = []
    while link := node.links.get(name):
        if link.node in known:
            value = known[link.node]
            break
        known[link.node] = None  # until it is found, which in a circle it never is
        passed.append(link.node)
        if link.node not in graph.nodes:  # of an unknown type, or none that runs
            break
        node = graph.nodes[link.node]
        if not node.spec.passes_on or graph.faults.get(link.node):
            break
        (name,) = node.spec.inputs_by_name
    else:
        value = node.literals.get(name)
    known.update(dict.fromkeys(passed, value))
    return value if isinstance(value, int) and value > 0 else None
