"""What ComfyUI does to numbers after each run (draw another, count up or down), told of a file that asks for it.

A document is never changed by running. The first picture is the file's, and without a word so would be all that follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from graph.comfyui.decoration import entries
from graph.comfyui.imported import Findings
from graph.comfyui.shapes import as_list, as_object
from graph.document import Document, Link, Node
from graph.errors import listed
from graph.json import Json, JsonObject

DRAWN: Final = "comfyui_seed_control"
COUNTED: Final = "comfyui_seed_count"

_MOST_NAMED: Final = 4
_DOES: Final = {
    "randomize": "draws another number for {} after each run",
    "increment": "counts {} up after each run",
    "decrement": "counts {} down after each run",
}
_HINTS: Final = {"randomize": 'Set it to "random", and each run draws one.'}
_AS_IT_IS: Final = "No run changes a number here: set it where the workflow is run, or by hand."


@dataclass(frozen=True, slots=True)
class _Place:
    """An input that ComfyUI changes. `inside` is the subgraph that it is in, `path` its node's in the file."""

    node: str
    name: str
    inside: str
    path: str

    def __str__(self) -> str:
        return f"{self.node}.{self.name}" + (f" in {self.inside}" if self.inside else "")


def tell_controls(document: Document, findings: Findings) -> None:
    """Say once for each of these what it is done to, and that it stays as the file has it."""
    found: dict[str, list[_Place]] = {}
    graphs = [("", document.nodes, document.ui), *((key, one.nodes, one.ui) for key, one in document.subgraphs.items())]
    for inside, nodes, ui in graphs:
        for word, node, name in _controlled(nodes, ui):
            found.setdefault(word, []).append(_Place(node, name, inside, nodes[node].place or "$"))
    for word, does in _DOES.items():
        if word not in found:
            continue
        first, code = found[word][0], DRAWN if word == "randomize" else COUNTED
        numbers = listed([str(one) for one in found[word]], _MOST_NAMED)
        message = f"ComfyUI {does.format(numbers)}; here it stays as it is in the file"
        findings.warn(code, message, first.path, node=first.node, input=first.name, hint=_HINTS.get(word, _AS_IT_IS))


def _controlled(nodes: Mapping[str, Node], ui: JsonObject) -> Iterator[tuple[str, str, str]]:
    """What happens to which input that holds a number: by its node, or by the primitive that sets it."""
    by_primitive: dict[tuple[str, str], Json] = {}
    for entry in entries(ui, "primitives"):
        binds = [one for one in as_list(entry.get("binds")) if isinstance(one, list) and len(one) == 2]
        by_primitive |= {(str(node), str(name)): entry.get("control") for node, name in binds}
    for node, one in nodes.items():
        words = as_object(one.ui.get("control")) or {}
        for name, value in one.inputs.items():
            word = by_primitive.get((node, name), words.get(name))
            if isinstance(word, str) and not isinstance(value, Link):
                yield word, node, name
