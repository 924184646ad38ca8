"""What binding gives: nodes with their specs, complete literals and sound links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graph.document import Link
from graph.errors import Problem
from graph.flatten import Lost
from graph.json import Json
from graph.record import record
from graph.spec import NodeSpec


@record
class BoundNode:
    """A node ready to be keyed: `literals` are complete and normalised, `links` lead to existing nodes."""

    spec: NodeSpec
    literals: Mapping[str, Json]
    links: Mapping[str, Link]
    title: str | None = None


@dataclass(frozen=True, slots=True)
class BoundGraph:
    """All sound nodes. `unavailable` says why a sound node cannot run (it needs a muted node); `faults` are the errors that
    forbid a node to run, which an instance of a subgraph may have been given; `problems` are everyone's, in document order.
    """

    nodes: Mapping[str, BoundNode]
    problems: tuple[Problem, ...] = ()
    unavailable: Mapping[str, Lost] = field(default_factory=dict)
    faults: Mapping[str, Sequence[Problem]] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
