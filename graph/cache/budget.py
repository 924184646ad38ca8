"""One limit on bytes, shared by everything that holds memory: cached values and the weights of models.

Each holder says how much it has; when the sum passes the limit, whoever holds the bytes that are cheapest to get back
gives up first. Holders are asked under the budget's lock, so two threads never shrink for the same excess; they take
their own lock to answer, so none may call `charge` while it holds that.
"""

from __future__ import annotations

import threading
from typing import Protocol


class Holder(Protocol):
    """Something that holds bytes and can let some go."""

    def cheapest(self) -> float | None:
        """Seconds of recomputing per byte of what it would drop next; None when it has nothing to drop."""
        ...

    def drop_cheapest(self) -> int:
        """Drop that, and return the bytes freed."""
        ...


class Budget:
    """The limit and who counts against it. `limit=None` never evicts."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.used = 0
        self._holders: list[Holder] = []
        self._lock = threading.RLock()

    def join(self, holder: Holder) -> None:
        """Let `holder` be asked to shrink."""
        with self._lock:
            self._holders.append(holder)

    def charge(self, nbytes: int) -> None:
        """Count `nbytes` more (negative: fewer), then evict until the sum fits or nothing is left to drop."""
        with self._lock:
            self.used += nbytes
            while self.limit is not None and self.used > self.limit and self._shrink():
                pass

    def _shrink(self) -> bool:
        offers = [(price, index) for index, one in enumerate(self._holders) if (price := one.cheapest()) is not None]
        if not offers:
            return False
        _, index = min(offers)
        self.used -= self._holders[index].drop_cheapest()
        return True
