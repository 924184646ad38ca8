"""What a document leaves open and each run draws: a number for `"random"` in a field for a seed, a word for `{red|blue}` in
a prompt.

Both are drawn once, when every parameter has its value. The document itself is never changed; what was drawn is told, so
that a picture can be made again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeAlias, cast

from graph.alternatives import closed, drawn, has_choice, is_open
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

Words: TypeAlias = "Callable[[str], str]"
"""The text that stands for one that leaves words open."""

_Place = tuple[str, str]


def words_of(source: Imported) -> Words | None:
    """How the open texts of a workflow are drawn for a run; None where what it was read from leaves none open."""
    return None if source.as_written else in_one_way


def in_one_way(text: str) -> str:
    """One of the texts that this one may mean, each alternative as likely as the others beside it."""
    return drawn(text, secrets.randbelow)


def as_written(text: str) -> str:
    """The text itself: for who only looks at a workflow."""
    return text


def settled(text: str) -> str:
    """The text itself, or what it means if that is one thing only: for who asks what would run."""
    return text if has_choice(text) else in_one_way(text)


def kept(source: Imported, catalogue: Catalogue) -> Document:
    """The document of a source for a form that may leave words open: texts that leave none open there do not here either."""
    return _closed(source.document, catalogue) if source.as_written else source.document


def carried(ran: Document, catalogue: Catalogue) -> dict[str, str]:
    """The texts in the pictures that a document has made: each of them read again means what was drawn."""
    return embedded_texts(_closed(ran, catalogue), ran, catalogue)


def _closed(ran: Document, catalogue: Catalogue) -> Document:
    return draw(ran, catalogue, closed)[0]


def draw(document: Document, catalogue: Catalogue, words: Words | None = in_one_way) -> tuple[Document, Draws]:
    """The document with a number for each open seed and a text for each open prompt, and these by node and input. Without
    `words` no prompt is open. Fields of one parameter get one number, and the same text where they hold the same. Nodes of a
    subgraph, which all its instances share, are named `subgraph:NAME/node`."""
    subgraphs = document.subgraphs
    found = _draws(document.nodes, document.parameters, subgraphs, catalogue, words)
    nodes = _with_draws(document.nodes, found)
    changed: dict[str, Subgraph] = {}
    for name, one in subgraphs.items():
        inner = _draws(one.nodes, one.parameters, subgraphs, catalogue, words)
        if inner:
            changed[name] = replace(one, nodes=_with_draws(one.nodes, inner))
            found |= {f"{SUBGRAPH}{name}/{node}": values for node, values in inner.items()}
    return replace(document, nodes=nodes, subgraphs={**subgraphs, **changed}) if found else document, found


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


def _draws(
    nodes: Mapping[str, Node],
    parameters: tuple[Parameter, ...],
    subgraphs: Subgraphs,
    catalogue: Catalogue,
    words: Words | None,
) -> Draws:
    together = {bind: one.binds[0] for one in reversed(parameters) for bind in one.binds}
    seeds, texts = _open(nodes, subgraphs, catalogue)
    bounds: dict[_Place, int] = {}
    for place, most in seeds.items():
        first = together.get(place, place)
        bounds[first] = min(most, bounds.get(first, most))
    numbers = {first: secrets.randbelow(most + 1) for first, most in bounds.items()}
    worded: dict[tuple[_Place, str], str] = {}
    found: Draws = {}
    for name, key in seeds:
        found.setdefault(name, {})[key] = numbers[together.get((name, key), (name, key))]
    if words is None:
        return found
    for (name, key), text in texts.items():
        same = (together.get((name, key), (name, key)), text)
        if same not in worded:
            worded[same] = words(text)
        found.setdefault(name, {})[key] = worded[same]
    return found


def _with_draws(nodes: Mapping[str, Node], draws: Draws) -> dict[str, Node]:
    changed = {name: replace(nodes[name], inputs={**nodes[name].inputs, **values}) for name, values in draws.items()}
    return {**nodes, **changed}


def _open(
    nodes: Mapping[str, Node], subgraphs: Subgraphs, catalogue: Catalogue
) -> tuple[dict[_Place, int], dict[_Place, str]]:
    """The open seeds, each with the most that it takes, and the open texts."""
    seeds: dict[_Place, int] = {}
    texts: dict[_Place, str] = {}
    for name, node in nodes.items():
        for key, value, widget in _texts(node, subgraphs, catalogue):
            if isinstance(widget, Number) and widget.seed and value == RANDOM:
                seeds[name, key] = min(MOST, int(widget.maximum or MOST))
            elif isinstance(widget, Text) and widget.dynamic_prompts and is_open(value):
                texts[name, key] = value
    return seeds, texts


def _texts(node: Node, subgraphs: Subgraphs, catalogue: Catalogue) -> Iterator[tuple[str, str, object]]:
    """The texts that a node holds and that a draw may change, each with the widget of its field."""
    for key, value in node.inputs.items():
        if isinstance(value, str) and (value == RANDOM or "{" in value or "\\" in value):
            port = find_input(node.type, key, subgraphs, catalogue)
            yield key, value, port.widget if port else None
