"""What a document leaves open and each run draws: a number for `"random"` in a field for a seed, a word for `{red|blue}` in
a prompt.

Both are drawn once, when every parameter has its value: numbers by chance, words by the seeds of the document, since a seed
means the same picture. The document itself is never changed; what was drawn is told, so that a picture can be made again.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from operator import itemgetter
from typing import Final, TypeAlias, cast

from graph.alternatives import Choose, closed, drawn, has_choice, is_open
from graph.comfyui.imported import Imported
from graph.comfyui.metadata import embedded_texts
from graph.document import SUBGRAPH, Document, Node, Parameter, Subgraph
from graph.interface import Subgraphs, find_input
from graph.json import Json, JsonObject
from graph.spec import Catalogue, Number, Text

RANDOM: Final = "random"
MOST: Final = 2**53 - 1
"""Seeds are drawn up to what every JSON reader keeps exactly."""

Draws = dict[str, dict[str, int | str]]
"""What was drawn, by node and input: a number for a seed, a text for a prompt."""

Words: TypeAlias = "Callable[[str, Choose], str]"
"""The text that stands for one that leaves words open, by lots."""

_Place = tuple[str, str]
_Drawn: TypeAlias = "Callable[[str, Mapping[str, Node], tuple[Parameter, ...], Subgraphs], Draws]"
"""What is drawn in a document (named "") or in a subgraph of it."""


def words_of(source: Imported) -> Words | None:
    """How the open texts of a workflow are drawn for a run; None where what it was read from leaves none open."""
    return None if source.as_written else in_one_way


def in_one_way(text: str, choose: Choose) -> str:
    """One of the texts that this one may mean."""
    return drawn(text, choose)


def as_written(text: str, _choose: Choose) -> str:
    """The text itself: for who only looks at a workflow."""
    return text


def settled(text: str, choose: Choose) -> str:
    """The text itself, or what it means if that is one thing only: for who asks what would run."""
    return text if has_choice(text) else drawn(text, choose)


def kept(source: Imported, catalogue: Catalogue) -> Document:
    """The document of a source for a form that may leave words open: texts that leave none open there do not here either."""
    return _closed(source.document, catalogue) if source.as_written else source.document


def carried(ran: Document, catalogue: Catalogue) -> dict[str, str]:
    """The texts in the pictures that a document has made: each of them read again means what was drawn."""
    return embedded_texts(_closed(ran, catalogue), ran, catalogue)


def _closed(ran: Document, catalogue: Catalogue) -> Document:
    return draw(ran, catalogue, lambda text, _choose: closed(text))[0]


def draw(document: Document, catalogue: Catalogue, words: Words | None = in_one_way) -> tuple[Document, Draws]:
    """The document with a number for each open seed and a text for each open prompt, and these by node and input. Without
    `words` no prompt is open. Fields of one parameter get one number, and the same text where they hold the same. Nodes of a
    subgraph, which all its instances share, are named `subgraph:NAME/node`."""
    seeded, found = _filled(document, partial(_numbers, catalogue=catalogue))
    if words is None:
        return seeded, found
    lots = _Lots(seeded, catalogue)
    worded, texts = _filled(seeded, partial(_worded, words=words, lots=lots, catalogue=catalogue))
    return worded, {name: {**found.get(name, {}), **texts.get(name, {})} for name in {**found, **texts}}


def is_fixed(document: Document, draws: Draws, catalogue: Catalogue) -> bool:
    """Whether all runs of a document draw the same words. `draws` are what it leaves open, `document` has its numbers."""
    is_seed_open = any(isinstance(value, int) for values in draws.values() for value in values.values())
    return not is_seed_open and bool(_seeds(document, catalogue))


def held(document: Document, draws: Draws) -> Draws:
    """What the document holds where these were drawn: another draw may have made it."""
    found: Draws = {}
    for place, values in draws.items():
        nodes = document.nodes
        name = place
        if place not in nodes:
            inside, _, name = place.removeprefix(SUBGRAPH).partition("/")
            subgraph = document.subgraphs.get(inside)
            nodes = subgraph.nodes if subgraph else {}
        inputs = nodes[name].inputs if name in nodes else {}
        there = {
            key: cast("int | str", inputs[key])
            for key, value in values.items()
            if key in inputs and type(inputs[key]) is type(value)
        }
        found |= {place: there} if there else {}
    return found


def told(draws: Draws) -> JsonObject:
    """Draws as an answer tells of them: seeds and prompts apart, each by node and input; nothing of what there is none."""
    kinds = {"seeds": int, "prompts": str}
    split = {
        name: {
            place: chosen
            for place, values in draws.items()
            if (chosen := {key: value for key, value in values.items() if isinstance(value, kind)})
        }
        for name, kind in kinds.items()
    }
    return {name: cast("Json", found) for name, found in split.items() if found}


class _Lots:
    """The lots by which words are drawn: by the document's seeds, so that with the same seeds they are the same, and by the
    place of the text, so that no prompt changes what another draws. Of a document without a seed they are by chance."""

    def __init__(self, document: Document, catalogue: Catalogue) -> None:
        self._document, self._catalogue = document, catalogue

    @cached_property
    def _seed(self) -> str:
        return repr(_seeds(self._document, self._catalogue) or secrets.token_hex())

    def at(self, place: tuple[str, ...]) -> Choose:
        """The choices of one text, one after another."""
        numbers = itertools.count()

        def choose(count: int) -> int:
            lot = hashlib.sha256(repr((self._seed, place, next(numbers))).encode("utf-8", "surrogatepass"))
            return int.from_bytes(lot.digest()) % count

        return choose


def _seeds(document: Document, catalogue: Catalogue) -> list[int]:
    """The numbers in fields for seeds, those of a node by their names."""
    scopes = (document.nodes, *(one.nodes for _, one in sorted(document.subgraphs.items())))
    return [
        value
        for nodes in scopes
        for _, node in sorted(nodes.items())
        for key, value in sorted(node.inputs.items(), key=itemgetter(0))
        if type(value) is int and _is_seed(node, key, document.subgraphs, catalogue)
    ]


def _is_seed(node: Node, key: str, subgraphs: Subgraphs, catalogue: Catalogue) -> bool:
    port = find_input(node.type, key, subgraphs, catalogue)
    return port is not None and isinstance(port.widget, Number) and port.widget.seed


def _filled(document: Document, drawn_in: _Drawn) -> tuple[Document, Draws]:
    """The document with what is drawn in it and in its subgraphs."""
    subgraphs = document.subgraphs
    found = drawn_in("", document.nodes, document.parameters, subgraphs)
    nodes = _with_draws(document.nodes, found)
    changed: dict[str, Subgraph] = {}
    for name, one in subgraphs.items():
        inner = drawn_in(name, one.nodes, one.parameters, subgraphs)
        if inner:
            changed[name] = replace(one, nodes=_with_draws(one.nodes, inner))
            found |= {f"{SUBGRAPH}{name}/{node}": values for node, values in inner.items()}
    return replace(document, nodes=nodes, subgraphs={**subgraphs, **changed}) if found else document, found


def _numbers(
    _scope: str,
    nodes: Mapping[str, Node],
    parameters: tuple[Parameter, ...],
    subgraphs: Subgraphs,
    *,
    catalogue: Catalogue,
) -> Draws:
    """A number for each open seed."""
    together = _together(parameters)
    seeds = _open_seeds(nodes, subgraphs, catalogue)
    bounds: dict[_Place, int] = {}
    for place, most in seeds.items():
        first = together.get(place, place)
        bounds[first] = min(most, bounds.get(first, most))
    numbers = {first: secrets.randbelow(most + 1) for first, most in bounds.items()}
    found: Draws = {}
    for name, key in seeds:
        found.setdefault(name, {})[key] = numbers[together.get((name, key), (name, key))]
    return found


def _worded(
    scope: str,
    nodes: Mapping[str, Node],
    parameters: tuple[Parameter, ...],
    subgraphs: Subgraphs,
    *,
    words: Words,
    lots: _Lots,
    catalogue: Catalogue,
) -> Draws:
    """A text for each open prompt."""
    together = _together(parameters)
    found: Draws = {}
    for (name, key), text in _open_texts(nodes, subgraphs, catalogue).items():
        first = together.get((name, key), (name, key))
        found.setdefault(name, {})[key] = words(text, lots.at((scope, *first)))
    return found


def _together(parameters: tuple[Parameter, ...]) -> dict[_Place, _Place]:
    """Of each field that a parameter sets, the first that it sets."""
    return {bind: one.binds[0] for one in reversed(parameters) for bind in one.binds}


def _with_draws(nodes: Mapping[str, Node], draws: Draws) -> dict[str, Node]:
    changed = {name: replace(nodes[name], inputs={**nodes[name].inputs, **values}) for name, values in draws.items()}
    return {**nodes, **changed}


def _open_seeds(nodes: Mapping[str, Node], subgraphs: Subgraphs, catalogue: Catalogue) -> dict[_Place, int]:
    """The open seeds, each with the most that it takes."""
    return {
        (name, key): min(MOST, int(widget.maximum or MOST))
        for name, node in nodes.items()
        for key, value, widget in _texts(node, subgraphs, catalogue)
        if isinstance(widget, Number) and widget.seed and value == RANDOM
    }


def _open_texts(nodes: Mapping[str, Node], subgraphs: Subgraphs, catalogue: Catalogue) -> dict[_Place, str]:
    return {
        (name, key): value
        for name, node in nodes.items()
        for key, value, widget in _texts(node, subgraphs, catalogue)
        if isinstance(widget, Text) and widget.dynamic_prompts and is_open(value)
    }


def _texts(node: Node, subgraphs: Subgraphs, catalogue: Catalogue) -> Iterator[tuple[str, str, object]]:
    """The texts that a node holds and that a draw may change, each with the widget of its field."""
    for key, value in node.inputs.items():
        if isinstance(value, str) and (value == RANDOM or "{" in value or "\\" in value):
            port = find_input(node.type, key, subgraphs, catalogue)
            yield key, value, port.widget if port else None
