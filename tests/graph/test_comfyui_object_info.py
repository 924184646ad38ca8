"""Node declarations in ComfyUI's shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from graph.comfyui.object_info import object_info
from graph.json import Json
from graph.spec import MISSING, Choice, ExtraName, FileChoice, Input, NodeSpec, Number, Output, Text, Toggle
from tests.graph.comfyui_cases import CATALOGUE, full_catalogue, needs_shared, socket
from tests.graph.declared import spec_from_object_info


class SomeFiles:
    """Two files in every folder."""

    def names(self, folder: str) -> Sequence[str]:
        return [f"{folder}/a", f"{folder}/b"]

    def meant(self, folder: str, name: str) -> tuple[str, str]:
        return folder, name

    def find(self, folder: str, name: str) -> Path | None:
        return None

    def digest(self, path: Path) -> str:
        return ""


WRITTEN: dict[str, tuple[Input, Json]] = {
    "a socket": (socket("x", "MODEL"), ["MODEL"]),
    "a union": (socket("x", "IMAGE,MASK"), ["IMAGE,MASK"]),
    "a number": (
        Input("x", "FLOAT", Number("FLOAT", 0.0, 1.0, 0.01, 0.001), 0.5),
        ["FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01, "round": 0.001}]),
    "a seed": (Input("x", "INT", Number("INT", seed=True), 0), ["INT", {"default": 0, "control_after_generate": True}]),
    "a prompt": (
        Input("x", "STRING", Text(multiline=True, dynamic_prompts=True)),
        ["STRING", {"multiline": True, "dynamicPrompts": True}]),
    "a toggle": (Input("x", "BOOLEAN", Toggle(), True), ["BOOLEAN", {"default": True}]),
    "a choice": (Input("x", "COMBO", Choice(("a", "b")), "b"), [["a", "b"], {"default": "b"}]),
    "a file": (
        Input("x", "COMBO", FileChoice("input", upload=True, extra=(ExtraName("none"),))),
        [["input/a", "input/b", "none"], {"image_upload": True}]),
    "a number that is only linked": (Input("x", "INT"), ["INT", {"forceInput": True}]),
    "seldom changed": (Input("x", "INT", Number("INT"), 1, advanced=True), ["INT", {"default": 1, "advanced": True}]),
    "lazy, with help": (
        Input("x", "MASK", lazy=True, tooltip="Where"), ["MASK", {"lazy": True, "tooltip": "Where"}]),
}  # fmt: skip


@pytest.mark.parametrize(("one", "info"), WRITTEN.values(), ids=WRITTEN)
def test_inputs_are_written(one: Input, info: Json) -> None:
    written = object_info(NodeSpec("T", "c", (one,), ()), SomeFiles())
    assert written["input"] == {"required": {"x": info}}


def test_a_whole_declaration() -> None:
    spec = NodeSpec(
        "T", "a/b", (socket("late", "MASK", optional=True), socket("early", "MODEL")),
        (Output("one", "IMAGE"), Output("many", "MASK", is_list=True)),
        display_name="A node", description="Does it.", effect=True, takes_lists=True, deprecated=True, module="pack",
        words=("look for it",),
    )  # fmt: skip
    assert object_info(spec, SomeFiles()) == {
        "input": {"required": {"early": ["MODEL"]}, "optional": {"late": ["MASK"]}},
        "input_order": {"required": ["early"], "optional": ["late"]},
        "is_input_list": True,
        "output": ["IMAGE", "MASK"],
        "output_is_list": [False, True],
        "output_name": ["one", "many"],
        "name": "T",
        "display_name": "A node",
        "description": "Does it.",
        "python_module": "pack",
        "category": "a/b",
        "output_node": True,
        "deprecated": True,
        "search_aliases": ["look for it"],
    }


@pytest.mark.parametrize("spec", CATALOGUE.values(), ids=CATALOGUE)
def test_a_declaration_survives_the_way_there_and_back(spec: NodeSpec) -> None:
    again = spec_from_object_info(spec.type, object_info(spec, SomeFiles()))
    assert [plain(one) for one in again.inputs] == [
        plain(one) for one in sorted(spec.inputs, key=lambda one: one.optional)
    ]
    assert (again.outputs, again.effect, again.category) == (spec.outputs, spec.effect, spec.category)
    assert again.words == spec.words


def plain(one: Input) -> Input:
    """The input without what `/object_info` cannot say: which folder a file is in, and that floats are floats."""
    files = isinstance(one.widget, FileChoice)
    return replace(one, widget=FileChoice("any") if files else one.widget, default=MISSING if files else one.default)


@pytest.mark.golden
def test_a_table_of_all_core_nodes_is_read() -> None:
    needs_shared()
    catalogue = full_catalogue()
    assert len(catalogue) > 300
    assert [one.name for one in catalogue["KSampler"].outputs] == ["LATENT"]
    for spec in catalogue.values():
        again = spec_from_object_info(spec.type, object_info(spec, SomeFiles()))
        assert [one.name for one in again.inputs] == [one.name for one in spec.inputs]
