"""Texts that quote what other nodes were given: `%sampler.seed%` in the prefix of a file's name.

A node is meant by its name in the document, else by its title, else by its type, the first that fits; the input by its
name. What is quoted enters the text before keys are made, so a quoted seed is part of the key; of a long text, as much as
the name of a file can hold. An input that is linked has no value yet; it and what nothing is called stay as they are
written, with a warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from graph.bound import BoundNode
from graph.errors import Suggestions
from graph.json import Json

_WORD: Final = re.compile(r"%([^%]*)%")
_DATE: Final = "date:"  # `%date:yyyy.MM.dd%` is a date, whatever nodes are called
_LONGEST: Final = 200  # bytes: with a counter and a suffix it stays below the 255 that a name can have
_NOT_IN_NAMES: Final = re.compile(r'[\x00-\x1f/\\<>:"|?*]')


@dataclass(frozen=True, slots=True)
class Unquoted:
    """A quote in `node`'s text `input` that leads to no value, and why."""

    node: str
    input: str
    message: str
    hint: str | None = None


def fill_quotes(nodes: dict[str, BoundNode], quoting: Iterable[str], suggestions: Suggestions) -> list[Unquoted]:
    """Put the values into the texts of the nodes `quoting`, in place; what could not be put in is returned."""
    failed: list[Unquoted] = []
    filled: dict[str, BoundNode] = {}
    meant: Mapping[str, BoundNode] = {}
    for name in quoting:
        bound = nodes[name]
        texts = {port: bound.literals.get(port) for port in bound.spec.quoting_inputs}
        changed: dict[str, Json] = {}
        for port, text in texts.items():
            if isinstance(text, str) and "%" in text:
                meant = meant or _by_word(nodes)
                changed[port] = _WORD.sub(_filler(meant, name, port, failed, suggestions), text)
        if changed:
            filled[name] = replace(bound, literals={**bound.literals, **changed})
    nodes |= filled
    return failed


def _by_word(nodes: Mapping[str, BoundNode]) -> dict[str, BoundNode]:
    """The node that each word means."""
    backwards = list(reversed(nodes.values()))  # type: ignore[call-overload]
    typed = {node.spec.type: node for node in backwards}
    titled = {node.title: node for node in backwards if node.title is not None}
    return {**typed, **titled, **nodes}


def _filler(
    meant: Mapping[str, BoundNode], name: str, port: str, failed: list[Unquoted], suggestions: Suggestions
) -> Callable[[re.Match[str]], str]:
    def fill(match: re.Match[str]) -> str:
        called, dot, wanted = match[1].rpartition(".")
        if not dot or match[1].startswith(_DATE):
            return match[0]
        source = meant.get(called)
        if source is None:
            hint = suggestions.nearest(called, meant)
            failed.append(Unquoted(name, port, f"{match[0]}: there is no node {called!r}", hint))
        elif wanted in source.literals:
            return _NOT_IN_NAMES.sub("_", _cut(str(source.literals[wanted])))
        elif wanted in source.links:
            failed.append(Unquoted(name, port, f"{match[0]} is linked, and known only when the workflow runs"))
        else:
            hint = suggestions.nearest(wanted, source.spec.inputs_by_name)
            failed.append(Unquoted(name, port, f"{match[0]}: {source.spec.type} has no input {wanted!r}", hint))
        return match[0]

    return fill


def _cut(text: str) -> str:
    """As much of a text as a name can hold, in whole characters."""
    return text[:_LONGEST].encode(errors="replace")[:_LONGEST].decode(errors="ignore")
