"""The catalogue of a service, which imports no node: the builtin nodes, and of plugins' those that were last seen.

To know a plugin's nodes it must be imported, with torch and whatever else it wants; a worker does that anyway. So a service
starts with what a worker of an earlier one found, and a worker of its own brings what there is now. Only the first start
with plugins waits for another process to import them.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from graph.errors import Problem
from graph.files import write_whole
from graph.json import JsonObject
from graph.spec import NodeSpec
from nodes.catalogue import ByType, Found, found_elsewhere, merged, plugin_points, read_catalogue

FILE: Final = "plugins.json"
_NOT_WHAT_WAS_WRITTEN: Final = (AttributeError, KeyError, TypeError, ValueError)

_log = logging.getLogger("latentgraph.plugins")


class LiveCatalogue(Mapping[str, NodeSpec]):
    """Node types by name. What a worker brings is there from then on, and, kept in `folder`, from the next start."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._builtin = read_catalogue()
        self._kept = _written(Found())
        self._now = merged(self._builtin, self._last_seen())
        self._told: tuple[Problem, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with plugins."""
        return self._now.problems

    def __getitem__(self, name: str) -> NodeSpec:
        return self._now[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now)

    def __len__(self) -> int:
        return len(self._now)

    def bring(self, plugins: JsonObject) -> None:
        """Take what a worker has found, as `Found.to_json` writes it, and log what is wrong with plugins, if that is news.
        What cannot be kept is found again."""
        found = Found.from_json(plugins)
        self._now = merged(self._builtin, found)
        if self.problems != self._told:
            self._told = self.problems
            for one in self.problems:
                _log.warning("%s [%s] %s", one.message, one.code, one.hint or "")
        content = _written(found)
        if content == self._kept:
            return
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._file, (content,))
            self._kept = content

    def _last_seen(self) -> Found:
        try:
            self._kept = self._file.read_bytes()
            seen = Found.from_json(json.loads(self._kept))
        except (OSError, *_NOT_WHAT_WAS_WRITTEN):
            return found_elsewhere() if plugin_points() else Found()
        return seen if plugin_points() else Found()


Nodes: TypeAlias = ByType[NodeSpec] | LiveCatalogue
"""Node types by name, with what is wrong with plugins: as they are, or as they become."""


def _written(found: Found) -> bytes:
    return json.dumps(found.to_json()).encode()
