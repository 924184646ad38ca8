"""What was last run in a place: the recipes against which `explain.py` says what changed.

A scope is whatever the caller means by "the same workflow": a file's path, a tab, a name on the server.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Final, Protocol, cast

from graph.cache.index import Index
from graph.json import Json
from graph.keys import Recipe

MOST: Final = 5000
"""Nodes that are remembered in a scope beside those of its last run: clients may give theirs another name every time."""


class History(Protocol):
    """Recipes by scope."""

    def load(self, scope: str) -> Mapping[str, Recipe]: ...

    def save(self, scope: str, recipes: Mapping[str, Recipe]) -> None: ...


class DiskHistory:
    """Across processes, in the cache's index. What cannot be read back is as if it had never run."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def load(self, scope: str) -> Mapping[str, Recipe]:
        try:
            rows = self._index.rows("SELECT recipes FROM recipes WHERE scope = ?", (scope,))
            data = cast("dict[str, Json]", json.loads(cast("str", rows[0][0]))) if rows else {}
            return {node: Recipe.from_json(one) for node, one in data.items()}
        except (sqlite3.Error, AttributeError, KeyError, TypeError, ValueError):
            return {}

    def save(self, scope: str, recipes: Mapping[str, Recipe]) -> None:
        merged = _merged(self.load(scope), recipes)
        text = json.dumps({node: one.to_json() for node, one in merged.items()}, separators=(",", ":"))
        try:
            self._index.change("INSERT OR REPLACE INTO recipes VALUES (?, ?)", [(scope, text)])
        except sqlite3.Error:
            return


def _merged(known: Mapping[str, Recipe], latest: Mapping[str, Recipe]) -> dict[str, Recipe]:
    """What is remembered after a run, the latest last."""
    others = [(node, one) for node, one in known.items() if node not in latest]
    return {**dict(others[-MOST:]), **latest}
