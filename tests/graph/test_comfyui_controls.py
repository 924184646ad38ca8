"""What ComfyUI does to numbers after each run is told of a file that asks for it, and that they stay."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from graph.comfyui.controls import COUNTED, DRAWN
from graph.comfyui.ui import import_ui
from graph.json import Json, JsonObject
from tests.graph.comfyui_cases import CATALOGUE, canvas, definition, node, slot

ID = "3649d32d-3c81-4249-9e89-a1fe12609f65"


def sampler(identity: int, control: Json, inputs: Sequence[Json] = ()) -> JsonObject:
    return node(identity, "KSampler", inputs=list(inputs), values=[7, control, 20, 8, "euler", 1])


def primitive(*values: Json) -> JsonObject:
    return node(4, "PrimitiveNode", outputs=[{"name": "INT", "type": "INT", "links": [9]}], values=list(values))


SEED = slot("seed", "INT", 9, widget=True)
LINK: Json = [[9, 4, 0, 1, 0, "INT"]]

CASES: dict[str, tuple[list[JsonObject], Json, list[str]]] = {
    "one that is drawn": ([sampler(1, "randomize")], [], ["another number for 1.seed after"]),
    "several": ([sampler(1, "randomize"), sampler(2, "randomize")], [], ["another number for 1.seed, 2.seed after"]),
    "the form of early files": ([sampler(1, True)], [], ["another number for 1.seed after"]),
    "counted": (
        [sampler(1, "increment"), sampler(2, "decrement")],
        [],
        ["counts 1.seed up after", "counts 2.seed down after"],
    ),
    "fixed": ([sampler(1, "fixed")], [], []),
    "by a primitive": ([sampler(1, "fixed", [SEED]), primitive(5, "randomize")], LINK, ["number for 1.seed after"]),
    "a primitive that stays": ([sampler(1, "randomize", [SEED]), primitive(5, "fixed")], LINK, []),
}


@pytest.mark.parametrize(("nodes", "links", "told"), CASES.values(), ids=CASES)
def test_controls_are_told(nodes: list[JsonObject], links: Json, told: list[str]) -> None:
    imported = import_ui(canvas(nodes, links), CATALOGUE)
    problems = [one for one in imported.problems if one.code in {DRAWN, COUNTED}]
    assert all(part in one.message for part, one in zip(told, problems, strict=True))
    assert all((one.code == COUNTED) == ("counts" in one.message) for one in problems)
    assert all(one.severity == "warning" and one.hint and one.node in {"1", "2"} for one in problems)


def test_a_control_in_a_subgraph_is_told_with_its_place() -> None:
    inside = definition(ID, [sampler(5, "randomize")], [[2, 5, 0, -20, 0]], inputs=[], outputs=["LATENT"])
    file = canvas([node(3, ID)], []) | {"definitions": {"subgraphs": [inside]}}
    (problem,) = (one for one in import_ui(file, CATALOGUE).problems if one.code == DRAWN)
    assert problem.message.startswith("ComfyUI draws another number for 5.seed in ")
    assert (problem.node, problem.path) == ("5", "$.definitions.subgraphs[0].nodes[0]")
