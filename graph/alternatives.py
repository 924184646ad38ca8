"""Texts that leave words open: `a {red|blue} fox` is one of two prompts, drawn when the workflow is run.

Alternatives may hold alternatives, and one of them may be empty. Braces without a bar are braces: a prompt may be JSON.
`\\{`, `\\|` and `\\}` are plain signs. What ComfyUI's editor does before it submits, so a workflow of either means the same;
an API prompt is what is left after that, and is taken as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

Choose = Callable[[int], int]
"""Which of so many alternatives: a number from 0 to one less."""

_Pieces: TypeAlias = "list[str | _Pieces]"
_SIGNS: Final = re.compile(r"\\[{|}]|[{|}]")


def is_open(text: str) -> bool:
    """Whether a draw would change the text."""
    return drawn(text, lambda _: 0) != text


def has_choice(text: str) -> bool:
    """Whether one draw may differ from another; not so where signs are only escaped."""
    found: list[int] = []

    def first(count: int) -> int:
        found.append(count)
        return 0

    drawn(text, first)
    return bool(found)


def closed(text: str) -> str:
    """A text of which every draw makes this one."""
    return re.sub(r"[{|}]", r"\\\g<0>", text)


def drawn(text: str, choose: Choose) -> str:
    """The text with one of each alternatives, and plain signs in the place of escaped ones. Takes linear time."""
    outside: _Pieces = []
    groups: list[list[_Pieces]] = []  # of each brace that is open: its alternatives
    here = outside
    at = 0
    for found in _SIGNS.finditer(text):
        here.append(text[at : found.start()])
        at = found.end()
        sign = found[0]
        if sign == "{":
            here = []
            groups.append([here])
        elif sign == "|" and groups:
            here = []
            groups[-1].append(here)
        elif sign == "}" and groups:
            alternatives = groups.pop()
            here = groups[-1][-1] if groups else outside
            here.append(_one_of(alternatives, choose))
        else:
            here.append(sign[-1])
    here.append(text[at:])
    for left_open in groups:
        outside.append("{")
        outside += [piece for index, one in enumerate(left_open) for piece in (["|"] if index else []) + one]
    return _joined(outside)


def _one_of(alternatives: list[_Pieces], choose: Choose) -> _Pieces:
    return ["{", *alternatives[0], "}"] if len(alternatives) == 1 else alternatives[choose(len(alternatives))]


def _joined(pieces: _Pieces) -> str:
    """All pieces in their order, at once: joined at each brace, a deep nest would take the square of its length."""
    found: list[str] = []
    pending: _Pieces = [pieces]
    while pending:
        piece = pending.pop()
        if isinstance(piece, str):
            found.append(piece)
        else:
            pending += reversed(piece)
    return "".join(found)
