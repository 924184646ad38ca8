"""How a model came to be, as its file tells it: for each part that was trained, the runs that it went through, in order.

A run writes the history of what it began from, and itself after it, into its result; an exported checkpoint brings those of
its parts together. So a file says how it was made, however many sittings that took.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from graph.json import Json, JsonObject
from nodes.weights.files import read_header
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef

_ENTRY: Final = "training"


def history_of(ref: WeightsRef) -> list[Json]:
    """The runs that a part went through, the first one first; none where its file tells of none."""
    try:
        told = json.loads(read_header(ref.path).metadata.get(_ENTRY, "{}"))
    except json.JSONDecodeError:  # other programs have an entry of this name, too
        return []
    runs = told.get(ref.part.value) if isinstance(told, dict) else None
    return runs if isinstance(runs, list) else []


def after(ref: WeightsRef, run: JsonObject) -> dict[str, str]:
    """What the file says that comes of a run on a part: metadata."""
    return _told({ref.part: [*history_of(ref), run]})


def brought_together(refs: Iterable[WeightsRef]) -> dict[str, str]:
    """What a file with these parts says: metadata, none where nothing is known."""
    histories = {ref.part: history_of(ref) for ref in refs}
    return _told({part: runs for part, runs in histories.items() if runs})


def _told(histories: Mapping[Part, list[Json]]) -> dict[str, str]:
    return {_ENTRY: json.dumps({part.value: runs for part, runs in histories.items()})} if histories else {}
