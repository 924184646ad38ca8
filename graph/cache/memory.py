"""A tier in memory: bounded by the shared budget, evicting what costs least to recompute per byte.

The rule is GreedyDual-Size (Cao and Irani, 1997): an entry's worth is `clock + seconds / bytes`, refreshed at each use; the
least worth goes first and sets the clock, so that what is not used ages. The device tier is this same class.
"""

from __future__ import annotations

import heapq
import threading
from dataclasses import dataclass
from typing import Final

from graph.cache.budget import Budget
from graph.cache.entry import Entry, Hit

_SLACK: Final = 100


@dataclass(slots=True)
class _Held:
    entry: Entry
    hit: Hit
    worth: float


class MemoryStore:
    """Entries in memory. Safe to use from several threads."""

    def __init__(self, budget: Budget, name: str = "host") -> None:
        self.name = name
        self._budget = budget
        self._held: dict[str, _Held] = {}
        self._heap: list[tuple[float, str]] = []
        self._clock = 0.0
        self._lock = threading.RLock()
        budget.join(self)

    def find(self, key: str) -> Hit | None:
        held = self._held.get(key)
        return held.hit if held else None

    def get(self, key: str) -> Entry | None:
        with self._lock:
            held = self._held.get(key)
            if held is None:
                return None
            held.worth = self._worth(held.entry)
            return held.entry

    def put(self, key: str, entry: Entry) -> bool:
        if self._budget.limit is not None and entry.nbytes > self._budget.limit:
            return False
        hit = Hit(self.name, entry.content, entry.report, entry.seconds, entry.nbytes)
        with self._lock:
            old = self._held.get(key)
            worth = self._worth(entry)
            self._held[key] = _Held(entry, hit, worth)
            heapq.heappush(self._heap, (worth, key))
            if len(self._heap) > 2 * len(self._held) + _SLACK:  # of what was dropped, nothing is to stay
                self._heap = [(held.worth, one) for one, held in self._held.items()]
                heapq.heapify(self._heap)
        self._budget.charge(entry.nbytes - (old.entry.nbytes if old else 0))
        return True

    def drop(self, key: str) -> None:
        with self._lock:
            held = self._held.pop(key, None)
        if held:
            self._budget.charge(-held.entry.nbytes)

    def clear(self) -> None:
        with self._lock:
            freed = sum(held.entry.nbytes for held in self._held.values())
            self._held.clear()
            self._heap.clear()
        self._budget.charge(-freed)

    def __len__(self) -> int:
        return len(self._held)

    @property
    def nbytes(self) -> int:
        with self._lock:
            return sum(held.entry.nbytes for held in self._held.values())

    def cheapest(self) -> float | None:
        with self._lock:
            self._settle_top()
            return self._heap[0][0] - self._clock if self._heap else None

    def drop_cheapest(self) -> int:
        with self._lock:
            self._settle_top()
            if not self._heap:
                return 0
            self._clock, key = heapq.heappop(self._heap)
            return self._held.pop(key).entry.nbytes

    def _worth(self, entry: Entry) -> float:
        return self._clock + entry.seconds / max(entry.nbytes, 1)

    def _settle_top(self) -> None:
        """Uses only raise an entry's worth and each put adds an item, so the heap is put right lazily, at the top."""
        while self._heap:
            worth, key = self._heap[0]
            held = self._held.get(key)
            if held is None:
                heapq.heappop(self._heap)
            elif held.worth > worth:
                heapq.heapreplace(self._heap, (held.worth, key))
            else:
                return
