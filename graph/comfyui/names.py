"""Names that must differ, from files in which they need not."""

from __future__ import annotations

import re
from collections.abc import Iterable


class Names:
    """Hands out each name once: a second `text` becomes `text_2`."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """The name, or the first free one of `wanted_2`, `wanted_3`, ..."""
        name = wanted
        while name in self._taken:
            number = self._next.get(wanted, 2)
            self._next[wanted] = number + 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name


def identifier(title: str) -> str:
    """`Positive Prompt (Text)` as a name to type: `positive_prompt_text`; empty if nothing of it can be kept."""
    return re.sub(r"\W+", "_", title.lower()).strip("_")
