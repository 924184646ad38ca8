"""The cache as everyone sees it: a list of tiers, fastest first. A hit further down is copied up."""

from __future__ import annotations

from collections.abc import Sequence

from graph.cache.entry import Entry, Hit, Store
from graph.keys import VOLATILE


class Cache:
    """Tiers as one. `find` loads nothing; `get` loads and promotes; `put` offers to every tier."""

    def __init__(self, tiers: Sequence[Store]) -> None:
        self.tiers = tuple(tiers)

    def find(self, key: str) -> Hit | None:
        for tier in self.tiers:
            hit = tier.find(key)
            if hit is not None:
                return hit
        return None

    def get(self, key: str) -> tuple[Entry, str] | None:
        """The entry and the tier that had it; None on a miss."""
        for depth, tier in enumerate(self.tiers):
            entry = tier.get(key)
            if entry is not None:
                for faster in self.tiers[:depth]:
                    faster.put(key, entry)
                return entry, tier.name
        return None

    def put(self, key: str, entry: Entry) -> None:
        if key.startswith(VOLATILE):
            return
        for tier in self.tiers:
            tier.put(key, entry)

    def drop(self, key: str) -> None:
        for tier in self.tiers:
            tier.drop(key)

    def clear(self) -> None:
        for tier in self.tiers:
            tier.clear()
