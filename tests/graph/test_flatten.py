"""Structure resolved: subgraphs laid out, muted and bypassed nodes gone, reroutes dissolved."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from graph.document import Document, InputValue, Link, Node, Parameter, Subgraph, SubgraphOutput
from graph.flatten import FlatGraph, flatten
from tests.counting import grows_linearly
from tests.graph.engine import bypassed, document, made, muted, of
from tests.toy_nodes import toys

CATALOGUE = {name: one.spec for name, one in toys().items()}


def flat(nodes: Mapping[str, Node], **subgraphs: Subgraph) -> FlatGraph:
    return flatten(Document(nodes, subgraphs=subgraphs), CATALOGUE)


def reasons(graph: FlatGraph) -> dict[tuple[str, str], str]:
    return {key: lost.reason for key, lost in graph.lost.items()}


def inputs(graph: FlatGraph) -> dict[str, dict[str, InputValue]]:
    return {name: dict(node.inputs) for name, node in graph.nodes.items()}


def test_a_plain_graph_is_left_as_it_is() -> None:
    plain = document(a=made("Integer", value=1), b=made("Add", a=of("a")))
    assert flatten(plain, CATALOGUE) == FlatGraph(plain.nodes)


# Reroutes


@pytest.mark.parametrize("length", [1, 2, 5000])
def test_reroutes_of_any_length_dissolve(length: int) -> None:
    nodes = {"r0": made("Reroute", value=of("paint"))}
    nodes |= {f"r{index}": made("Reroute", value=of(f"r{index - 1}", "value")) for index in range(1, length)}
    graph = flat({"paint": made("Paint"), **nodes, "end": made("Blend", a=of(f"r{length - 1}", "value"))})
    assert inputs(graph)["end"] == {"a": of("paint")}
    assert graph.nodes.keys() == {"paint", "end"}
    assert set(graph.gone.values()) == {"rerouted"}


def test_a_reroute_passes_a_literal_on() -> None:
    graph = flat({"r": made("Reroute", value=7), "end": made("Add", a=of("r", "value"))})
    assert inputs(graph) == {"end": {"a": 7}}


def test_a_reroute_from_nowhere_loses_its_consumers_input() -> None:
    graph = flat({"r": made("Reroute"), "end": made("Add", a=of("r", "value"))})
    assert reasons(graph) == {("end", "a"): "`r` leads nowhere"}


@pytest.mark.parametrize("length", [1, 2, 3])
def test_reroutes_in_a_circle_lose_their_consumers_input(length: int) -> None:
    nodes = {f"r{index}": made("Reroute", value=of(f"r{(index + 1) % length}", "value")) for index in range(length)}
    graph = flat({**nodes, "end": made("Add", a=of("r0", "value"))})
    assert reasons(graph) == {("end", "a"): "`r0` passes only itself through"}


# Mute and bypass


def test_a_muted_node_is_gone_and_its_consumers_are_told() -> None:
    graph = flat({"a": muted(made("Integer", value=1)), "b": made("Add", a=of("a"), b=2)})
    assert inputs(graph) == {"b": {"b": 2}}
    assert reasons(graph) == {("b", "a"): "`a` is muted"}
    assert graph.gone == {"a": "muted"}


@pytest.mark.parametrize(
    ("type", "given", "output", "comes_from"),
    [
        pytest.param("Blend", {"a": of("x"), "b": of("y")}, "out", of("x"), id="the input in the output's position"),
        pytest.param("Blend", {"b": of("y")}, "out", of("y"), id="else the first given one of its type"),
        pytest.param("Knobs", {"seed": 1, "mode": "soft"}, "out", "soft", id="else the first that fits"),
        pytest.param("Divide", {"a": of("n"), "b": of("m")}, "quotient", of("n"), id="first output, first input"),
        pytest.param("Divide", {"a": of("n"), "b": of("m")}, "remainder", of("m"), id="second output, second input"),
        pytest.param("Divide", {"a": of("n"), "b": 5}, "remainder", 5, id="a literal passes too"),
        pytest.param("Shade", {"tile": of("x")}, "out", None, id="nothing of its type"),
        pytest.param("Blend", {}, "out", None, id="nothing given"),
        pytest.param("Unknown", {"a": of("x")}, "out", None, id="an unknown type"),
        pytest.param("Blend", {"a": of("x")}, "nope", None, id="an unknown output"),
    ],
)
def test_what_a_bypassed_node_passes_through(
    type: str, given: Mapping[str, InputValue], output: str, comes_from: InputValue
) -> None:
    nodes = {name: made("Paint") for name in "xy"} | {name: made("Integer") for name in "nm"}
    graph = flat({**nodes, "gone": bypassed(made(type, **given)), "end": made("Pass", value=of("gone", output))})
    if comes_from is None:
        assert inputs(graph)["end"] == {}
        assert reasons(graph) == {("end", "value"): "`gone` is bypassed and has nothing to pass through"}
    else:
        assert inputs(graph)["end"] == {"value": comes_from}


def test_a_chain_of_bypassed_nodes_and_reroutes_passes_through() -> None:
    graph = flat(
        {
            "paint": made("Paint"),
            "one": bypassed(made("Copy", tile=of("paint"))),
            "route": made("Reroute", value=of("one")),
            "two": bypassed(made("Blend", a=of("route", "value"))),
            "end": made("Shade", tile=of("two")),
        }
    )
    assert inputs(graph)["end"] == {"tile": of("paint")}


def test_a_bypassed_node_above_a_muted_one_is_lost_with_it() -> None:
    graph = flat(
        {"a": muted(made("Paint")), "b": bypassed(made("Copy", tile=of("a"))), "c": made("Shade", tile=of("b"))}
    )
    assert reasons(graph) == {("c", "tile"): "`a` is muted"}


# Subgraphs

DOUBLE = Subgraph(
    "double",
    {"sum": made("Add", a=1, b=of("again")), "again": made("Add", a=2)},
    (Parameter("value", (("sum", "a"), ("again", "a"))), Parameter("more", (("again", "b"),))),
    (SubgraphOutput("result", of("sum")),),
)


def test_a_subgraph_is_laid_out_with_colon_names() -> None:
    graph = flat(
        {
            "n": made("Integer", value=4),
            "d": made("subgraph:double", value=of("n"), more=3),
            "end": made("Add", a=of("d", "result")),
        },
        double=DOUBLE,
    )
    assert inputs(graph) == {
        "n": {"value": 4},
        "end": {"a": of("d:sum")},
        "d:sum": {"a": of("n"), "b": of("d:again")},
        "d:again": {"a": of("n"), "b": 3},
    }
    assert graph.path("d:sum", "inputs", "a") == "$.subgraphs.double.nodes.sum.inputs.a"
    assert graph.path("end") == "$.nodes.end"
    assert graph.problems == ()


def test_what_an_instance_does_not_give_keeps_the_inner_value() -> None:
    graph = flat({"d": made("subgraph:double")}, double=DOUBLE)
    assert inputs(graph) == {"d:sum": {"a": 1, "b": of("d:again")}, "d:again": {"a": 2}}


def test_two_instances_do_not_share() -> None:
    nodes = {"d": made("subgraph:double", value=5), "e": made("subgraph:double", value=of("d", "result"))}
    graph = flat(nodes, double=DOUBLE)
    assert inputs(graph)["d:sum"]["a"] == 5
    assert inputs(graph)["e:sum"]["a"] == of("d:sum")
    assert len(graph.nodes) == 4


def test_subgraphs_nest_and_parameters_reach_through() -> None:
    outer = Subgraph(
        "outer",
        {"in": made("subgraph:double", more=1), "end": made("Add", a=of("in", "result"))},
        (Parameter("x", (("in", "value"),)),),
        (SubgraphOutput("y", of("end")), SubgraphOutput("z", of("in", "result"))),
    )
    graph = flat(
        {
            "n": made("Integer"),
            "o": made("subgraph:outer", x=of("n")),
            "p": made("Add", a=of("o", "y"), b=of("o", "z")),
        },
        double=DOUBLE,
        outer=outer,
    )
    assert inputs(graph)["o:in:sum"] == {"a": of("n"), "b": of("o:in:again")}
    assert inputs(graph)["o:in:again"] == {"a": of("n"), "b": 1}
    assert inputs(graph)["o:end"] == {"a": of("o:in:sum")}
    assert inputs(graph)["p"] == {"a": of("o:end"), "b": of("o:in:sum")}
    assert graph.path("o:in:sum") == "$.subgraphs.double.nodes.sum"


def test_a_link_given_to_an_instance_is_not_taken_for_an_inner_one() -> None:
    """The outer node has the name of an inner one."""
    graph = flat({"again": made("Integer"), "d": made("subgraph:double", value=of("again"))}, double=DOUBLE)
    assert inputs(graph)["d:sum"] == {"a": of("again"), "b": of("d:again")}


def test_a_reroute_inside_a_subgraph_passes_an_outer_link() -> None:
    inner = Subgraph(
        "inner", {"r": made("Reroute")}, (Parameter("x", (("r", "value"),)),), (SubgraphOutput("y", of("r", "value")),)
    )
    graph = flat(
        {"n": made("Integer"), "s": made("subgraph:inner", x=of("n")), "end": made("Add", a=of("s", "y"))}, inner=inner
    )
    assert inputs(graph)["end"] == {"a": of("n")}


COPY = Subgraph(
    "copy",
    {"copy": made("Copy"), "paint": made("Paint", shade=9)},
    (Parameter("tile", (("copy", "tile"),)),),
    (SubgraphOutput("copied", of("copy")), SubgraphOutput("painted", of("paint"))),
)


def test_a_muted_instance_is_gone_with_what_is_inside() -> None:
    graph = flat({"s": muted(made("subgraph:copy")), "end": made("Shade", tile=of("s", "painted"))}, copy=COPY)
    assert reasons(graph) == {("end", "tile"): "`s` is muted"}
    assert graph.gone == {"s": "muted"}
    assert graph.nodes.keys() == {"end"}


def test_a_bypassed_instance_passes_its_own_input_through_whatever_is_inside() -> None:
    graph = flat(
        {
            "paint": made("Paint"),
            "s": bypassed(made("subgraph:copy", tile=of("paint"))),
            "one": made("Shade", tile=of("s", "copied")),
            "two": made("Shade", tile=of("s", "painted")),
        },
        copy=COPY,
    )
    assert inputs(graph) == {"paint": {}, "one": {"tile": of("paint")}, "two": {"tile": of("paint")}}
    assert graph.gone == {"s": "bypassed"}


def test_a_bypassed_instance_without_an_input_of_the_type_has_nothing_to_pass() -> None:
    graph = flat({"s": bypassed(made("subgraph:copy")), "end": made("Shade", tile=of("s", "copied"))}, copy=COPY)
    assert reasons(graph) == {("end", "tile"): "`s` is bypassed and has nothing to pass through"}


def test_a_bypassed_node_inside_an_instance_passes_the_instances_input() -> None:
    inner = Subgraph(
        "inner",
        {"copy": bypassed(made("Copy"))},
        (Parameter("tile", (("copy", "tile"),)),),
        (SubgraphOutput("tile", of("copy")),),
    )
    graph = flat(
        {"p": made("Paint"), "s": made("subgraph:inner", tile=of("p")), "end": made("Shade", tile=of("s", "tile"))},
        inner=inner,
    )
    assert inputs(graph)["end"] == {"tile": of("p")}


@pytest.mark.parametrize(
    ("nodes", "subgraphs", "code", "node", "hint"),
    [
        pytest.param(
            {"s": made("subgraph:dubble")},
            {"double": DOUBLE},
            "unknown_subgraph",
            "s",
            "Did you mean 'double'?",
            id="unknown",
        ),
        pytest.param(
            {"s": made("subgraph:a")},
            {"a": Subgraph("a", {"x": made("subgraph:a")})},
            "recursive_subgraph",
            "s:x",
            "Remove it from one of them.",
            id="contains itself",
        ),
        pytest.param(
            {"s": made("subgraph:a")},
            {"a": Subgraph("a", {"x": made("subgraph:b")}), "b": Subgraph("b", {"y": made("subgraph:a")})},
            "recursive_subgraph",
            "s:x:y",
            "Remove it from one of them.",
            id="contains itself through another",
        ),
        pytest.param(
            {"s": made("subgraph:double", valeu=1)},
            {"double": DOUBLE},
            "unknown_input",
            "s",
            "Did you mean 'value'?",
            id="no such input",
        ),
        pytest.param(
            {"s": made("subgraph:a", x=1)},
            {"a": Subgraph("a", {"node": made("Integer")}, (Parameter("x", (("nodes", "value"),)),))},
            "unknown_node",
            "s",
            "Did you mean 'node'?",
            id="an input that leads nowhere",
        ),
        pytest.param(
            {"s": made("subgraph:double"), "s:sum": made("Integer")},
            {"double": DOUBLE},
            "name_clash",
            "s:sum",
            "Rename one; a colon in a name stands for a subgraph.",
            id="two nodes of one name",
        ),
        pytest.param(
            {"s:t": made("Integer"), "s": made("subgraph:outer")},
            {"double": DOUBLE, "outer": Subgraph("outer", {"t": made("subgraph:double")})},
            "name_clash",
            "s:t",
            "Rename one; a colon in a name stands for a subgraph.",
            id="a node and a subgraph inside one of one name",
        ),
        pytest.param(
            {"s": made("subgraph:outer"), "s:t": made("Integer")},
            {"double": DOUBLE, "outer": Subgraph("outer", {"t": made("subgraph:double")})},
            "name_clash",
            "s:t",
            "Rename one; a colon in a name stands for a subgraph.",
            id="the same the other way round",
        ),
        pytest.param(
            {"s": made("subgraph:double"), "end": made("Add", a=of("s", "reslut"))},
            {"double": DOUBLE},
            "unknown_output",
            "end",
            "Did you mean 'result'?",
            id="no such output",
        ),
    ],
)
def test_what_is_wrong_with_a_subgraph(
    nodes: Mapping[str, Node], subgraphs: Mapping[str, Subgraph], code: str, node: str, hint: str | None
) -> None:
    graph = flatten(Document(nodes, subgraphs=subgraphs), CATALOGUE)
    (problem,) = graph.problems
    assert (problem.code, problem.node, problem.hint) == (code, node, hint)


# Work


def _consumers_along(count: int, link: Callable[[int, Link], Node]) -> Callable[[], object]:
    """A chain of nodes that are gone, each with a consumer."""
    nodes: dict[str, Node] = {"paint": made("Paint")}
    before = of("paint")
    for index in range(count):
        nodes[f"gone{index}"] = link(index, before)
        before = of(f"gone{index}")
        nodes[f"end{index}"] = made("Shade", tile=before)
    return lambda: flat(nodes)


def _bypassed_instance(count: int) -> Callable[[], object]:
    """A bypassed instance of as many inputs as outputs."""
    names = [f"p{index}" for index in range(count)]
    inside = Subgraph(
        "wide",
        {name: made("Copy") for name in names},
        tuple(Parameter(name, ((name, "tile"),)) for name in names),
        tuple(SubgraphOutput(name, of(name)) for name in names),
    )
    ends = {f"end{name}": made("Shade", tile=of("s", name)) for name in names}
    return lambda: flat({"s": bypassed(made("subgraph:wide", **dict.fromkeys(names, of("x")))), **ends}, wide=inside)


def _bypassed_far_down(count: int) -> Callable[[], object]:
    """Bypassed instances of subgraphs inside each other."""
    subgraphs = {
        f"s{level}": Subgraph(
            "s",
            {"n": made(f"subgraph:s{level + 1}")},
            (Parameter("tile", (("n", "tile"),)),),
            (SubgraphOutput("out", of("n")),),
        )
        for level in range(3 * count)
    }
    gone = {f"s{index}": bypassed(made("subgraph:s0", tile=of("x"))) for index in range(count)}
    ends = {f"end{index}": made("Shade", tile=of(f"s{index}")) for index in range(count)}
    return lambda: flat({**gone, **ends}, **subgraphs)


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda count: _consumers_along(count, lambda _, link: made("Reroute", value=link)), id="reroutes"),
        pytest.param(
            lambda count: _consumers_along(count, lambda _, link: bypassed(made("Copy", tile=link))), id="bypassed"
        ),
        _bypassed_instance,
        _bypassed_far_down,
    ],
)
def test_resolving_is_linear(work: Callable[[int], Callable[[], object]]) -> None:
    assert grows_linearly(work, 100)


@pytest.mark.parametrize(("depth", "codes"), [(100, []), (101, ["subgraph_too_deep"])])
def test_how_deep_subgraphs_may_nest(depth: int, codes: list[str]) -> None:
    subgraphs = {
        f"s{index}": Subgraph(
            f"s{index}", {"n": made(f"subgraph:s{index + 1}")}, (), (SubgraphOutput("o", of("n", "o")),)
        )
        for index in range(1, depth)
    }
    subgraphs[f"s{depth}"] = Subgraph(f"s{depth}", {"n": made("Integer")}, (), (SubgraphOutput("o", of("n")),))
    whole = Document({"s": made("subgraph:s1"), "end": made("Add", a=of("s", "o"))}, subgraphs=subgraphs)
    graph = flatten(whole, CATALOGUE)
    assert [problem.code for problem in graph.problems] == codes
    if not codes:
        assert inputs(graph)["end"] == {"a": Link("s" + ":n" * depth, "out")}
