"""The workflow file: what is read, what is refused and where, what is written back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from graph import schema
from graph.document import (
    FORMAT,
    Document,
    Link,
    Node,
    Parameter,
    Upgrade,
    json_path,
    links,
    parse,
    parse_known,
    read,
    to_json,
    upgrade,
    with_inputs,
)
from graph.errors import InputError, Problem
from graph.json import Json, JsonObject
from graph.schema import document_schema
from tests.graph.documents import DOCUMENTS, mutated

EXAMPLE = """
{"format": "latentgraph/1", "name": "text to image",
 "nodes": {"sampler": {"type": "KSampler", "inputs": {"model": {"from": ["checkpoint", "MODEL"]}, "seed": 7, "steps": 20},
                       "ui": {"pos": [640, 120]}},
           "checkpoint": {"type": "CheckpointLoaderSimple", "mode": "bypass", "title": "The model"}},
 "parameters": [{"name": "seed", "binds": [["sampler", "seed"]], "help": "Which picture."}],
 "subgraphs": {}, "ui": {"groups": [], "notes": []}}
"""


def test_a_file_is_read() -> None:
    document = read(EXAMPLE)
    assert document.name == "text to image"
    assert document.nodes["sampler"] == Node(
        "KSampler", {"model": Link("checkpoint", "MODEL"), "seed": 7, "steps": 20}, ui={"pos": [640, 120]}
    )
    assert document.nodes["checkpoint"] == Node("CheckpointLoaderSimple", mode="bypass", title="The model")
    assert document.parameters == (Parameter("seed", (("sampler", "seed"),), "Which picture."),)
    assert list(links(document.nodes)) == [("sampler", "model", Link("checkpoint", "MODEL"))]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Link("a", "b"), {"from": ["a", "b"]}),
        (7, 7),
        (["a", "b"], ["a", "b"]),
        ({"from": ["a", "b"]}, {"value": {"from": ["a", "b"]}}),
        ({}, {"value": {}}),
        (None, None),
    ],
    ids=repr,
)
def test_how_an_input_is_written(value: Link | Json, written: Json) -> None:
    document = Document({"n": Node("T", {"x": value})})
    node = cast("JsonObject", cast("JsonObject", to_json(document)["nodes"])["n"])
    assert node == {"type": "T", "inputs": {"x": written}}
    assert parse(to_json(document)) == document


@given(DOCUMENTS)
def test_what_is_written_is_read_back_and_valid(document: Document) -> None:
    data = to_json(document)
    assert parse(data) == document
    assert parse(json.loads(json.dumps(data))) == document
    assert not list(Draft202012Validator(document_schema()).iter_errors(data))


@given(DOCUMENTS.map(to_json).flatmap(lambda data: mutated(cast("Json", data))))
def test_the_reader_and_the_schema_give_the_same_verdict(data: Json) -> None:
    faults = list(Draft202012Validator(document_schema()).iter_errors(data))
    if faults:
        with pytest.raises(InputError) as caught:
            parse(data)
        assert all(problem.path for problem in caught.value.problems)
    else:
        document = parse(data)
        assert parse(to_json(document)) == document


def test_the_published_schema_is_the_one_in_use() -> None:
    Draft202012Validator.check_schema(document_schema())
    assert schema.FILE.read_text("utf-8") == schema.published(), "run `python -m graph.schema`"


def doc(**fields: Json) -> JsonObject:
    return {"format": FORMAT, "nodes": {}, **fields}


@pytest.mark.parametrize(
    ("data", "paths"),
    [
        pytest.param([], ["$"], id="a list"),
        pytest.param(None, ["$"], id="null"),
        pytest.param({}, ["$.format"], id="no format"),
        pytest.param({"format": "latentgraph/2"}, ["$.format"], id="a later format"),
        pytest.param({"format": ["latentgraph/1"]}, ["$.format"], id="a format that is a list"),
        pytest.param({"format": FORMAT}, ["$"], id="no nodes"),
        pytest.param(doc(extra=1), ["$"], id="an unknown key"),
        pytest.param(doc(**{"$schema": 5}), ["$['$schema']"], id="a schema that is a number"),
        pytest.param(doc(nodes=[]), ["$.nodes"], id="nodes as a list"),
        pytest.param(doc(nodes={"": {"type": "T"}}), ["$.nodes"], id="a node without name"),
        pytest.param(doc(nodes={"n": {}}), ["$.nodes.n"], id="a node without type"),
        pytest.param(doc(nodes={"n": {"type": ""}}), ["$.nodes.n.type"], id="an empty type"),
        pytest.param(doc(nodes={"n 1": {"type": 5}}), ["$.nodes['n 1'].type"], id="a type that is a number"),
        pytest.param(doc(nodes={"n": {"type": "T", "mode": "off"}}), ["$.nodes.n.mode"], id="an unknown mode"),
        pytest.param(doc(nodes={"n": {"type": "T", "mode": []}}), ["$.nodes.n.mode"], id="a mode that is a list"),
        pytest.param(
            doc(nodes={"n": {"type": "T", "inputs": {"x": {"from": ["a"]}, "y": {"from": ["a", 1]}, "z": {}}}}),
            ["$.nodes.n.inputs.x.from", "$.nodes.n.inputs.y.from[1]", "$.nodes.n.inputs.z"],
            id="three wrong inputs at once",
        ),
        pytest.param(doc(parameters=[{"name": "p"}]), ["$.parameters[0]"], id="a parameter that binds nothing"),
        pytest.param(
            doc(parameters=[{"name": "p", "binds": [["a", "b", "c"]]}]),
            ["$.parameters[0].binds[0]"],
            id="a bind of three",
        ),
        pytest.param(doc(subgraphs={"s": {}}), ["$.subgraphs.s"], id="a subgraph without nodes"),
        pytest.param(
            doc(subgraphs={"s": {"nodes": {}, "outputs": [{"name": "o"}]}}),
            ["$.subgraphs.s.outputs[0]"],
            id="an output from nowhere",
        ),
        pytest.param(doc(ui=[]), ["$.ui"], id="ui as a list"),
    ],
)
def test_every_fault_of_structure_has_its_place(data: Json, paths: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        parse(data)
    assert [problem.path for problem in caught.value.problems] == paths


NODE: JsonObject = {"type": "T"}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(doc(nodes={"n": NODE}, nmae="x", extra=1), [("$", "Did you mean 'name'?")], id="in the document"),
        pytest.param(
            doc(nodes={"n": {**NODE, "inptus": {}}}), [("$.nodes.n", "Did you mean 'inputs'?")], id="in a node"
        ),
        pytest.param(
            doc(nodes={"n": NODE}, parameters=[{"name": "p", "binds": [], "default": 1}], xyz=1),
            [("$", "It takes"), ("$.parameters[0]", "It takes")],
            id="in two places",
        ),
        pytest.param(
            doc(nodes={"n": NODE}, subgraphs={"s": {"nodes": {"m": {**NODE, "x": 1}}, "y": 2}}),
            [("$.subgraphs.s", "It takes"), ("$.subgraphs.s.nodes.m", "It takes")],
            id="in a subgraph",
        ),
    ],
)
def test_unknown_keys_alone_hide_nothing_else(data: JsonObject, told: list[tuple[str, str]]) -> None:
    document, problems = parse_known(data)
    assert document.nodes == {"n": Node("T")}
    assert [problem.path for problem in problems] == [path for path, _ in told]
    assert all(hint in str(problem.hint) for problem, (_, hint) in zip(problems, told, strict=True))
    with pytest.raises(InputError, match="there (is|are) no field"):
        parse(data)


def refusals(read: Callable[[], object]) -> tuple[Problem, ...]:
    try:
        read()
    except InputError as error:
        return error.problems
    return ()


@given(DOCUMENTS.map(to_json).flatmap(lambda data: mutated(cast("Json", data))))
def test_what_is_wrong_in_more_than_keys_is_refused_whole(data: Json) -> None:
    strictly = refusals(lambda: parse(data))
    known = refusals(lambda: parse_known(data))
    assert known in (strictly, ())
    if not known:
        assert parse_known(data)[1] == strictly
        assert all(problem.message.startswith(("there is no field", "there are no fields")) for problem in strictly)


def test_a_thousand_unknown_keys_are_told_in_part() -> None:
    _, (problem,) = parse_known(doc(**{f"key {index}": 1 for index in range(1000)}))
    assert problem.message.count("'key ") == 12


def test_a_fault_in_a_node_names_the_node() -> None:
    with pytest.raises(InputError) as caught:
        parse(doc(nodes={"n": {"type": 5}}))
    assert [(problem.code, problem.node) for problem in caught.value.problems] == [("document_structure", "n")]


def test_many_faults_are_told_in_part() -> None:
    nodes: JsonObject = {f"n{index}": {} for index in range(1000)}
    with pytest.raises(InputError) as caught:
        parse(doc(nodes=nodes))
    assert len(caught.value.problems) == 100


# Upgrades


def _renamed(data: JsonObject) -> JsonObject:
    return {"format": FORMAT, "nodes": data["graph"]}


def _numbered(data: JsonObject) -> JsonObject:
    return {"format": "latentgraph/0", "graph": data["g"]}


CHAIN: dict[str, Upgrade] = {"latentgraph/0": _renamed, "latentgraph/-1": _numbered, "round": lambda data: data}


def test_older_formats_walk_up_the_chain() -> None:
    old: Json = {"format": "latentgraph/-1", "g": {"n": {"type": "T"}}}
    assert parse(old, upgrades=CHAIN) == Document({"n": Node("T")})


@pytest.mark.parametrize("name", ["latentgraph/9", "round", None, 1, ["x"]])
def test_a_format_that_leads_nowhere_is_refused(name: Json) -> None:
    with pytest.raises(InputError, match="document_format"):
        upgrade({"format": name}, CHAIN)


# Small things


def test_inputs_can_be_replaced() -> None:
    document = read(EXAMPLE)
    changed = with_inputs(document, {("sampler", "seed"): 8, ("checkpoint", "ckpt_name"): "x"})
    assert changed.nodes["sampler"].inputs["seed"] == 8
    assert changed.nodes["checkpoint"].inputs == {"ckpt_name": "x"}
    assert document.nodes["sampler"].inputs["seed"] == 7
    assert to_json(with_inputs(document, {})) == to_json(document)


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ((), "$"),
        (("nodes", "a", "inputs", "cfg"), "$.nodes.a.inputs.cfg"),
        (("nodes", "a b"), "$.nodes['a b']"),
        (("nodes", "it's"), '$.nodes["it\'s"]'),
        (("nodes", "3"), "$.nodes['3']"),
    ],
)
def test_json_paths(parts: tuple[str, ...], path: str) -> None:
    assert json_path(*parts) == path


@given(st.lists(st.text()))
def test_any_name_has_a_path(parts: list[str]) -> None:
    assert json_path(*parts).startswith("$")
