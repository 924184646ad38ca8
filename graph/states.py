"""States of unfinished work: what a body has come to so far, kept in the cache for another run to go on from.

A body that works in steps gives each step a key: a hash of everything that decides the state after it, and of nothing
that only later steps see. It looks for the furthest key that is known, goes on from there, and now and then keeps a state
of its own. States live in the tiers of the cache, under its byte limits, beside the results of nodes.

    trail = context.service(States).trail(keys)
    state = trail.furthest()
    for index, state in steps_after(state):
        trail.reached(index, lambda: state)
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Final

from graph.cache.entry import Entry
from graph.cache.tiered import Cache
from graph.json import Json, canonical
from graph.values import Values

SECONDS_BETWEEN: Final = 1.0
"""How often a state is kept, at most: what a killed run loses, and what keeping costs the others."""

KEPT: Final = 8
"""How many states of one piece of work stay: one in each of so many equal parts, the latest."""

_SCHEME: Final = "latentgraph-state/2"
_OUTPUT: Final = "state"


class States:
    """The states of all work in one cache. `clock` counts seconds."""

    def __init__(self, cache: Cache, values: Values, clock: Callable[[], float] = time.monotonic) -> None:
        self.values = values
        self.cache = cache
        self.clock = clock

    def trail(self, keys: Sequence[str]) -> Trail:
        """The way of one piece of work: `keys` are those of its steps in turn, equal where one state replaces
        another. Without any, nothing is kept."""
        return Trail(self, keys)


class Trail:
    """One piece of work under way."""

    def __init__(self, states: States, keys: Sequence[str]) -> None:
        self._states, self._keys = states, keys
        self._started = self._looked = states.clock()
        self._saved = 0.0
        self._last: int | None = None

    def furthest(self) -> object | None:
        """The state after the last step that is known; None if none is."""
        cache = self._states.cache
        for key in dict.fromkeys(reversed(self._keys)):
            found = cache.get(key) if cache.find(key) is not None else None
            if found is not None:
                entry, _ = found
                self._saved = entry.seconds
                return entry.outputs[_OUTPUT][0]
        return None

    def reached(self, index: int, state: Callable[[], object]) -> None:
        """The step `index` is done: keep the state after it, unless one was kept just before."""
        if self._keys and self._states.clock() - self._looked >= SECONDS_BETWEEN:
            self.keep(index, state())

    def keep(self, index: int, state: object) -> None:
        """Keep the state after a step. The one kept before it goes if it is near."""
        if not self._keys:
            return
        now, cache = self._states.clock(), self._states.cache
        self._looked = now
        seconds = self._saved + now - self._started
        cache.put(self._key(index), Entry({_OUTPUT: (state,)}, {}, None, seconds, self._states.values.nbytes(state)))
        before, self._last = self._last, index
        if before is not None and self._part(before) == self._part(index) and self._key(before) != self._key(index):
            cache.drop(self._key(before))

    def _key(self, index: int) -> str:
        return self._keys[min(index, len(self._keys) - 1)]

    def _part(self, index: int) -> int:
        return index * KEPT // len(self._keys)


def state_key(*ingredients: Json) -> str:
    """The key of a state, in a space of its own."""
    return hashlib.blake2b(canonical([_SCHEME, *ingredients]), digest_size=16).hexdigest()
