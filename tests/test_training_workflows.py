"""The workflows that train: sound, explained, every part at work. `make embedded-model SMOKE=1` runs the larger one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from graph.bind import bind
from graph.document import Link, read, to_json
from graph.flatten import flatten
from nodes.catalogue import read_catalogue
from nodes.folders import standard_folders

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "workflows/training").glob("*.json"))
SPECS = read_catalogue()
MOST_BYTES = 160_000

pytestmark = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def test_a_workflow_binds_without_any_problem_and_without_set_up(file: Path, tmp_path: Path) -> None:
    graph = bind(flatten(read(file.read_bytes(), source=file.name), SPECS), SPECS, standard_folders(tmp_path))
    assert not graph.problems, "\n".join(map(str, graph.problems))
    assert not graph.unavailable


def test_a_workflow_says_every_value_and_explains_itself(file: Path) -> None:
    document = read(file.read_bytes(), source=file.name)
    assert to_json(document) == json.loads(file.read_text())
    assert document.description.endswith(".")
    assert all(parameter.help for parameter in document.parameters)
    for name, node in document.nodes.items():
        for one in SPECS[node.type].inputs:
            assert one.name in node.inputs or (one.optional and one.widget is None), f"{name}.{one.name}"
    for parameter in document.parameters:
        values = {json.dumps(document.nodes[node].inputs[name]) for node, name in parameter.binds}
        assert len(values) == 1, f"{parameter.name} sets inputs that differ in the file: {values}"


def test_every_node_has_a_part_in_what_is_made(file: Path) -> None:
    document = read(file.read_bytes(), source=file.name)
    reached = {name for name, node in document.nodes.items() if SPECS[node.type].effect}
    while True:
        inputs = [value for name in reached for value in document.nodes[name].inputs.values()]
        links = {value.node for value in inputs if isinstance(value, Link)}
        if links <= reached:
            break
        reached |= links
    assert reached == document.nodes.keys()


def test_it_has_a_line_and_a_picture_among_the_workflows(file: Path) -> None:
    readme = (ROOT / "workflows/README.md").read_text()
    assert re.search(rf"\(pictures/training/{file.stem}\.png\).*\(training/{file.name}\)", readme)
    picture = ROOT / f"workflows/pictures/training/{file.stem}.png"
    assert picture.stat().st_size < MOST_BYTES
    with Image.open(picture) as drawn:
        colours = drawn.convert("RGB").getcolors(maxcolors=1 << 24)
    assert colours is not None
    assert len(colours) > 500, "a picture that shows nothing"
