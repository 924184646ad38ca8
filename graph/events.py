"""What a run tells while it happens: a closed set of frozen messages, in order.

`display` is the node of the document that stands for an inner node of an expansion; for all others it is the node itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from graph.context import Preview
from graph.keys import Recipe
from graph.record import record
from graph.result import Report

RunStatus = Literal["done", "failed", "cancelled"]
NodeStatus = Literal["ran", "cached", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a node failed, for people (`message`, `hint`, `inputs`), for programs (`code`), and for developers (`trace`,
    empty when the node refused its input on purpose)."""

    code: str
    message: str
    hint: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    trace: str = ""
    exception: str = ""


@record
class Outcome:
    """How one node ended. `tier` is set for cached ones; `reason` says why it ran, or why it did not."""

    status: NodeStatus
    reason: str = ""
    tier: str | None = None
    seconds: float = 0.0
    report: Report | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class RunStarted:
    """`cached` are all nodes whose results are already there."""

    nodes: int
    cached: tuple[str, ...]


@record
class NodeStarted:
    node: str
    display: str
    type: str


@record
class NodeProgress:
    """`value` of `maximum` done. `preview` makes JPEG or PNG bytes, for whoever wants to see."""

    node: str
    display: str
    value: int
    maximum: int
    preview: Preview | None = None


@record
class NodeFinished:
    """The node ended well: it ran or was answered from the cache while the run went on."""

    node: str
    display: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class NodeFailed:
    node: str
    display: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class NodeBlocked:
    """A blocker with a message reached this node. The run goes on; what depends on the node is skipped."""

    node: str
    display: str
    message: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The end. `outcomes` covers every node of the plan and every inner node that took part; `recipes` what each key was
    made of, to be remembered for the next plan; `values` the outputs of the targets, if the run was asked to keep them."""

    status: RunStatus
    seconds: float
    outcomes: Mapping[str, Outcome]
    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, tuple[object, ...]]] = field(default_factory=dict)


Event: TypeAlias = "RunStarted | NodeStarted | NodeProgress | NodeFinished | NodeFailed | NodeBlocked | RunFinished"
