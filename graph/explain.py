"""Why a node will run: its recipe beside that of the last run, in words.

The first difference that people would name is told: a value they changed before a link, a link before what is upstream.
"""

from __future__ import annotations

from typing import Literal

from graph.errors import listed
from graph.keys import VOLATILE, Recipe
from graph.record import record

ReasonCode = Literal[
    "first", "literal", "file", "link", "upstream", "version", "place", "evicted", "volatile", "output", "value", "none"
]


@record
class Reason:
    """`code` for programs, `text` for people: "`cfg` changed 7.0 -> 6.5"."""

    code: ReasonCode
    text: str = ""

    def __str__(self) -> str:
        return self.text


NOTHING = Reason("none")
OUTPUT_GONE = Reason("output", "its output file is gone or was changed")


def why(new: Recipe, old: Recipe | None) -> Reason:
    """Why `new`, which no tier can answer, must be computed."""
    if new.key.startswith(VOLATILE):
        upstream = _volatile_upstream(new)
        return Reason("volatile", f"upstream {upstream} runs every time" if upstream else "runs every time")
    if old is None:
        return Reason("first", "has not run before")
    if old.key == new.key:
        return Reason("evicted", "its result is no longer kept")
    if (old.type, old.version) != (new.type, new.version):
        return Reason("version", f"node changed {old.type} {old.version} -> {new.type} {new.version}")
    return _literal(new, old) or _file(new, old) or _link(new, old) or _upstream(new, old) or _place(new, old)


def waits_for(names: list[str]) -> Reason:
    """The node's key is not known before these values are."""
    return Reason("value", f"depends on the value of {_names(names)}")


def _literal(new: Recipe, old: Recipe) -> Reason | None:
    changed = [name for name, value in new.literals.items() if name in old.literals and old.literals[name] != value]
    changed = [name for name in changed if name not in new.files] or changed
    if changed:
        name = changed[0]
        more = f", also {_names(changed[1:])}" if len(changed) > 1 else ""
        return Reason("literal", f"`{name}` changed {_short(old.literals[name])} -> {_short(new.literals[name])}{more}")
    unlinked = [name for name in new.literals if name in old.sources]
    return Reason("link", f"`{unlinked[0]}` is no longer linked") if unlinked else None


def _file(new: Recipe, old: Recipe) -> Reason | None:
    changed = [name for name, digest in new.files.items() if old.files.get(name) != digest]
    return Reason("file", f"file {_short(new.literals.get(changed[0]))} changed") if changed else None


def _link(new: Recipe, old: Recipe) -> Reason | None:
    for name, (node, output, _) in new.sources.items():
        before = old.sources.get(name)
        if before is None or before[:2] != (node, output):
            return Reason("link", f"`{name}` now comes from `{node}`.{output}")
    gone = [name for name in old.sources if name not in new.sources]
    return Reason("link", f"`{gone[0]}` is no longer linked") if gone else None


def _upstream(new: Recipe, old: Recipe) -> Reason | None:
    changed = [node for name, (node, _, mark) in new.sources.items() if old.sources[name][2] != mark]
    return Reason("upstream", f"upstream {_names(changed)}") if changed else None


def _place(new: Recipe, old: Recipe) -> Reason:
    if new.place != old.place:
        return Reason("place", f"{old.place or 'nowhere'} -> {new.place}")
    added = [name for name in new.literals if name not in old.literals]
    return Reason("literal", f"`{added[0]}` is new") if added else Reason("version", "the engine's key scheme changed")


def _volatile_upstream(recipe: Recipe) -> str:
    return _names([node for node, _, mark in recipe.sources.values() if mark.startswith(VOLATILE)])


def _names(names: list[str], most: int = 3) -> str:
    return listed([f"`{name}`" for name in dict.fromkeys(names)], most)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
