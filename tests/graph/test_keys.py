"""What a key depends on, and what it does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.bind import bind
from graph.cache.entry import Empty
from graph.document import Document, Node
from graph.explain import Reason, why
from graph.flatten import flatten
from graph.json import Json
from graph.keys import VOLATILE, Environment, Recipe
from graph.plan import plan
from graph.result import Blocked
from graph.values import Values
from tests.graph.engine import Engine, Folder, made, of
from tests.toy_nodes import toys
from tests.toy_values import Tile, toy_values

CATALOGUE = {name: one.spec for name, one in toys().items()}


def recipe_of(
    nodes: Mapping[str, Node], node: str = "n", *, files: Folder | None = None, environment: Environment | None = None
) -> Recipe:
    graph = bind(flatten(Document(nodes), CATALOGUE), CATALOGUE, files)
    recipe = plan(graph, view=Empty(), files=files, targets=[node], environment=environment).steps[node].recipe
    assert recipe is not None
    return recipe


def key_of(
    nodes: Mapping[str, Node], node: str = "n", *, files: Folder | None = None, environment: Environment | None = None
) -> str:
    return recipe_of(nodes, node, files=files, environment=environment).key


PAINT = {"p": made("Paint", shade=1)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            PAINT | {"n": made("Copy", tile=of("p"))}, {"q": PAINT["p"], "n": made("Copy", tile=of("q"))}, id="names"
        ),
        pytest.param(
            {"n": made("Knobs")}, {"n": made("Knobs", strength=1.0, seed=0, mode="hard")}, id="defaults written out"
        ),
        pytest.param({"n": made("Knobs", strength=2)}, {"n": made("Knobs", strength=2.0)}, id="7 and 7.0 for a FLOAT"),
        pytest.param({"n": made("Knobs", seed=3)}, {"n": made("Knobs", seed=3.0)}, id="3.0 and 3 for an INT"),
        pytest.param(
            {"n": made("Knobs", seed=1, on=True)}, {"n": made("Knobs", on=True, seed=1)}, id="order of inputs"
        ),
        pytest.param({"n": made("Knobs", strength=2)}, {"n": made("Knobs", strenght=2)}, id="an input's former name"),
        pytest.param({"n": Node("Paint")}, {"n": Node("Paint", title="t", ui={"pos": [1, 2]})}, id="title and place"),
        pytest.param({"n": made("Integer")}, {"n": made("Integer"), "m": made("Boom")}, id="other nodes"),
        pytest.param({"n": made("Integer")}, {"n": made("Integer", unknown=1)}, id="inputs it does not have"),
        pytest.param(
            PAINT | {"n": made("Copy", tile=of("p"))},
            PAINT | {"r": made("Reroute", value=of("p")), "n": made("Copy", tile=of("r", "value"))},
            id="reroutes",
        ),
    ],
)
def test_what_a_key_does_not_depend_on(one: Mapping[str, Node], other: Mapping[str, Node]) -> None:
    assert key_of(one) == key_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"n": made("Integer", value=1)}, {"n": made("Integer", value=2)}, id="a literal"),
        pytest.param(
            {"n": made("Pass", value=1)}, {"n": made("Pass", value=True)}, id="1 and true where any type goes"
        ),
        pytest.param({"n": made("Pass", value=1)}, {"n": made("Pass", value="1")}, id="1 and its text"),
        pytest.param({"n": made("Pass", value=[1, 2])}, {"n": made("Pass", value=[2, 1])}, id="order in a list"),
        pytest.param({"n": made("Integer", value=1)}, {"n": made("Pass", value=1)}, id="the type"),
        pytest.param(
            PAINT | {"n": made("Copy", tile=of("p"))},
            {"p": made("Paint", shade=2), "n": made("Copy", tile=of("p"))},
            id="upstream",
        ),
        pytest.param(
            PAINT | {"n": made("Blend", a=of("p"))},
            PAINT | {"n": made("Blend", a=of("p"), b=of("p"))},
            id="one link more",
        ),
        pytest.param(
            PAINT | {"q": made("Paint"), "n": made("Blend", a=of("p"), b=of("q"))},
            PAINT | {"q": made("Paint"), "n": made("Blend", a=of("q"), b=of("p"))},
            id="links exchanged",
        ),
        pytest.param(
            {"c": made("Mixed"), "n": made("Pass", value=of("c", "tile"))},
            {"c": made("Mixed"), "n": made("Switch", on=False, no=of("c", "number"), yes=1)},
            id="another output",
        ),
    ],
)
def test_what_a_key_depends_on(one: Mapping[str, Node], other: Mapping[str, Node]) -> None:
    assert key_of(one) != key_of(other)


def test_the_version_is_in_the_key() -> None:
    spec = CATALOGUE["Integer"]
    whole = Document({"n": made("Integer")})
    keys = set()
    for version in (1, 2):
        catalogue = {"Integer": replace(spec, version=version)}
        step = plan(bind(flatten(whole, catalogue), catalogue), view=Empty(), targets=["n"]).steps["n"]
        assert step.recipe is not None
        keys.add(step.recipe.key)
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("nodes", "counts"),
    [
        ({"n": made("Paint")}, set[str]()),
        (PAINT | {"n": made("Render", tile=of("p"))}, {"precision"}),
        ({"n": made("Save", text="x")}, {"output"}),
    ],
    ids=["a pure node", "a node on the device", "an effect"],
)
@pytest.mark.parametrize("field", ["precision", "output"])
def test_the_environment_enters_where_it_matters(nodes: Mapping[str, Node], counts: set[str], field: str) -> None:
    usual = Environment()
    other = replace(usual, **{field: "other"})
    assert (key_of(nodes, environment=usual) != key_of(nodes, environment=other)) is (field in counts)


def test_volatile_keys_are_new_each_time_and_spread_to_what_follows() -> None:
    nodes = {"r": made("RandomTile"), "n": made("Copy", tile=of("r"))}
    keys = [key_of(nodes, name) for name in ("r", "n", "r", "n")]
    assert len(set(keys)) == 4
    assert all(key.startswith(VOLATILE) for key in keys)


def test_a_picture_counts_by_content_and_a_model_by_name_too(tmp_path: Path) -> None:
    files = Folder(tmp_path)
    for folder in ("input", "models"):
        for name, text in {"a": "one", "b": "one", "c": "two"}.items():
            files.write(folder, name, text)

    def keys(type: str) -> list[str]:
        return [key_of({"n": made(type, file=name)}, files=files) for name in "abc"]

    a, b, c = keys("ReadText")
    assert a == b != c
    assert len(set(keys("OpenModel"))) == 3


def test_a_few_keys_are_fixed_for_ever() -> None:
    """They are in people's caches. If this fails, every cache of every user is lost: was that meant?"""
    nodes = {
        "paint": made("Paint", shade=3),
        "copy": made("Copy", tile=of("paint"), mark=1),
        "knobs": made("Knobs", strength=0.1, seed=2**63, label="ü"),
        "render": made("Render", tile=of("copy")),
        "save": made("Save", text="t"),
    }
    environment = Environment("fp32", "/out")
    assert {name: key_of(nodes, name, environment=environment) for name in nodes} == {
        "paint": "ffeb80ec6d663dd5a242cf35d4039df2",
        "copy": "a47799659d4b9d32ea6880cddbbe7ef4",
        "knobs": "dc9a752d5b6c112e92620d54d983259c",
        "render": "232a93e40e81653625130008e6002ceb",
        "save": "2b62e11d95a18671111df8dc529c5dc6",
    }


