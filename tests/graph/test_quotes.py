"""Texts that quote what other nodes were given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pytest

from graph.bind import bind
from graph.declare import Quotes, implementation, node
from graph.document import Document, Link, Node
from graph.flatten import flatten
from graph.keys import Environment, recipe
from tests.counting import grows_linearly
from tests.graph.engine import document, made
from tests.toy_nodes import toys


@node("Note", category="toy", effect=True)
def note(*, text: Annotated[str, Quotes()] = "") -> None:
    """A text that may quote."""


QUOTING = {one.spec.type: one for one in [implementation(note)] if one}
CATALOGUE = {name: one.spec for name, one in (toys() | QUOTING).items()}


def quoting(text: str) -> Document:
    whole = document(
        note=made("Note", text=text),
        knobs=made("Knobs", strength=0.5, seed=7),
        word=made("Word", value="a/b:c"),
        linked=made("Knobs", strength=Link("number", "out")),
        number=made("Scale", value=1.0),
    )
    titled = replace(whole.nodes["knobs"], title="My Sampler")
    return Document({**whole.nodes, "knobs": titled})


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("%knobs.seed%", "7"),
        ("a_%knobs.seed%_%knobs.strength%", "a_7_0.5"),
        ("%My Sampler.seed%", "7"),
        ("%Knobs.seed%", "7"),
        ("%word.value%", "a_b_c"),
        ("%year%x.y%month%", "%year%x.y%month%"),
        ("%date:yyyy.MM.dd%", "%date:yyyy.MM.dd%"),
        ("100% of 5.0 %", "100% of 5.0 %"),
        ("%.%", "%.%"),
    ],
)
def test_a_quote_becomes_the_value(text: str, filled: str) -> None:
    bound = bind(flatten(quoting(text), CATALOGUE), CATALOGUE)
    assert bound.nodes["note"].literals["text"] == filled


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("%knob.seed%", "there is no node 'knob'", "knobs"),
        ("%knobs.sed%", "has no input 'sed'", "seed"),
        ("%linked.strength%", "is linked", None),
    ],
)
def test_a_quote_of_nothing_stays_and_is_told(text: str, says: str, hint: str | None) -> None:
    bound = bind(flatten(quoting(text), CATALOGUE), CATALOGUE)
    (problem,) = [one for one in bound.problems if one.node == "note"]
    assert (problem.code, problem.severity, problem.input) == ("unknown_quote", "warning", "text")
    assert says in problem.message
    assert hint is None or hint in str(problem.hint)
    assert bound.nodes["note"].literals["text"] == text
    assert "note" not in bound.faults


def test_what_is_quoted_is_part_of_the_key() -> None:
    def key(seed: int) -> str:
        whole = quoting("%knobs.seed%")
        knobs = Node("Knobs", {"seed": seed})
        bound = bind(flatten(Document({**whole.nodes, "knobs": knobs}), CATALOGUE), CATALOGUE)
        return recipe(bound.nodes["note"], {}, {}, Environment()).key

    assert key(7) == key(7) != key(8)


def test_of_a_long_text_as_much_is_quoted_as_a_files_name_holds() -> None:
    whole = document(note=made("Note", text="%word.value%" * 2), word=made("Word", value="x" * 10_000))
    bound = bind(flatten(whole, CATALOGUE), CATALOGUE)
    assert bound.nodes["note"].literals["text"] == "x" * 400


@pytest.mark.parametrize("letter", ["x", "\u00e4", "\u68ee", "\U0001f98a"])
def test_a_long_quote_with_counter_and_suffix_is_a_files_name(letter: str, tmp_path: Path) -> None:
    whole = document(note=made("Note", text="%word.value%"), word=made("Word", value=letter * 300))
    quoted = str(bind(flatten(whole, CATALOGUE), CATALOGUE).nodes["note"].literals["text"])
    assert set(quoted) == {letter}
    (tmp_path / f"{quoted}_00001_.safetensors").touch()


@pytest.mark.parametrize("quote", ["%w.value%", "%Title 3.value%", "%Word.value%", "%gone.value%"])
def test_quoting_is_linear(monkeypatch: pytest.MonkeyPatch, quote: str) -> None:
    monkeypatch.setattr("graph.errors._MOST_SEARCHED", 1000)

    def work(count: int) -> Callable[[], object]:
        nodes = {f"w{index}": replace(made("Word"), title=f"Title {index}") for index in range(count)}
        whole = Document({**nodes, "w": made("Word", value="x"), "note": made("Note", text=quote * count)})
        return lambda: bind(flatten(whole, CATALOGUE), CATALOGUE)

    assert grows_linearly(work, 100)
