"""Widgets by position and by name: ComfyUI's canvas files store the first, our documents the second.

`widgets_values` lists one value per widget in the order in which ComfyUI makes them: required inputs, then optional ones;
inputs that can only be linked have none. Two kinds of extra values sit between them: what happens to a seed after each run
(`fixed`, `increment`, `decrement`, `randomize`; true or false in files of early 2023), and the caption of an upload button.
Files with and without these extras exist, so values are matched one by one, not by index.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from graph.json import Json
from graph.spec import Choice, FileChoice, Input, Missing, NodeSpec, Number, Text, Toggle, Widget

CONTROLS: Final = ("fixed", "increment", "decrement", "randomize")
DEFAULT_CONTROL: Final = "fixed"
UPLOAD_CAPTIONS: Final = frozenset({"image", "video", "audio", "file", "upload"})
_SEED_NAMES: Final = frozenset({"seed", "noise_seed"})
_FALSE: Final = frozenset({"false", "no", "off", "0", ""})
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_WHOLE: Final = re.compile(r"\s*[+-]?[0-9]{1,40}\s*")
_DECIMAL: Final = re.compile(r"\s*[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,2})?\s*")


@dataclass(frozen=True, slots=True)
class WidgetSlot:
    """One widget of a node. `widget` is None where the node's type is unknown; `upload` where a button follows."""

    name: str
    widget: Widget | None = None
    default: Json = None

    @property
    def seed(self) -> bool:
        """Whether a control value is expected after it."""
        whole = isinstance(self.widget, Number) and self.widget.kind == "INT"
        return whole and (self.name in _SEED_NAMES or (isinstance(self.widget, Number) and self.widget.seed))

    @property
    def upload(self) -> bool:
        """Whether the node has an upload button for it."""
        return isinstance(self.widget, FileChoice) and self.widget.upload


@dataclass(slots=True)
class NamedValues:
    """Values by input name, controls by the name of the seed they belong to, and what was left over.

    `misfits` are the positions of values their widgets cannot hold: the sign of a list that has shifted.
    """

    values: dict[str, Json] = field(default_factory=dict)
    controls: dict[str, str] = field(default_factory=dict)
    surplus: list[Json] = field(default_factory=list)
    misfits: list[tuple[int, str]] = field(default_factory=list)


def in_order(spec: NodeSpec) -> tuple[Input, ...]:
    """A node's inputs as ComfyUI orders them: required, then optional."""
    return tuple(sorted(spec.inputs, key=lambda one: one.optional))


def widget_slots(spec: NodeSpec) -> tuple[WidgetSlot, ...]:
    """The widgets of a node in ComfyUI's order."""
    return tuple(
        WidgetSlot(one.name, one.widget, default_value(one)) for one in in_order(spec) if one.widget is not None
    )


def default_value(one: Input) -> Json:
    """What a new widget holds; None for a file, which only the user can choose."""
    if not isinstance(one.default, Missing):
        return one.default
    match one.widget:
        case Number():
            zero: int | float = 0 if one.widget.kind == "INT" else 0.0
            return zero if one.widget.minimum is None else max(zero, one.widget.minimum)
        case Text():
            return ""
        case Toggle():
            return False
        case Choice():
            return one.widget.options[0] if one.widget.options else None
    return None


def name_values(slots: Sequence[WidgetSlot], values: Sequence[Json]) -> NamedValues:
    """Give positional values their names. Nulls are values that were never set: they stay unnamed."""
    named = NamedValues()
    position = 0
    for index, slot in enumerate(slots):
        if position >= len(values):
            break
        value = coerce(slot.widget, values[position])
        if value is not None:
            named.values[slot.name] = value
            if slot.widget is not None and not fits(slot.widget, value):
                named.misfits.append((position, slot.name))
        position += 1
        following = slots[index + 1] if index + 1 < len(slots) else None
        control = _control(slot, value, following, values[position : position + 1])
        if control is not None:
            named.controls[slot.name] = control
            position += 1
    named.surplus = _without_buttons(slots, values[position:])
    return named


def place_values(
    slots: Sequence[WidgetSlot], values: Mapping[str, Json], controls: Mapping[str, str], surplus: Sequence[Json] = ()
) -> list[Json]:
    """The inverse of `name_values`: what has no value gets its widget's default. A seed that each run draws is what ComfyUI
    draws anew after each run, since it has no word for it."""
    placed: list[Json] = []
    for slot in slots:
        value = values.get(slot.name, slot.default)
        is_drawn = slot.seed and value == "random"
        placed.append(slot.default if is_drawn else value)
        if slot.seed or slot.name in controls:
            placed.append("randomize" if is_drawn else controls.get(slot.name, DEFAULT_CONTROL))
    placed += ["image" for slot in slots if slot.upload]
    return [*placed, *surplus]


def _control(slot: WidgetSlot, held: Json, following: WidgetSlot | None, rest: Sequence[Json]) -> str | None:
    """The control value at the head of `rest`, if that is what it is and not the value of the next widget."""
    if not rest:
        return None
    value = rest[0]
    if isinstance(value, bool) and slot.seed:
        fitting = following is not None and isinstance(following.widget, Toggle)
        return None if fitting else ("randomize" if value else DEFAULT_CONTROL)
    if not isinstance(value, str) or value not in CONTROLS:
        return None
    if slot.widget is None:
        return value if isinstance(held, int) and not isinstance(held, bool) else None
    numeric = isinstance(slot.widget, Number | Choice)
    return value if slot.seed or (numeric and not _may_be(following, value)) else None


def _may_be(slot: WidgetSlot | None, word: str) -> bool:
    """Whether the word may be this widget's value."""
    if slot is None:
        return False
    if isinstance(slot.widget, Choice):
        return word in slot.widget.options
    return slot.widget is None or fits(slot.widget, word)


def _without_buttons(slots: Sequence[WidgetSlot], surplus: Sequence[Json]) -> list[Json]:
    """What is left over beside the captions of upload buttons."""
    buttons = sum(slot.upload for slot in slots)
    kept = list(surplus)
    while buttons and kept and (kept[0] is None or (isinstance(kept[0], str) and kept[0] in UPLOAD_CAPTIONS)):
        kept.pop(0)
        buttons -= 1
    return kept


def fits(widget: Widget, value: Json) -> bool:
    """Whether a widget of this kind can hold the value at all; ranges and choices are for validation."""
    match widget:
        case Number():
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Toggle():
            return isinstance(value, bool)
    return isinstance(value, str)


def coerce(widget: Widget | None, value: Json) -> Json:
    """The value in the type its widget declares, where that is beyond doubt; else as it is, for validation to refuse.

    As ComfyUI's own validation does, with one difference: the text "false" is false there true.
    """
    match widget:
        case Number(kind="INT"):
            return _whole(value)
        case Number():
            return float(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else _number(value)
        case Toggle():
            return _truth(value)
        case Text() | Choice() | FileChoice():
            return _text(value)
    return value


def _whole(value: Json) -> Json:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, float) and abs(value) < 2**63:
        return int(value)
    return _number(value)


def _number(value: Json) -> Json:
    return int(value) if isinstance(value, bool) else value


def _truth(value: Json) -> Json:
    if isinstance(value, str):
        word = value.strip().lower()
        return word not in _FALSE if word in _FALSE | _TRUE else value
    return bool(value) if isinstance(value, int | float) else value


def _text(value: Json) -> Json:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value) if isinstance(value, bool) else value
    return str(value) if abs(value) < 10**40 else value
