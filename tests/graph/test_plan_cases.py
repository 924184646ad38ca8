"""What would run, and why: a table of documents, changes, and the words for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from graph.document import Document, InputValue, Node, with_inputs
from graph.keys import Environment
from graph.plan import Plan, Step
from tests.graph.engine import Engine, bypassed, chain, document, made, muted, of
from tests.toy_values import Dice

Change = Callable[[Engine, Document], Document]

TEXT_TO_TILE = document(
    shade=made("Integer", value=8),
    paint=made("Paint", shade=3),
    copy=made("Copy", tile=of("paint"), mark=1),
    blend=made("Blend", a=of("copy"), b=of("paint")),
    end=made("Render", tile=of("blend")),
)
SMALL = document(
    number=made("Integer", value=3),
    odd=made("Odd", value=of("number")),
    word=made("Switch", on=of("odd"), yes="odd", no="even"),
    end=made("Show", value=of("word")),
)
FILES = document(
    read=made("ReadText", file="a.txt"), both=made("Concat", a=of("read"), b="!"), save=made("Save", text=of("both"))
)
LAZY = document(
    a=made("Paint", shade=1),
    b=made("Paint", shade=2),
    pick=made("Switch", on=True, yes=of("a"), no=of("b")),
    end=made("Copy", tile=of("pick")),
)
ROLL = document(roll=made("RandomTile"), copy=made("Copy", tile=of("roll")), shade=made("Shade", tile=of("copy")))
DICE = document(roll=made("Random"), sum=made("Add", a=of("roll"), b=1), end=made("Paint", shade=of("sum")))


def nothing(engine: Engine, graph: Document) -> Document:
    return graph


def literal(node: str, name: str, value: InputValue) -> Change:
    return lambda engine, graph: with_inputs(graph, {(node, name): value})  # type: ignore[dict-item]


def also(**nodes: Node) -> Change:
    return lambda engine, graph: replace(graph, nodes={**graph.nodes, **nodes})


def mute(*names: str) -> Change:
    return lambda engine, graph: replace(
        graph, nodes={name: muted(node) if name in names else node for name, node in graph.nodes.items()}
    )


def evict(*names: str) -> Change:
    def change(engine: Engine, graph: Document) -> Document:
        for name in names:
            recipe = engine.history[name]
            engine.memory.drop(recipe.key)
        return graph

    return change


def forget(engine: Engine, graph: Document) -> Document:
    engine.memory.clear()
    engine.history.clear()
    return graph


def new_version(type: str) -> Change:
    def change(engine: Engine, graph: Document) -> Document:
        engine.catalogue[type] = replace(engine.catalogue[type], version=2)
        return graph

    return change


def write(name: str, text: str) -> Change:
    def change(engine: Engine, graph: Document) -> Document:
        assert engine.files is not None
        engine.files.write("input", name, text)
        return graph

    return change


def output_file(harm: Callable[[Path], object]) -> Change:
    def change(engine: Engine, graph: Document) -> Document:
        assert engine.files is not None
        harm(engine.files.root / "output/saved.txt")
        return graph

    return change


def replaced(path: Path) -> None:
    """As when a file was deleted, and another run has taken its number."""
    size = path.stat().st_size
    path.unlink()
    path.write_text("x" * size)


def precision(engine: Engine, graph: Document) -> Document:
    engine.environment = Environment("bf16")
    return graph


CACHED = ("cached", "")
UNNEEDED = ("unneeded", "nothing that runs needs it")
FIRST = ("run", "has not run before")
GONE = ("run", "its result is no longer kept")


@dataclass(frozen=True)
class Case:
    """A document that has run, what was then changed, and what the plan says of the nodes (those not named: cached)."""

    graph: Document
    change: Change
    expected: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    targets: tuple[str, ...] = ("end",)
    ran: bool = True


CASES = {
    "nothing changed": Case(TEXT_TO_TILE, nothing),
    "never run": Case(TEXT_TO_TILE, nothing, dict.fromkeys(["paint", "copy", "blend", "end"], FIRST), ran=False),
    "a value not known yet": Case(
        SMALL,
        nothing,
        {
            "number": FIRST,
            "odd": ("depends", "depends on the value of `number`"),
            "word": ("depends", "depends on the value of `odd`"),
            "end": ("depends", "depends on the value of `word`"),
        },
        ran=False,
    ),
    "a link": Case(
        TEXT_TO_TILE,
        literal("blend", "a", of("paint")),
        {"blend": ("run", "`a` now comes from `paint`.out"), "end": ("run", "upstream `blend`")},
    ),
    "a literal": Case(
        TEXT_TO_TILE,
        literal("copy", "mark", 2),
        {
            "copy": ("run", "`mark` changed 1 -> 2"),
            "blend": ("run", "upstream `copy`"),
            "end": ("run", "upstream `blend`"),
        },
    ),
    "a literal at the root": Case(
        TEXT_TO_TILE,
        literal("paint", "shade", 4),
        {
            "paint": ("run", "`shade` changed 3 -> 4"),
            "copy": ("run", "upstream `paint`"),
            "blend": ("run", "upstream `copy`, `paint`"),
            "end": ("run", "upstream `blend`"),
        },
    ),
    "a literal becomes a link": Case(
        TEXT_TO_TILE,
        literal("paint", "shade", of("shade")),
        {
            "shade": FIRST,
            "paint": ("depends", "depends on the value of `shade`"),
            "copy": ("depends", "depends on the value of `paint`"),
            "blend": ("depends", "depends on the value of `copy`, `paint`"),
            "end": ("depends", "depends on the value of `blend`"),
        },
    ),
    "a small value upstream": Case(
        SMALL,
        literal("number", "value", 5),
        {
            "number": ("run", "`value` changed 3 -> 5"),
            "odd": ("depends", "depends on the value of `number`"),
            "word": ("depends", "depends on the value of `odd`"),
            "end": ("depends", "depends on the value of `word`"),
        },
    ),
    "another target": Case(TEXT_TO_TILE, nothing, targets=("copy",)),
    "a node is added": Case(
        TEXT_TO_TILE, also(more=made("Copy", tile=of("blend"))), {"more": FIRST}, targets=("end", "more")
    ),
    "a node is renamed": Case(
        TEXT_TO_TILE,
        lambda engine, graph: Document(
            {**graph.nodes, "end": made("Render", tile=of("mix")), "mix": graph.nodes["blend"]}
        ),
    ),
    "the end was evicted": Case(TEXT_TO_TILE, evict("end"), {"end": GONE}),
    "the middle was evicted": Case(TEXT_TO_TILE, evict("copy"), {"copy": UNNEEDED}),
    "the middle and the end were evicted": Case(TEXT_TO_TILE, evict("copy", "end"), {"copy": UNNEEDED, "end": GONE}),
    "what is needed was evicted": Case(
        TEXT_TO_TILE, evict("blend", "copy", "end"), {"blend": GONE, "copy": GONE, "end": GONE}
    ),
    "everything was forgotten": Case(TEXT_TO_TILE, forget, dict.fromkeys(["paint", "copy", "blend", "end"], FIRST)),
    "a new version": Case(
        TEXT_TO_TILE,
        new_version("Copy"),
        {
            "copy": ("run", "node changed Copy 1 -> Copy 2"),
            "blend": ("run", "upstream `copy`"),
            "end": ("run", "upstream `blend`"),
        },
    ),
    "another precision": Case(TEXT_TO_TILE, precision, {"end": ("run", "auto -> bf16")}),
    "a file changed": Case(
        FILES,
        write("a.txt", "new"),
        {
            "read": ("run", "file 'a.txt' changed"),
            "both": ("depends", "depends on the value of `read`"),
            "save": ("depends", "depends on the value of `both`"),
        },
        targets=("save",),
    ),
    "a file was written again": Case(FILES, write("a.txt", "old"), targets=("save",)),
    "the output file is gone": Case(
        FILES, output_file(Path.unlink), {"save": ("run", "its output file is gone or was changed")}, targets=("save",)
    ),
    "the output file was changed": Case(
        FILES,
        output_file(lambda path: path.write_text("other")),
        {"save": ("run", "its output file is gone or was changed")},
        targets=("save",),
    ),
    "the output file is another of the same size": Case(
        FILES,
        output_file(replaced),
        {"save": ("run", "its output file is gone or was changed")},
        targets=("save",),
    ),
    "volatile": Case(
        ROLL,
        nothing,
        {
            "roll": ("run", "runs every time"),
            "copy": ("run", "upstream `roll` runs every time"),
            "shade": ("run", "upstream `copy` runs every time"),
        },
        targets=("shade",),
    ),
    "below a volatile number": Case(
        DICE,
        nothing,
        {
            "roll": ("run", "runs every time"),
            "sum": ("depends", "depends on the value of `roll`"),
            "end": ("depends", "depends on the value of `sum`"),
        },
    ),
    "a lazy branch, not taken": Case(LAZY, nothing, {"b": UNNEEDED}),
    "the switch is thrown": Case(
        LAZY,
        literal("pick", "on", False),
        {
            "b": ("depends", "has not run before"),
            "pick": ("run", "`on` changed True -> False"),
            "end": ("run", "upstream `pick`"),
        },
    ),
    "a muted source": Case(
        TEXT_TO_TILE,
        lambda engine, graph: also(other=made("Copy", tile=of("end")), free=made("Paint", shade=7))(
            engine, mute("copy")(engine, graph)
        ),
        {
            "blend": ("unavailable", "`copy` is muted"),
            "end": ("unavailable", "`copy` is muted"),
            "other": ("unavailable", "`copy` is muted"),
            "free": FIRST,
        },
        targets=("other", "free"),
    ),
    "a bypassed node": Case(
        TEXT_TO_TILE,
        lambda engine, graph: replace(graph, nodes={**graph.nodes, "copy": bypassed(graph.nodes["copy"])}),
        {"blend": ("run", "`a` now comes from `paint`.out"), "end": ("run", "upstream `blend`")},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_plan_says(case: Case, tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    engine.services[Dice] = Dice(1, 2)
    assert engine.files is not None
    engine.files.write("input", "a.txt", "old")
    if case.ran:
        before = [name for name in case.targets if name in case.graph.nodes] or ["end"]
        engine.run(case.graph, *before)
    graph = case.change(engine, case.graph)
    planned = engine.plan(graph, *case.targets)
    said = {name: (step.status, str(step.reason)) for name, step in planned.steps.items()}
    assert said == {name: case.expected.get(name, CACHED) for name in said}
    assert case.expected.keys() <= said.keys()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_run_does_what_the_plan_says(case: Case, tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    engine.services[Dice] = Dice(1, 2)
    assert engine.files is not None
    engine.files.write("input", "a.txt", "old")
    if case.ran:
        before = [name for name in case.targets if name in case.graph.nodes] or ["end"]
        engine.run(case.graph, *before)
    graph = case.change(engine, case.graph)
    planned = engine.plan(graph, *case.targets)
    ran = engine.carry_out(planned)
    for name, step in planned.steps.items():
        _agrees(name, step, ran.outcomes[name].status)
    assert not engine.plan(graph, *case.targets).having("run") or case.graph in (ROLL, DICE)


def _agrees(name: str, step: Step, status: str) -> None:
    allowed = {
        "cached": {"cached"},
        "run": {"ran"},
        "depends": {"ran", "cached", "skipped"},
        "unneeded": {"skipped"},
        "unavailable": {"skipped"},
    }
    assert status in allowed[step.status], name


def test_steps_come_sources_first() -> None:
    planned = Engine().plan(TEXT_TO_TILE, "end")
    assert list(planned.steps) == ["paint", "copy", "blend", "end"]
    assert (planned.count("run"), planned.count("cached")) == (4, 0)


def test_without_targets_the_effects_are_the_targets() -> None:
    planned = Engine().plan(
        document(a=made("Integer"), b=made("Show", value=of("a")), c=made("Paint"), d=made("Show", value=1))
    )
    assert planned.targets == ("b", "d")
    assert planned.steps.keys() == {"a", "b", "d"}


def test_a_target_named_twice_is_one() -> None:
    assert Engine().plan(TEXT_TO_TILE, "end", "paint", "end").targets == ("end", "paint")


@pytest.mark.parametrize("length", [1, 900, 10_000])
def test_a_chain_of_any_length_is_planned(length: int) -> None:
    planned: Plan = Engine().plan(chain(length), f"n{length - 1}")
    assert len(planned.steps) == length
    assert planned.count("run") == 1
    assert planned.count("depends") == length - 1


def test_planning_loads_and_runs_nothing() -> None:
    engine = Engine()
    engine.run(TEXT_TO_TILE, "end")
    entered = list(engine.calls.entered)

    def refused(key: str) -> None:
        raise AssertionError(key)

    engine.memory.get = refused  # type: ignore[method-assign]
    assert engine.plan(TEXT_TO_TILE, "end").count("cached") == 4
    assert engine.calls.entered == entered
