"""Checking nodes against their specs: every code, with place and advice; every value in one form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.bind import FOREIGN, bind
from graph.bound import BoundGraph
from graph.document import Document, InputValue, Link, Node, Parameter, Subgraph
from graph.errors import Problem, errors_only, nearest, nearest_file
from graph.flatten import flatten
from graph.json import Json, canonical
from graph.ports import accepts
from tests.counting import grows_linearly
from tests.graph.documents import VALUES
from tests.graph.engine import Folder, document, made, muted, of
from tests.toy_nodes import toys

TOYS = toys()
CATALOGUE = {name: one.spec for name, one in TOYS.items()}
CHECKS = {name: one.check for name, one in TOYS.items() if one.check is not None}


def bound(whole: Document, folder: Path | None = None) -> BoundGraph:
    return bind(flatten(whole, CATALOGUE), CATALOGUE, Folder(folder) if folder else None, CHECKS)


def only_problem(whole: Document, folder: Path | None = None) -> Problem:
    (problem,) = bound(whole, folder).problems
    return problem


OTHERS = {"paint": made("Paint"), "number": made("Integer"), "text": made("Word"), "cut": made("Divide", a=1)}


@pytest.mark.parametrize(
    ("type", "inputs", "code", "input", "hint"),
    [
        # numbers
        ("Knobs", {"strength": "x"}, "wrong_type", "strength", "Give it a number from 0.0 up to 5.0."),
        ("Knobs", {"strength": True}, "wrong_type", "strength", "Give it a number from 0.0 up to 5.0."),
        ("Knobs", {"strength": None}, "wrong_type", "strength", "Give it a number from 0.0 up to 5.0."),
        ("Knobs", {"strength": [1]}, "wrong_type", "strength", "Give it a number from 0.0 up to 5.0."),
        ("Knobs", {"strength": -0.1}, "too_small", "strength", "Use 0.0 or more."),
        ("Knobs", {"strength": 5.1}, "too_big", "strength", "Use 5.0 or less."),
        ("Knobs", {"strength": 10**400}, "too_big", "strength", "Use 5.0 or less."),
        ("Knobs", {"strength": -(10**400)}, "too_small", "strength", "Use 0.0 or more."),
        ("Scale", {"value": 10**400}, "wrong_type", "value", "Use a smaller number."),
        ("Knobs", {"strength": float("inf")}, "wrong_type", "strength", "Give it a number from 0.0 up to 5.0."),
        ("Knobs", {"strength": float("nan")}, "wrong_type", "strength", "Give it a number from 0.0 up to 5.0."),
        ("Knobs", {"seed": 1.5}, "wrong_type", "seed", "Try 2."),
        ("Knobs", {"seed": -1}, "too_small", "seed", "Use 0 or more."),
        ("Knobs", {"seed": 2**64}, "too_big", "seed", f"Use {2**64 - 1} or less."),
        # texts, toggles, choices
        ("Concat", {"a": 7}, "wrong_type", "a", "Write it in double quotes."),
        ("Concat", {"a": None}, "wrong_type", "a", "Write it in double quotes."),
        ("Knobs", {"on": 1}, "wrong_type", "on", "Write true or false, without quotes."),
        ("Knobs", {"on": "true"}, "wrong_type", "on", "Write true or false, without quotes."),
        ("Knobs", {"mode": "sotf"}, "not_a_choice", "mode", "Did you mean 'soft'?"),
        ("Knobs", {"mode": "HARD"}, "not_a_choice", "mode", "Did you mean 'hard'?"),
        ("Knobs", {"mode": "???"}, "not_a_choice", "mode", "Choose hard, soft."),
        ("Knobs", {"mode": 3}, "not_a_choice", "mode", "Choose hard, soft."),
        # links
        ("Blend", {}, "missing_input", "a", "Link a TILE output to it."),
        ("Add", {}, "missing_input", "a", "Give it a value or link it."),
        ("Blend", {"a": 5}, "link_expected", "a", "Link a TILE output to it."),
        ("Sum", {"values": "x"}, "wrong_type", "values", "Give it a whole number."),
        ("Blend", {"a": of("pain")}, "unknown_node", "a", "Did you mean 'paint'?"),
        ("Blend", {"a": of("paint", "oot")}, "unknown_output", "a", "Did you mean 'out'?"),
        ("Blend", {"a": of("cut", "x")}, "unknown_output", "a", "It has quotient, remainder."),
        ("Blend", {"a": of("number")}, "type_mismatch", "a", "Link a TILE output to it."),
        ("Add", {"a": of("text")}, "type_mismatch", "a", "Link an INT output to it."),
        ("Concat", {"a": of("cut", "quotient")}, "type_mismatch", "a", "Link a STRING output to it."),
        # the node's own check
        ("Knobs", {"strength": 2.0, "mode": "soft"}, "check_failed", None, None),
    ],
)
def test_what_is_wrong_with_an_input(
    type: str, inputs: Mapping[str, InputValue], code: str, input: str | None, hint: str | None
) -> None:
    problem = only_problem(Document({**OTHERS, "n 1": made(type, **inputs)}))
    path = f"$.nodes['n 1'].inputs.{input}" if input else "$.nodes['n 1']"
    assert (problem.code, problem.node, problem.input, problem.path) == (code, "n 1", input, path)
    assert problem.hint == hint
    assert problem.severity == "error"


def test_an_unknown_type_comes_with_a_suggestion() -> None:
    problem = only_problem(document(n=made("Intger"), m=made("Add", a=of("n"))))
    assert (problem.code, problem.node, problem.path) == ("unknown_type", "n", "$.nodes.n.type")
    assert problem.hint == "Did you mean 'Integer'?"


def test_an_unknown_input_is_a_warning() -> None:
    """Files written by other versions stay usable."""
    problem = only_problem(document(n=made("Integer", valeu=3)))
    assert (problem.code, problem.input, problem.severity) == ("unknown_input", "valeu", "warning")
    assert problem.hint == "Did you mean 'value'?"
    assert errors_only([problem]) == []


@pytest.mark.row("C-19")
def test_a_nodes_own_check_adds_to_the_engines_and_takes_nothing_away() -> None:
    def content_with_everything(**_inputs: object) -> None:
        return None

    flat = flatten(document(b=made("Knobs", mode="../x", tile=3, strength=9)), CATALOGUE)
    found = bind(flat, CATALOGUE, checks={"Knobs": content_with_everything})
    assert [one.code for one in found.problems] == [one.code for one in bind(flat, CATALOGUE).problems]
    assert "not_a_choice" in [one.code for one in found.problems]


def test_every_problem_is_found_in_document_order() -> None:
    graph = bound(
        document(
            a=made("Nope"),
            b=made("Knobs", strength=9, seed=-1, mode="x", tile=of("nowhere")),
            c=made("Add"),
            d=made("Integer", value=1),
        )
    )
    assert [(problem.node, problem.input, problem.code) for problem in graph.problems] == [
        ("a", None, "unknown_type"),
        ("b", "strength", "too_big"),
        ("b", "seed", "too_small"),
        ("b", "mode", "not_a_choice"),
        ("b", "tile", "unknown_node"),
        ("c", "a", "missing_input"),
    ]
    assert graph.faults.keys() == {"a", "b", "c"}
    assert graph.nodes.keys() == {"b", "c", "d"}


def test_a_problem_inside_a_subgraph_leads_to_its_definition() -> None:
    whole = Document({"s": made("subgraph:one")}, subgraphs={"one": Subgraph("one", {"n": made("Integer", value="x")})})
    problem = only_problem(whole)
    assert (problem.node, problem.path) == ("s:n", "$.subgraphs.one.nodes.n.inputs.value")


def test_a_link_to_a_broken_subgraph_is_not_reported_twice() -> None:
    problem = only_problem(document(s=made("subgraph:nope"), n=made("Add", a=of("s", "x"))))
    assert (problem.code, problem.node) == ("unknown_subgraph", "s")


def test_a_check_that_itself_fails_is_a_problem_of_its_node() -> None:
    def broken(**_: object) -> str | None:
        raise ZeroDivisionError("division by zero")

    graph = bind(flatten(document(n=made("Integer")), CATALOGUE), CATALOGUE, None, {"Integer": broken})
    (problem,) = graph.problems
    assert (problem.code, problem.node) == ("check_failed", "n")
    assert "ZeroDivisionError" in problem.message


# Files


@pytest.mark.parametrize(
    ("value", "code", "hint"),
    [
        ("b.txt", None, None),
        ("bb.txt", "file_not_found", "Did you mean 'b.txt'?"),
        ("zzzzzzz", "file_not_found", "Choose b.txt, c.txt."),
        ("", "wrong_type", "Write its name in double quotes, relative to that folder."),
        (7, "wrong_type", "Write its name in double quotes, relative to that folder."),
        (None, "wrong_type", "Write its name in double quotes, relative to that folder."),
    ],
)
def test_files_are_looked_up(tmp_path: Path, value: Json, code: str | None, hint: str | None) -> None:
    for name in ("b.txt", "c.txt"):
        Folder(tmp_path).write("input", name, "")
    problems = bound(document(n=made("ReadText", file=value)), tmp_path).problems
    assert [(problem.code, problem.hint) for problem in problems] == ([(code, hint)] if code else [])


def test_an_empty_folder_is_said_to_be_empty(tmp_path: Path) -> None:
    problem = only_problem(document(n=made("ReadText", file="a.txt")), tmp_path)
    assert problem.hint == "The folder 'input' is empty."


@pytest.mark.parametrize(
    ("value", "message", "hint"),
    [
        ("d.txt in output", "there is no file 'd.txt' in 'output'", "Choose a name.txt in output."),
        ("a_name.txt in output", "there is no file 'a_name.txt' in 'output'", "Did you mean 'a name.txt in output'?"),
        ("sub\\d.txt", "there is no file 'sub/d.txt' in 'input'", "Did you mean 'd.txt'?"),
        ("d.txt in temp", "there is no file 'd.txt' in 'temp'", "The folder 'temp' is empty."),
    ],
)
def test_a_name_that_says_where_it_is_is_missed_there(tmp_path: Path, value: str, message: str, hint: str) -> None:
    Folder(tmp_path).write("input", "d.txt", "")
    Folder(tmp_path).write("output", "a name.txt", "")
    problem = only_problem(document(n=made("ReadText", file=value)), tmp_path)
    assert (problem.message, problem.hint) == (message, hint)


def test_without_folders_file_names_are_not_checked() -> None:
    assert bound(document(n=made("ReadText", file="a.txt"))).problems == ()


# Muted sources


@pytest.mark.parametrize(
    ("consumer", "input", "reason"),
    [
        pytest.param(made("Blend", a=of("gone")), "a", "`gone` is muted", id="required"),
        pytest.param(made("Blend", a=of("paint"), b=of("gone")), "b", "", id="optional"),
        pytest.param(made("Add", a=1, b=of("gone")), "b", "`gone` is muted", id="a default is not what was linked"),
    ],
)
def test_an_input_whose_source_is_muted(consumer: Node, input: str, reason: str) -> None:
    source = made("Integer") if consumer.type == "Add" else made("Paint")
    graph = bound(document(gone=muted(source), paint=made("Paint"), n=consumer))
    assert graph.problems == ()
    assert [lost.reason for lost in graph.unavailable.values()] == ([reason] if reason else [])
    assert input not in graph.nodes["n"].links


# Normal forms


@pytest.mark.parametrize(
    ("inputs", "literals"),
    [
        pytest.param({}, {}, id="defaults are filled in"),
        pytest.param({"strength": 1}, {"strength": 1.0}, id="a FLOAT is a float"),
        pytest.param({"strength": 1.0}, {"strength": 1.0}, id="a FLOAT stays a float"),
        pytest.param({"seed": 7.0}, {"seed": 7}, id="an INT is an int"),
        pytest.param({"seed": 2**64 - 1}, {"seed": 2**64 - 1}, id="the largest seed is exact"),
        pytest.param({"strenght": 2}, {"strength": 2.0}, id="an input's former name"),
    ],
)
def test_literals_come_in_one_form(inputs: Mapping[str, Json], literals: Mapping[str, Json]) -> None:
    graph = bound(document(n=made("Knobs", **inputs)))
    assert graph.problems == ()
    usual = {"strength": 1.0, "seed": 0, "mode": "hard", "on": True, "label": ""}
    assert canonical(graph.nodes["n"].literals) == canonical({**usual, **literals})


def test_an_optional_input_stays_absent() -> None:
    node = bound(document(n=made("Knobs"))).nodes["n"]
    assert "tile" not in node.literals
    assert "tile" not in node.links


@pytest.mark.parametrize("value", [1, "x", None, [1], {"a": 1}, True])
def test_an_input_of_any_type_takes_any_literal(value: Json) -> None:
    graph = bound(document(n=made("Pass", value=value)))
    assert graph.problems == ()
    assert graph.nodes["n"].literals == {"value": value}


@given(
    st.dictionaries(st.sampled_from(["strength", "seed", "mode", "on", "label", "tile", "x"]), VALUES),
    st.sampled_from(sorted(CATALOGUE)),
)
def test_no_value_breaks_the_checker(inputs: dict[str, Json], type: str) -> None:
    """Whatever is written there is either a problem or something that can be keyed."""
    given_inputs = {name: inputs.get(name) for name in CATALOGUE[type].inputs_by_name} | inputs
    graph = bound(Document({"n": Node(type, given_inputs)}))
    if not errors_only(graph.problems):
        canonical(graph.nodes["n"].literals)


# Ports


@pytest.mark.parametrize(
    ("input", "output", "fits"),
    [
        ("INT", "INT", True),
        ("INT", "FLOAT", False),
        ("FLOAT", "INT", True),
        ("*", "INT", True),
        ("INT", "*", True),
        ("IMAGE,MASK", "MASK", True),
        ("MASK", "IMAGE,MASK", True),
        ("IMAGE,LATENT", "MASK,SIGMAS", False),
        ("STRING", "COMBO", True),
        ("COMBO", "STRING", True),
        ("FLOAT,STRING", "INT", True),
        ("IMAGE", "LATENT", False),
    ],
)
def test_which_outputs_fit_which_inputs(input: str, output: str, fits: bool) -> None:
    verdict = accepts(input, output)
    assert verdict.ok is fits
    assert bool(verdict.reason) is not fits


def test_a_mismatch_names_the_output_that_would_fit() -> None:
    whole = document(both=made("Neighbours", value=1), n=made("Concat", a=of("both", "all")))
    problem = only_problem(whole)
    assert problem.message == "both.all: INT does not fit STRING"
    whole = document(mixed=made("Mixed"), n=made("Blend", a=of("mixed", "number")))
    assert only_problem(whole).hint == "Its output 'tile' fits."


@pytest.mark.parametrize(
    ("word", "choices", "hint"),
    [
        ("KSampeler", ["KSampler", "VAEDecode"], "Did you mean 'KSampler'?"),
        ("ksampler", ["KSAMPLER"], "Did you mean 'KSAMPLER'?"),
        ("x", ["KSampler"], None),
        ("x", [], None),
    ],
)
def test_suggestions(word: str, choices: list[str], hint: str | None) -> None:
    assert nearest(word, choices) == hint


@pytest.mark.parametrize(
    ("type", "hint"),
    [
        ("Integr", "Did you mean 'Integer'?"),
        ("IPAdapterAdvanced", FOREIGN),
        ("KSamplerAdvance", "Did you mean 'KSamplerAdvanced'?"),
        ("FaceDetailer", FOREIGN),
    ],
)
def test_a_type_is_not_suggested_for_its_last_word(type: str, hint: str) -> None:
    catalogue = {**CATALOGUE, "KSamplerAdvanced": CATALOGUE["Knobs"]}
    (problem,) = bind(flatten(document(n=made(type)), catalogue), catalogue).problems
    assert problem.hint == hint


@pytest.mark.parametrize(
    ("name", "names", "hint"),
    [
        ("DreamShaper_8_pruned.safetensors", ["hugehdr.safetensors"], None),
        ("DreamShaper_8_pruned.safetensors", ["a.ckpt", "dreamshaper_8.safetensors"], "dreamshaper_8.safetensors"),
        ("sd15.safetensors", ["hugehdr.safetensors", "SD1.5/v1-5.ckpt", "sd/SD15.ckpt"], "sd/SD15.ckpt"),
        ("sd\\sd15.ckpt", ["a.ckpt", "sd15.safetensors"], "sd15.safetensors"),
        ("sd15.safetensors", [], None),
    ],
)
def test_files_are_suggested_by_their_stems(name: str, names: list[str], hint: str | None) -> None:
    assert nearest_file(name, names) == (hint and f"Did you mean {hint!r}?")


def test_a_problem_prints_its_place_code_and_advice() -> None:
    assert (
        str(Problem("code", "it is wrong", node="n", input="x", hint="Do this."))
        == "n.x: it is wrong [code]\n    Do this."
    )
    assert str(Problem("code", "it is wrong", node="n", path="$.nodes.n")) == "$.nodes.n: it is wrong [code]"
    assert str(Problem("code", "it is wrong")) == "it is wrong [code]"


def test_links_between_sound_nodes_are_kept() -> None:
    graph = bound(document(a=made("Integer", value=1), b=made("Add", a=of("a"), b=of("a"))))
    assert graph.nodes["b"].links == {"a": Link("a", "out"), "b": Link("a", "out")}
    assert graph.nodes["b"].literals == {}


# Inside subgraphs

HALVES = Subgraph(
    "halves", {"half": made("Divide", b=2)}, (Parameter("whole", (("half", "a"),)), Parameter("by", (("half", "b"),)))
)
QUARTERS = Subgraph("quarters", {"twice": made("subgraph:halves")}, (Parameter("all", (("twice", "whole"),)),))


@pytest.mark.parametrize(
    ("nodes", "code", "node", "input", "path"),
    [
        ({"h": made("subgraph:halves")}, "missing_input", "h", "whole", "$.nodes.h.inputs.whole"),
        ({"h": made("subgraph:halves", whole="x")}, "wrong_type", "h", "whole", "$.nodes.h.inputs.whole"),
        ({"h": made("subgraph:halves", whole=1, by="x")}, "wrong_type", "h", "by", "$.nodes.h.inputs.by"),
        ({"h": made("subgraph:halves", whole=of("no"))}, "unknown_node", "h", "whole", "$.nodes.h.inputs.whole"),
        ({"q": made("subgraph:quarters")}, "missing_input", "q", "all", "$.nodes.q.inputs.all"),
        ({"q": made("subgraph:quarters", all="x")}, "wrong_type", "q", "all", "$.nodes.q.inputs.all"),
    ],
)  # fmt: skip
def test_what_an_instance_gives_or_should_give_is_reported_at_the_instance(
    nodes: Mapping[str, Node], code: str, node: str, input: str, path: str
) -> None:
    problem = only_problem(Document(nodes, subgraphs={"halves": HALVES, "quarters": QUARTERS}))
    assert (problem.code, problem.node, problem.input, problem.path) == (code, node, input, path)


def test_what_a_subgraph_itself_has_wrong_is_reported_inside_it() -> None:
    wrong = Subgraph("wrong", {"half": made("Divide", a=1, b="x")}, (Parameter("by", (("half", "b"),)),))
    problem = only_problem(Document({"w": made("subgraph:wrong")}, subgraphs={"wrong": wrong}))
    assert (problem.node, problem.path) == ("w:half", "$.subgraphs.wrong.nodes.half.inputs.b")


# Work


def _dangling(count: int) -> Document:
    return Document({f"n{index}": made("Add", a=of(f"gone{index}")) for index in range(count)})


def _foreign(count: int) -> Document:
    return Document({f"n{index}": made(f"Foreign{index}") for index in range(count)})


def _without_files(count: int) -> Document:
    return Document({f"n{index}": made("ReadText", file=f"gone{index}") for index in range(count)})


@pytest.mark.parametrize("wrong", [_dangling, _foreign, _without_files])
def test_to_suggest_what_was_meant_is_linear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Callable[[int], Document]
) -> None:
    monkeypatch.setattr("graph.errors._MOST_SEARCHED", 1000)
    folder = Folder(tmp_path)
    for index in range(20):
        folder.write("input", f"{index}.txt", "")
    assert grows_linearly(lambda count: lambda: bind(flatten(wrong(count), CATALOGUE), CATALOGUE, folder), 100)


def test_the_first_of_many_slips_are_told_what_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.errors._MOST_SEARCHED", 10)
    nodes = {name: made("Copy", tile=of("pain")) for name in "abcd"}
    graph = bound(document(paint=made("Paint"), **nodes))
    assert [problem.hint for problem in graph.problems] == ["Did you mean 'paint'?"] * 2 + [
        "Link a TILE output to it."
    ] * 2
