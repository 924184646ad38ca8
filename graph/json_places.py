"""Where in a JSON text something is that the parser refuses without saying where.

A second, slower reading of texts that are refused anyway; right files never come here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """A key or a value (of an object or a list its opening bracket), as written. `depth` counts what it is in; `again`
    is a key, as it reads, that its object had already."""

    position: int
    text: str
    depth: int
    again: str | None = None


def place_of(text: str, wanted: Callable[[Token], bool]) -> str:
    """The place of the first token that is wanted: ` at line 2, column 7`, nothing if there is none."""
    for token in tokens(text):
        if wanted(token):
            line = text.count("\n", 0, token.position) + 1
            column = token.position - text.rfind("\n", 0, token.position)
            return f" at line {line}, column {column}"
    return ""


def tokens(text: str) -> Iterator[Token]:
    """The keys and values in their order. Never raises: what is no JSON gives fewer or odd tokens."""
    opened: list[set[str] | None] = []  # of each object the keys so far, None for a list
    key_next = False
    for match in _TOKEN.finditer(text):
        token = match[0]
        keys = opened[-1] if opened else None
        if token in ("}", "]"):
            del opened[-1:]
        elif token in (",", ":"):
            key_next = token == "," and keys is not None
        elif key_next and keys is not None and token[0] == '"':
            key = _key(token)
            yield Token(match.start(), token, len(opened), key if key in keys else None)
            keys.add(key)
        else:
            yield Token(match.start(), token, len(opened))
        if token in ("{", "["):
            opened.append(set() if token == "{" else None)
            key_next = token == "{"


def _key(token: str) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        return token