def test_keys_are_the_same_in_every_process() -> None:
    code = """
from tests.graph.test_keys import *
print(key_of(PAINT | {"n": made("Copy", tile=of("p"))}))
"""
    root = Path(__file__).parents[2]
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }
    assert said == {key_of(PAINT | {"n": made("Copy", tile=of("p"))})}


# Digests of values


VALUES: list[object] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    0.0,
    1.0,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "0",
    "1",
    "None",
    "ü",
]
VALUES += [Blocked(), Blocked("x"), Tile(b""), Tile(b"1"), Tile(b"\0")]


def test_digests_tell_values_apart() -> None:
    values = toy_values()
    digests = [values.digest(value) for value in VALUES]
    digests += [str(values.digest_items(items)) for items in ([], [1, 2], [2, 1], ["1", "2"], ["1,2"], [1, 1])]
    digests += [values.digest(",".join([word, *map(values.digest, (1, 2))])) for word in ("list", "items")]
    digests += [values.digest("list"), values.digest("items")]
    assert len(set(digests)) == len(digests)
    assert values.digest_items([7]) == values.digest(7)


@given(st.lists(st.integers() | st.text() | st.floats() | st.booleans() | st.none()))
def test_digests_are_of_the_value_alone(items: list[object]) -> None:
    assert Values().digest_items(items) == toy_values().digest_items(list(items))


