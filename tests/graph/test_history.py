"""What every node was last run with, by scope: the source of the reasons in a plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.cache.history import DiskHistory, History
from graph.cache.index import Index
from graph.keys import Recipe


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path / "index.sqlite")
    yield index
    index.close()


def test_history_remembers_by_scope_and_merges(index: Index) -> None:
    def history() -> History:
        return DiskHistory(index)

    first = Recipe("Add", 1, {"a": 1, "b": 0.5}, {"f": "digest"}, {"x": ("n", "out", "=1")}, "fp32", "key1")
    second = Recipe("Add", 2, {}, {}, {}, "", "key2")
    history().save("file", {"n": first, "m": first})
    history().save("file", {"n": second})
    history().save("other", {"n": first})
    assert history().load("file") == {"n": second, "m": first}
    assert history().load("other") == {"n": first}
    assert history().load("unknown") == {}


def test_history_of_nodes_that_are_never_called_the_same_does_not_grow_for_ever(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.cache.history.MOST", 3)
    history, recipe = DiskHistory(index), Recipe("Add", 1, {}, {}, {}, "", "k")
    history.save("file", dict.fromkeys("abcd", recipe))
    assert history.load("file").keys() == set("abcd")  # all of the last run
    history.save("file", dict.fromkeys("ae", recipe))
    assert history.load("file").keys() == set("abcde")
    history.save("file", dict.fromkeys("fg", recipe))
    assert history.load("file").keys() == set("daefg")


@pytest.mark.parametrize("text", ["", "[]", "7", '{"n": []}', '{"n": {"a": 1}}', '{"n": [1, 2, 3, 4, 5, 6, 7]}'])
def test_a_damaged_history_is_an_empty_one(index: Index, text: str) -> None:
    index.change("INSERT INTO recipes VALUES (?, ?)", [("file", text)])
    history = DiskHistory(index)
    assert history.load("file") == {}
    history.save("file", {"n": Recipe("Add", 1, {}, {}, {}, "", "k")})
    assert history.load("file").keys() == {"n"}
