"""Files mentioned inside a text: what they hold is part of the key, as if they had a field of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest

from graph.declare import Mentions, Multiline, implementation, node
from graph.spec import Text, from_json, to_json
from tests.graph.engine import Engine, document, made, of


@node("Letter", category="toy", returns="out")
def letter(*, text: Annotated[str, Multiline(), Mentions("notes", r"see:(\S+)", (".txt",))]) -> str:
    """A text that may mention notes."""
    return text


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = Engine(tmp_path)
    declared = implementation(letter)
    assert declared is not None
    engine.implementations["Letter"] = engine.calls.counted(declared)
    engine.catalogue["Letter"] = declared.spec
    return engine


def write(engine: Engine, name: str, text: str) -> None:
    assert engine.files is not None
    engine.files.write("notes", name, text)


def ran(engine: Engine, text: str) -> bool:
    return bool(engine.run(document(a=made("Letter", text=text)), "a").calls)


def test_a_change_of_a_mentioned_file_runs_the_node_again(engine: Engine) -> None:
    write(engine, "one.txt", "old")
    assert ran(engine, "hello see:one.txt")
    assert not ran(engine, "hello see:one.txt")
    write(engine, "one.txt", "new and longer")
    result = engine.run(document(a=made("Letter", text="hello see:one.txt")), "a")
    assert result.calls
    assert result.outcomes["a"].reason.startswith("file")


def test_a_suffix_may_be_left_out(engine: Engine) -> None:
    write(engine, "one.txt", "old")
    assert ran(engine, "see:one")
    write(engine, "one.txt", "new and longer")
    assert ran(engine, "see:one")


def test_a_file_that_appears_counts_and_one_that_is_not_mentioned_does_not(engine: Engine) -> None:
    assert ran(engine, "see:one see:two")
    write(engine, "three.txt", "three")
    assert not ran(engine, "see:one see:two")
    write(engine, "two.txt", "two")
    assert ran(engine, "see:one see:two")


def test_a_text_without_mentions_is_keyed_by_itself(engine: Engine) -> None:
    assert ran(engine, "hello")
    write(engine, "hello.txt", "hello")
    assert not ran(engine, "hello")


def test_a_linked_text_may_mention_files_too(engine: Engine) -> None:
    write(engine, "one.txt", "old")
    graph = document(words=made("Letter", text="see:one"), a=made("Letter", text=of("words")))
    assert engine.run(graph, "a").calls == {"Letter": 2}
    assert not engine.run(graph, "a").calls
    write(engine, "one.txt", "new and longer")
    assert engine.run(graph, "a").calls == {"Letter": 2}


def test_the_field_travels_as_data() -> None:
    declared = implementation(letter)
    assert declared is not None
    assert from_json(to_json(declared.spec)) == declared.spec
    assert declared.spec.inputs[0].widget == Text(
        multiline=True, mentions="notes", pattern=r"see:(\S+)", suffixes=(".txt",)
    )
