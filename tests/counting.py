"""How much work something is, counted and not timed: for tests of what must not grow with the square of its input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType


def calls(act: Callable[[], object]) -> int:
    """How many functions were called and generators resumed, Python's and those in C."""
    count = 0

    def see(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(see)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def grows_linearly(work: Callable[[int], Callable[[], object]], size: int) -> bool:
    """Whether twice the size is about twice the work. `work` prepares what is counted."""
    work(1)()  # what is only done the first time
    return calls(work(2 * size)) < 2.5 * calls(work(size))