# Why


BASE = Recipe(
    "Add", 1, {"a": 1, "b": 2}, {"f": "d1"}, {"x": ("n", "out", "k1"), "y": ("m", "out", "k2")}, "fp32", "key"
)


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"key": "~new"}, "volatile", "runs every time"),
        ({"key": "~new", "sources": {"x": ("n", "out", "~k")}}, "volatile", "upstream `n` runs every time"),
        ({"key": "key"}, "evicted", "its result is no longer kept"),
        ({"version": 2}, "version", "node changed Add 1 -> Add 2"),
        ({"type": "Sub"}, "version", "node changed Add 1 -> Sub 1"),
        ({"literals": {"a": 5, "b": 2}}, "literal", "`a` changed 1 -> 5"),
        ({"literals": {"a": 5, "b": 6}}, "literal", "`a` changed 1 -> 5, also `b`"),
        ({"literals": {"a": "x" * 99, "b": 2}}, "literal", f"`a` changed 1 -> '{'x' * 36}..."),
        (
            {"literals": {"a": 1, "b": 2, "x": 9}, "sources": {"y": BASE.sources["y"]}},
            "link",
            "`x` is no longer linked",
        ),
        ({"files": {"f": "d2"}, "literals": {"a": 1, "b": 2, "f": "a.png"}}, "file", "file 'a.png' changed"),
        ({"sources": {**BASE.sources, "x": ("z", "out", "k9")}}, "link", "`x` now comes from `z`.out"),
        ({"sources": {**BASE.sources, "w": ("z", "out", "k9")}}, "link", "`w` now comes from `z`.out"),
        ({"sources": {"x": BASE.sources["x"]}}, "link", "`y` is no longer linked"),
        ({"sources": {**BASE.sources, "x": ("n", "out", "k9")}}, "upstream", "upstream `n`"),
        ({"sources": {"x": ("n", "out", "k8"), "y": ("m", "out", "k9")}}, "upstream", "upstream `n`, `m`"),
        ({"place": "bf16"}, "place", "fp32 -> bf16"),
        ({"literals": {"a": 1, "b": 2, "c": 3}}, "literal", "`c` is new"),
        ({}, "version", "the engine's key scheme changed"),
        # what people would name first
        ({"literals": {"a": 5, "b": 2}, "files": {"f": "d2"}}, "literal", "`a` changed 1 -> 5"),
        ({"literals": {"a": 5, "b": 2}, "sources": {"x": ("n", "out", "k9")}}, "literal", "`a` changed 1 -> 5"),
    ],
)
def test_why_a_node_runs(changes: Mapping[str, object], code: str, text: str) -> None:
    new = replace(BASE, **{"key": "other", **changes})  # type: ignore[arg-type]
    reason = why(new, BASE)
    assert (reason.code, str(reason)) == (code, text)


def test_the_first_time_there_is_nothing_to_compare_with() -> None:
    assert why(BASE, None) == Reason("first", "has not run before")


@given(
    st.builds(
        Recipe,
        st.text(),
        st.integers(),
        st.dictionaries(st.text(), st.integers() | st.text()),
        st.dictionaries(st.text(), st.text()),
        st.dictionaries(st.text(), st.tuples(st.text(), st.text(), st.text())),
        st.text(),
        st.text(),
    )
)
def test_recipes_travel_as_json(recipe: Recipe) -> None:
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize("data", [None, 7, [], {}, [1, 2, 3, 4, 5, 6, 7], ["a", 1, {}, {}, {"x": 5}, "", ""]], ids=repr)
def test_what_is_no_recipe_is_refused(data: Json) -> None:
    with pytest.raises((AttributeError, TypeError, ValueError)):
        Recipe.from_json(data)


def test_two_inputs_of_equal_content_have_one_key_whoever_made_them() -> None:
    engine = Engine()
    first = {"a": made("Integer", value=4), "n": made("Paint", shade=of("a"))}
    second: dict[str, Node] = {"b": made("Add", a=1, b=3), "n": made("Paint", shade=of("b"))}
    engine.run(Document(first), "n")
    assert engine.run(Document(second), "n").statuses == {"b": "ran", "n": "cached"}
