"""The workflows that ship: sound, explained, and drawn. `tests/server/test_cli_run.py` runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from graph.bind import bind
from graph.document import Document, Link, read, to_json
from graph.flatten import flatten
from nodes.catalogue import read_catalogue
from nodes.folders import standard_folders

WORKFLOWS = Path(__file__).parent.parent / "workflows"
FILES = sorted(WORKFLOWS.glob("*.json"))
SPECS = read_catalogue()
README = (WORKFLOWS / "README.md").read_text()
MOST_BYTES = 160_000  # noise does not compress

pytestmark = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def document(file: Path) -> Document:
    return read(file.read_bytes(), source=file.name)


def bound(written: Document) -> set[tuple[str, str]]:
    """The (node, input) pairs that some parameter sets."""
    return {bind for parameter in written.parameters for bind in parameter.binds}


def test_a_workflow_binds_without_any_problem_and_without_set_up(file: Path, tmp_path: Path) -> None:
    graph = bind(flatten(document(file), SPECS), SPECS, standard_folders(tmp_path))
    assert not graph.problems, "\n".join(map(str, graph.problems))
    assert not graph.unavailable


def test_a_workflow_says_every_value_itself(file: Path, tmp_path: Path) -> None:
    """A default that changes later must not change what a file makes."""
    for name, node in document(file).nodes.items():
        for one in SPECS[node.type].inputs:
            assert one.optional or one.name in node.inputs, f"{name}.{one.name}"


def test_a_workflow_is_written_as_we_write_it(file: Path) -> None:
    assert to_json(document(file)) == json.loads(file.read_text())


def test_a_workflow_explains_itself(file: Path) -> None:
    written = document(file)
    assert written.name
    assert written.description.endswith(".")
    assert {"seed"} <= {parameter.name for parameter in written.parameters}
    assert all(parameter.help for parameter in written.parameters)


def test_parameters_set_fields_that_exist_and_hold_one_value(file: Path) -> None:
    written = document(file)
    for parameter in written.parameters:
        values = {json.dumps(written.nodes[node].inputs[name]) for node, name in parameter.binds}
        assert len(values) == 1, f"{parameter.name} sets inputs that differ in the file: {values}"
    for node, name in bound(written):
        assert SPECS[written.nodes[node].type].inputs_by_name[name].widget is not None


def test_prompts_are_parameters(file: Path) -> None:
    written = document(file)
    texts = {(name, "text") for name, node in written.nodes.items() if node.type == "CLIPTextEncode"}
    assert texts <= bound(written)


def test_nodes_have_places_of_their_own_from_left_to_right(file: Path) -> None:
    nodes = document(file).nodes
    places = {name: node.ui["pos"] for name, node in nodes.items()}
    assert len({json.dumps(place) for place in places.values()}) == len(nodes)
    for name, node in nodes.items():
        for value in node.inputs.values():
            if isinstance(value, Link):
                source, target = places[value.node], places[name]
                assert isinstance(source, list)
                assert isinstance(target, list)
                assert source[0] <= target[0], f"{value.node} stands right of {name}"  # type: ignore[operator]


def test_a_workflow_has_a_line_and_a_small_picture(file: Path) -> None:
    picture = WORKFLOWS / "pictures" / f"{file.stem}.png"
    assert re.search(rf"\(pictures/{file.stem}\.png\).*\({file.name}\)", README)
    assert picture.stat().st_size < MOST_BYTES
    with Image.open(picture) as drawn:
        drawn.verify()


def test_the_picture_was_drawn_by_the_workflow_as_it_is(file: Path) -> None:
    with Image.open(WORKFLOWS / "pictures" / f"{file.stem}.png") as drawn:
        embedded = json.loads(drawn.info["latentgraph"])
    assert embedded == json.loads(file.read_text()), "run: python -m workflows.draw"
