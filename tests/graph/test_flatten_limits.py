"""Subgraphs that would expand to too much are refused before any of it is made."""

from __future__ import annotations

import pytest

from graph.document import Document, Node, Parameter, Subgraph, SubgraphOutput
from graph.flatten import flatten
from tests.graph.engine import made, of
from tests.toy_nodes import toys

CATALOGUE = {name: one.spec for name, one in toys().items()}
DOUBLE = Subgraph(
    "double",
    {"sum": made("Add", a=1, b=of("again")), "again": made("Add", a=2)},
    (Parameter("value", (("sum", "a"), ("again", "a"))), Parameter("more", (("again", "b"),))),
    (SubgraphOutput("result", of("sum")),),
)


def _tenfold(levels: int) -> dict[str, Subgraph]:
    """Subgraphs of ten instances of the next each, and an empty one."""
    subgraphs = {
        f"s{level}": Subgraph("s", {f"n{copy}": made(f"subgraph:s{level + 1}") for copy in range(10)})
        for level in range(levels)
    }
    return {**subgraphs, f"s{levels}": Subgraph("s", {})}


def _below(levels: int) -> dict[str, Subgraph]:
    """Subgraphs inside each other, the last one with an instance of `s0`."""
    return {f"d{level}": Subgraph("d", {"n": made(f"subgraph:d{level + 1}")}) for level in range(levels)} | {
        f"d{levels}": Subgraph("d", {"n": made("subgraph:s0")})
    }


def _everyone(count: int) -> dict[str, Subgraph]:
    """Subgraphs each of which contains all the others."""
    return {
        f"s{one}": Subgraph("s", {f"n{other}": made(f"subgraph:s{other}") for other in range(count) if other != one})
        for one in range(count)
    }


def _long_names(levels: int) -> dict[str, Subgraph]:
    """Subgraphs inside each other under long names, with many nodes in the last."""
    subgraphs = {f"s{level}": Subgraph("s", {"n" * 1000: made(f"subgraph:s{level + 1}")}) for level in range(levels)}
    return {**subgraphs, f"s{levels}": Subgraph("s", {f"n{index}": made("Integer") for index in range(5000)})}


def _many(count: int) -> dict[str, Node]:
    return {f"i{index}": made("subgraph:wide") for index in range(count)}


def _wide_parameters(width: int) -> Subgraph:
    names = [f"p{index}" for index in range(width)]
    return Subgraph("s", {"n": made("Integer")}, tuple(Parameter(name, (("n", "value"),)) for name in names))


def _wide_outputs(width: int) -> Subgraph:
    outputs = tuple(SubgraphOutput(f"o{index}", of("n")) for index in range(width))
    return Subgraph("s", {"n": made("Integer")}, (), outputs)


def _wide_inputs(width: int) -> Subgraph:
    return Subgraph("s", {"n": Node("Integer", {f"i{index}": index for index in range(width)})})


@pytest.mark.parametrize(
    ("nodes", "subgraphs"),
    [
        pytest.param({"s": made("subgraph:s0")}, _tenfold(40), id="ten of ten of ten"),
        pytest.param(
            {"deep": made("subgraph:d0"), "s": made("subgraph:s0")},
            _below(97) | _tenfold(40),
            id="first met far inside",
        ),
        pytest.param({"s": made("subgraph:s0")}, _everyone(12), id="all in all others"),
        pytest.param({"s": made("subgraph:s0")}, _long_names(50), id="long names"),
        pytest.param(_many(600), {"wide": _wide_parameters(1000)}, id="wide parameters"),
        pytest.param(_many(600), {"wide": _wide_outputs(1000)}, id="wide outputs"),
        pytest.param(_many(600), {"wide": _wide_inputs(1000)}, id="wide inner inputs"),
        pytest.param(_many(500_001), {"wide": Subgraph("s", {})}, id="many of nothing"),
    ],
)
def test_subgraphs_that_multiply_are_stopped(nodes: dict[str, Node], subgraphs: dict[str, Subgraph]) -> None:
    graph = flatten(Document(nodes, subgraphs=subgraphs), CATALOGUE)
    assert [problem.code for problem in graph.problems] == ["subgraph_too_large"]
    assert graph.nodes == {}


def test_a_large_graph_with_a_subgraph_is_no_reason_to_stop() -> None:
    nodes = {f"n{index}": made("Integer") for index in range(1000)}
    graph = flatten(Document({**nodes, "d": made("subgraph:double")}, subgraphs={"double": DOUBLE}), CATALOGUE)
    assert (len(graph.nodes), graph.problems) == (1002, ())
