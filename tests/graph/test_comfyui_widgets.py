"""Widget values by position and by name."""

from __future__ import annotations

import pytest

from graph.comfyui.widgets import coerce, name_values, place_values, widget_slots
from graph.json import Json, JsonObject
from graph.spec import Choice, FileChoice, Number, Text, Toggle, Widget
from tests.graph.comfyui_cases import CATALOGUE

KSAMPLER: JsonObject = {"seed": 7, "steps": 20, "cfg": 8, "sampler_name": "euler", "denoise": 1}

POSITIONAL: dict[str, tuple[str, list[Json], dict[str, Json], dict[str, str], list[Json]]] = {
    "control after the seed": ("KSampler", [7, "randomize", 20, 8, "euler", 1], KSAMPLER, {"seed": "randomize"}, []),
    "no control": ("KSampler", [7, 20, 8, "euler", 1], KSAMPLER, {}, []),
    "true of early 2023": ("KSampler", [7, True, 20, 8, "euler", 1], KSAMPLER, {"seed": "randomize"}, []),
    "false of early 2023": ("KSampler", [7, False, 20, 8, "euler", 1], KSAMPLER, {"seed": "fixed"}, []),
    "a choice that is also a control word": (
        "KSampler", [7, "fixed", 20, 8, "fixed", 1], KSAMPLER | {"sampler_name": "fixed"}, {"seed": "fixed"}, []),
    "a control where none is declared": (
        "EmptyLatentImage", [64, "increment", 32, 1], {"width": 64, "height": 32, "batch_size": 1},
        {"width": "increment"}, []),
    "a control at the end": ("PrimitiveInt", [5, "decrement"], {"value": 5}, {"value": "decrement"}, []),
    "an upload button": ("LoadImage", ["a.png", "image"], {"image": "a.png"}, {}, []),
    "an upload button after another widget": (
        "LoadImageMask", ["a.png", "red", "image"], {"image": "a.png", "channel": "red"}, {}, []),
    "too few": ("EmptyLatentImage", [64], {"width": 64}, {}, []),
    "too many": ("EmptyLatentImage", [1, 2, 3, 4, "x"], {"width": 1, "height": 2, "batch_size": 3}, {}, [4, "x"]),
    "null was never set": ("EmptyLatentImage", [None, 2, 3], {"height": 2, "batch_size": 3}, {}, []),
    "required come before optional": ("Options", [5, False], {"early": 5, "late": False}, {}, []),
    "a forced link takes no slot": ("ForcedLink", [0.5], {"scale": 0.5}, {}, []),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "values", "named", "controls", "surplus"), POSITIONAL.values(), ids=POSITIONAL)
def test_values_get_their_names(
    kind: str, values: list[Json], named: dict[str, Json], controls: dict[str, str], surplus: list[Json]
) -> None:
    found = name_values(widget_slots(CATALOGUE[kind]), values)
    assert (found.values, found.controls, found.surplus) == (named, controls, surplus)


PLACED: dict[str, tuple[str, dict[str, Json], dict[str, str], list[Json]]] = {
    "a seed has its control": ("KSampler", KSAMPLER, {"seed": "increment"}, [7, "increment", 20, 8, "euler", 1]),
    "a seed that each run draws": (
        "KSampler",
        KSAMPLER | {"seed": "random"},
        {},
        [0, "randomize", 20, 8, "euler", 1],
    ),
    "an absent control is fixed": ("KSampler", KSAMPLER, {}, [7, "fixed", 20, 8, "euler", 1]),
    "an absent value is the default": ("EmptyLatentImage", {"height": 8}, {}, [512, 8, 1]),
    "an upload has its button": ("LoadImage", {"image": "a.png"}, {}, ["a.png", "image"]),
    "a file without a name": ("LoadImage", {}, {}, [None, "image"]),
}


@pytest.mark.parametrize(("kind", "named", "controls", "values"), PLACED.values(), ids=PLACED)
def test_names_get_their_places(
    kind: str, named: dict[str, Json], controls: dict[str, str], values: list[Json]
) -> None:
    assert place_values(widget_slots(CATALOGUE[kind]), named, controls) == values


@pytest.mark.parametrize("kind", CATALOGUE)
def test_placing_and_naming_are_inverse(kind: str) -> None:
    slots = widget_slots(CATALOGUE[kind])
    values = {slot.name: slot.default for slot in slots if slot.default is not None}
    placed = place_values(slots, values, {})
    assert name_values(slots, placed).values == values


def test_a_value_that_does_not_fit_its_widget_is_noticed() -> None:
    found = name_values(widget_slots(CATALOGUE["EmptyLatentImage"]), [64, "euler", 1])
    assert found.misfits == [(1, "height")]


INT, FLOAT = Number("INT"), Number("FLOAT")

COERCED: list[tuple[Widget | None, Json, Json]] = [
    (INT, "20", 20),
    (INT, " -3 ", -3),
    (INT, 20.0, 20),
    (INT, 20.9, 20),
    (INT, True, 1),
    (INT, "20.5", "20.5"),
    (INT, "euler", "euler"),
    (INT, "9" * 5000, "9" * 5000),
    (INT, 1e300, 1e300),
    (FLOAT, "0.5", 0.5),
    (FLOAT, "1e3", 1000.0),
    (FLOAT, ".5", 0.5),
    (FLOAT, 2, 2),
    (FLOAT, "nan", "nan"),
    (FLOAT, "inf", "inf"),
    (Toggle(), "false", False),
    (Toggle(), "True", True),
    (Toggle(), 0, False),
    (Toggle(), 2.5, True),
    (Toggle(), "perhaps", "perhaps"),
    (Text(), 5, "5"),
    (Text(), 0.5, "0.5"),
    (Text(), True, "True"),
    (Text(), 10**5000, 10**5000),
    (Text(), None, None),
    (Choice(("8", "16")), 8, "8"),
    (FileChoice("input"), "a.png", "a.png"),
    (None, "20", "20"),
]


@pytest.mark.parametrize(("widget", "value", "result"), COERCED, ids=[f"case {index}" for index in range(len(COERCED))])
def test_literals_take_the_declared_type(widget: Widget | None, value: Json, result: Json) -> None:
    found = coerce(widget, value)
    assert found == result
    assert type(found) is type(result)
