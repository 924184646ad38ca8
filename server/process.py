"""What every process of ours does first."""

from __future__ import annotations

import gc


def calm_collector() -> None:
    """Let the cycle collector walk our objects seldom, and those of the imports never.

    The engine makes many small objects that last (a node is a dozen) and few cycles; at Python's own thresholds the
    collector walks all of them over and over, and a graph of 10,000 nodes costs 74 microseconds a node instead of 56.
    """
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
