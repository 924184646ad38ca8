"""The catalogue: fresh, light, the field's own names, and no plugin can break it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from graph.spec import Choice, FileChoice, Input, Missing, Number, Text, Toggle
from nodes.catalogue import (
    FILE,
    GROUP,
    builtin_nodes,
    generated,
    load_catalogue,
    load_implementations,
    plugin_nodes,
    read_catalogue,
)

REFERENCE = Path(__file__).parents[3] / "shared/reference/comfyui_nodes.json"
SPECS = read_catalogue()
OURS = {
    "BeginSampling", "CaptionedPictures", "DatasetPictures", "DistillDiffusionModel", "EncodeDataset", "EndSampling",
    "EulerStep", "EvaluateDiffusionModel", "EvaluateVAE", "ExportCheckpoint", "ForwardDiffusion", "ImageGrid",
    "ManualSigmas", "NewDiffusionModel", "ProceduralScenes", "Reroute", "SigmaAt", "TrainDiffusionModel",
    "TrainTokenizer", "TrainVAE", "UNetStep",
}  # fmt: skip
STILL_GROWING = ("sampler_name", "scheduler", "algorithm")
"""Widgets whose choices are those that exist here: some of the reference's, in its order."""


def test_the_generated_file_is_fresh() -> None:
    assert FILE.read_text("utf-8") == generated(), "run: python -m nodes.catalogue --write"


def test_specs_and_implementations_agree() -> None:
    assert dict(load_implementations()) == builtin_nodes()
    assert {name: one.spec for name, one in builtin_nodes().items()} == SPECS
    assert dict(load_catalogue()) == SPECS


@pytest.mark.parametrize("name", SPECS)
def test_every_node_says_what_it_does(name: str) -> None:
    spec = SPECS[name]
    assert spec.description.endswith((".", ")"))
    assert spec.category
    assert spec.module.startswith("nodes.builtin.")


def test_the_catalogue_is_read_without_torch_and_quickly_enough_for_any_process() -> None:
    code = (
        "import sys; from nodes.catalogue import load_catalogue; load_catalogue();"
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'PIL', 'nodes.builtin.image')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_has_an_effect_saves_or_shows() -> None:
    folders = {name: spec.saves for name, spec in SPECS.items() if spec.effect}
    assert [name for name, folder in folders.items() if folder == ""] == ["SaveImageWebsocket", "PreviewAny"]
    assert sorted(name for name, folder in folders.items() if folder == "temp") == ["MaskPreview", "PreviewImage"]
    assert set(folders.values()) == {"", "temp", "output"}


# The reference

NOT_OFFERED = {"pixel_space"}  # an entry among files that stands for models without an autoencoder, which are not built


BUNDLED: Mapping[str, Any] = {
    "SaveImageWebsocket": {
        "input": {"required": {"images": ["IMAGE"]}}, "output": [], "output_name": [], "category": "api/image",
        "display_name": "SaveImageWebsocket", "output_node": True,
    },
}  # fmt: skip
"""What comes with it as a plugin, which the reference is not about."""


def reference() -> Mapping[str, Any]:
    if not REFERENCE.exists():
        pytest.skip("the reference is not beside this repository")
    data: Mapping[str, Any] = json.loads(REFERENCE.read_text())
    return data


@pytest.mark.parametrize("name", sorted(SPECS.keys() - OURS))
def test_nodes_of_the_field_are_declared_as_everywhere(name: str) -> None:
    spec, known = SPECS[name], {**reference(), **BUNDLED}[name]
    sections = {section: one for section, one in known["input"].items() if section != "hidden"}
    expected = {
        input_name: (declared, section == "optional")
        for section, inputs in sections.items()
        for input_name, declared in inputs.items()
    }
    assert [one.name for one in spec.inputs] == list(expected)
    assert [one.type for one in spec.outputs] == known["output"]
    assert [one.name for one in spec.outputs] == known["output_name"]
    assert (spec.category, spec.display_name) == (known["category"], known["display_name"] or name)
    assert spec.effect == known.get("output_node", False)
    assert spec.deprecated == known.get("deprecated", False)
    assert spec.experimental == known.get("experimental", False)
    assert [one.is_list for one in spec.outputs] == known.get("output_is_list", [False] * len(spec.outputs))
    for one in spec.inputs:
        declared, optional = expected[one.name]
        assert one.optional == optional
        assert_same_input(one, declared)


