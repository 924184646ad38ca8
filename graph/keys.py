"""Keys: a hash of everything a node's result depends on, and of nothing else.

A key is BLAKE2b over the canonical JSON of (node type, its version, its literals, the content of files it names, the keys
of what is linked to it). It is the same in every process and on every machine; node names, positions and titles are not
in it. Two rules keep changes from spreading:

* an input linked to a small value (`ports.CONTENT_TYPES`) contributes the value's own digest, not the key of the node that
  made it, so an upstream edit that yields the same value stops there (never for lazy inputs: they may stay unevaluated);
* a picture named in a file field contributes its content, not its name. (A model file contributes both: the handle a
  loader returns leads back to the file.)

The `Recipe` keeps the ingredients, so that `explain.py` can say what changed.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from graph.bound import BoundNode
from graph.json import Json, canonical
from graph.record import record
from graph.spec import FileChoice

SCHEME = "latentgraph-key/1"
VOLATILE = "~"
"""First character of the key of something that must never be looked up: each run makes its own."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What enters keys beside the document. `precision` (device and number format, which decide the last digits) enters
    nodes that compute on a device, `output` (where effects go) enters nodes with an effect."""

    precision: str = "auto"
    output: str = ""

    # Both are words for people, too: they are what a plan says has changed.


@record
class Recipe:
    """The ingredients of a node's key. `sources` gives for each linked input (node, output, fingerprint)."""

    type: str
    version: int
    literals: Mapping[str, Json]
    files: Mapping[str, str]
    sources: Mapping[str, tuple[str, str, str]]
    place: str
    key: str

    def to_json(self) -> Json:
        sources: dict[str, Json] = {name: list(source) for name, source in self.sources.items()}
        return [self.type, self.version, dict(self.literals), dict(self.files), sources, self.place, self.key]

    @staticmethod
    def from_json(data: Json) -> Recipe:
        """The inverse of `to_json`. Raises AttributeError, TypeError or ValueError for anything else."""
        if not isinstance(data, list):
            raise TypeError("a recipe is a list")
        kind, version, literals, files, sources, place, key = data
        linked = {name: (one[0], one[1], one[2]) for name, one in sources.items()}  # type: ignore[union-attr,index]
        return Recipe(kind, version, literals, files, linked, place, key)  # type: ignore[arg-type]


def recipe(
    bound: BoundNode, files: Mapping[str, str], fingerprints: Mapping[str, str], environment: Environment
) -> Recipe:
    """The recipe of one node. `files` maps file inputs to content digests, `fingerprints` linked inputs to those of
    their sources."""
    spec = bound.spec
    place = ""
    if spec.effect:
        place = environment.output
    elif spec.lane == "device":
        place = environment.precision
    literals = bound.literals
    if files:
        by_content = {name for name in files if _keyed_by_content_alone(bound, name)}
        literals = {name: value for name, value in literals.items() if name not in by_content}
    sources = {name: (link.node, link.output, fingerprints[name]) for name, link in bound.links.items()}
    key = _key(bound, literals, files, fingerprints, place)
    return Recipe(spec.type, spec.version, bound.literals, files, sources, place, key)


def source_fingerprint(key: str, output: str, content: str | None) -> str:
    """What a link contributes: the value's digest where it is known and counts, else the source's key and output."""
    return f"={content}" if content is not None else f"{key}/{output}"


def _key(
    bound: BoundNode,
    literals: Mapping[str, Json],
    files: Mapping[str, str],
    fingerprints: Mapping[str, str],
    place: str,
) -> str:
    spec = bound.spec
    if not spec.deterministic or any(value.startswith(VOLATILE) for value in fingerprints.values()):
        return VOLATILE + uuid.uuid4().hex
    ingredients = [SCHEME, spec.type, spec.version, literals, files, fingerprints, place]
    return hashlib.blake2b(canonical(ingredients), digest_size=16).hexdigest()


def _keyed_by_content_alone(bound: BoundNode, name: str) -> bool:
    widget = bound.spec.inputs_by_name[name].widget
    return isinstance(widget, FileChoice) and widget.upload