def assert_same_input(ours: Input, declared: list[Any]) -> None:
    kind, options = declared[0], declared[1] if len(declared) > 1 else {}
    choices: list[str] = kind if isinstance(kind, list) else options.get("options", [])
    first = choices[0] if choices else None  # what a list without a default starts with
    default = None if isinstance(ours.default, Missing) else ours.default
    assert default == options.get("default") or default == first
    match ours.widget:
        case Choice(offered):
            assert ours.type == "COMBO"
            if ours.name in STILL_GROWING:
                assert list(offered) == [one for one in choices if one in offered]
            else:
                assert list(offered) == list(dict.fromkeys(choices))
        case FileChoice():
            assert set(choices) <= NOT_OFFERED | set(ours.widget.extra_names)
            assert ours.widget.upload == options.get("image_upload", False)
        case Number():
            assert (ours.type, ours.widget.kind) == (kind, kind)
            wanted = (options.get("min"), options.get("max"), options.get("step"), options.get("round") or None)
            assert (ours.widget.minimum, ours.widget.maximum, ours.widget.step, ours.widget.round) == wanted
            assert ours.widget.seed == options.get("control_after_generate", False)
        case Text():
            assert ours.type == kind == "STRING"
            assert ours.widget.multiline == options.get("multiline", False)
            assert ours.widget.dynamic_prompts == options.get("dynamicPrompts", False)
        case Toggle():
            assert ours.type == kind == "BOOLEAN"
        case None:
            assert ours.type == kind


def test_all_nodes_of_the_reference_that_are_ours_are_accounted_for() -> None:
    assert not OURS & reference().keys()
    assert SPECS.keys() >= OURS


# Plugins

PLUGIN = """
from graph.declare import node

@node("PluginDouble", category="plugin", returns="INT")
def double(*, value: int) -> int:
    \"\"\"Twice.\"\"\"
    return 2 * value

@node("KSampler", category="plugin", returns="INT")
def not_the_sampler(*, value: int) -> int:
    \"\"\"Wants to be another.\"\"\"
    return value
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "good_plugin.py").write_text(PLUGIN)
    (tmp_path / "bad_plugin.py").write_text("raise RuntimeError('no such library')")
    info = tmp_path / "plug-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nbad = bad_plugin\ngood = good_plugin\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("plugins")
def test_plugins_add_nodes_in_both_forms() -> None:
    catalogue, implementations = load_catalogue(), load_implementations()
    assert catalogue["PluginDouble"].module == "good_plugin"
    assert implementations["PluginDouble"].function(value=21) == 42
    assert catalogue["KSampler"] == SPECS["KSampler"]
    assert implementations["KSampler"].spec == SPECS["KSampler"]
    assert catalogue.problems == implementations.problems
    broken, replaced = catalogue.problems
    assert (broken.code, replaced.code) == ("plugin_broken", "plugin_replaces_node")
    assert "no such library" in broken.message
    assert "KSampler" in replaced.message


@pytest.mark.usefixtures("plugins")
def test_specs_of_plugins_are_read_without_importing_them_here() -> None:
    code = (
        "import sys; from nodes.catalogue import load_catalogue; found = load_catalogue();"
        "sys.exit('good_plugin' in sys.modules or 'PluginDouble' not in found)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("value", ["no_such_module", "json:no_such_attribute", "bad name"])
def test_a_plugin_that_is_not_there_is_a_problem(value: str) -> None:
    nodes, problems = plugin_nodes([EntryPoint("x", value, GROUP)])
    assert (nodes, [problem.code for problem in problems]) == ([], ["plugin_broken"])


def test_a_plugin_that_ends_the_process_is_a_problem(plugins: Path) -> None:
    (plugins / "bad_plugin.py").write_text("import os; os._exit(3)")
    catalogue = load_catalogue()
    assert dict(catalogue) == SPECS
    assert [problem.code for problem in catalogue.problems] == ["plugin_broken"]
