"""Draws that a document leaves open: drawn at each run, told, and never written into the document."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from graph.comfyui.read import import_workflow
from graph.document import parse, to_json
from nodes.catalogue import load_catalogue
from server.cli.prepare import request
from server.cli.run import parser as run_parser
from server.draws import MOST, Draws, carried, draw, held, words_of
from tests.server.cli import WORKFLOWS, CommandLine
from tests.server.service import running


def sampler(seed: object) -> dict[str, Any]:
    return {"type": "KSampler", "inputs": {"seed": seed, "steps": 2}}


def document(**more: object) -> dict[str, Any]:
    return {"format": "latentgraph/1", "nodes": {"a": sampler("random"), "b": sampler(7)}, **more}


def drawn_of(given: dict[str, Any]) -> tuple[Any, Draws]:
    made, seeds = draw(parse(given), load_catalogue())
    return to_json(made), seeds


def test_an_open_seed_is_drawn_and_the_document_stays() -> None:
    given = parse(document())
    drawn, seeds = draw(given, load_catalogue())
    assert to_json(given) == document()
    assert list(seeds) == ["a"]
    assert 0 <= int(seeds["a"]["seed"]) <= MOST
    assert to_json(drawn)["nodes"] == {"a": sampler(seeds["a"]["seed"]), "b": sampler(7)}


def test_each_time_it_is_another() -> None:
    assert len({drawn_of(document())[1]["a"]["seed"] for _ in range(20)}) == 20


def test_fields_of_one_parameter_get_one_number() -> None:
    nodes = {name: sampler("random") for name in "abc"}
    parameters = [{"name": "luck", "binds": [["a", "seed"], ["b", "seed"]]}]
    _, seeds = drawn_of(document(nodes=nodes, parameters=parameters))
    assert seeds["a"] == seeds["b"] != seeds["c"]


INNER: dict[str, Any] = {
    "name": "inner",
    "nodes": {"k": sampler(1), "open": sampler("random")},
    "parameters": [{"name": "luck", "binds": [["k", "seed"]]}],
}


def test_seeds_of_subgraphs_are_drawn_inside_and_at_their_instances() -> None:
    nodes: dict[str, Any] = {"one": {"type": "subgraph:s", "inputs": {"luck": "random"}}}
    drawn, seeds = drawn_of(document(nodes=nodes, subgraphs={"s": INNER}))
    assert {name: list(one) for name, one in seeds.items()} == {"one": ["luck"], "subgraph:s/open": ["seed"]}
    assert drawn["subgraphs"]["s"]["nodes"]["open"]["inputs"]["seed"] == seeds["subgraph:s/open"]["seed"]
    assert held(parse(drawn), {name: dict.fromkeys(one, 0) for name, one in seeds.items()}) == seeds


@pytest.mark.parametrize(
    "node",
    [
        {"type": "CLIPTextEncode", "inputs": {"text": "random"}},
        {"type": "Unknown", "inputs": {"seed": "random"}},
        {"type": "subgraph:none", "inputs": {"seed": "random"}},
    ],
)
def test_what_is_no_open_seed_comes_back_as_it_is(node: dict[str, Any]) -> None:
    given = {"format": "latentgraph/1", "nodes": {"a": node}}
    assert drawn_of(given) == (given, {})


def with_open_seed() -> dict[str, Any]:
    workflow: dict[str, Any] = json.loads((WORKFLOWS / "text_to_image.json").read_text())
    workflow["nodes"]["sampler"]["inputs"]["seed"] = "random"
    return workflow


def test_the_service_tells_what_it_drew_and_plans_the_node_to_run(tmp_path: Path) -> None:
    async def ask() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        async with running(tmp_path) as service:
            body = json.dumps(with_open_seed())
            plan = (await service.post("/api/v1/plan", body)).json
            valid = (await service.post("/api/v1/validate", body)).json
            job = (await service.post("/api/v1/jobs", json.dumps({"workflow": with_open_seed()}))).json
            return plan, valid, job

    plan, valid, job = asyncio.run(ask())
    assert valid == {"valid": True, "problems": []}
    node = plan["nodes"]["sampler"]
    assert (node["status"], node["reason"]) == ("run", "draws a new seed at every run")
    assert 0 <= job["seeds"]["sampler"]["seed"] <= MOST


def test_the_command_line_reads_such_a_file(latentgraph: CommandLine) -> None:
    done = latentgraph("validate", str(latentgraph.write("open.json", with_open_seed())), "--json")
    assert (done.code, done.json["problems"]) == (0, [])


SEED_PARAMETER = {"name": "seed", "binds": [["sampler", "seed"]]}


def with_seed(seed: object) -> dict[str, Any]:
    workflow: dict[str, Any] = json.loads((WORKFLOWS / "text_to_image.json").read_text())
    workflow["nodes"]["sampler"]["inputs"]["seed"] = seed
    rest = [one for one in workflow["parameters"] if one["binds"] != SEED_PARAMETER["binds"]]
    return {**workflow, "parameters": [*rest, SEED_PARAMETER]}


@pytest.mark.parametrize("saved", [False, True], ids=["sent", "saved"])
@pytest.mark.parametrize(
    ("written", "parameters", "is_drawn"),
    [
        ("random", {}, True),
        ("random", {"seed": 5}, False),
        (7, {"seed": "random"}, True),
        ("random", {"seed": "random"}, True),
        (7, {}, False),
    ],
)
def test_what_is_told_is_what_runs(
    tmp_path: Path, saved: bool, written: object, parameters: dict[str, object], is_drawn: bool
) -> None:
    async def ask() -> None:
        async with running(tmp_path) as service:
            file = tmp_path / "user/default/workflows/mine.json"
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps(with_seed(written)))
            path = "/api/v1/workflows/mine/jobs" if saved else "/api/v1/jobs"
            body = {"parameters": parameters} | ({} if saved else {"workflow": with_seed(written)})
            key = {"Idempotency-Key": "one"}
            job, again = [(await service.post(path, json.dumps(body), key)).json for _ in range(2)]
            assert again["id"] == job["id"]
            assert again.get("seeds") == job.get("seeds")
            runs = json.loads(request_of(tmp_path, job["id"]))["document"]["nodes"]["sampler"]["inputs"]["seed"]
            assert job.get("seeds") == ({"sampler": {"seed": runs}} if is_drawn else None)
            assert 0 <= runs <= MOST
            assert is_drawn or runs == parameters.get("seed", written)

    asyncio.run(ask())


def request_of(folder: Path, job: str) -> str:
    """What is kept of a job, read beside the service."""
    with contextlib.closing(sqlite3.connect(folder / "user/jobs.sqlite")) as database:
        return str(database.execute("SELECT request FROM jobs WHERE id = ?", [job]).fetchone()[0])


def test_the_command_line_draws_what_its_flags_leave_open(latentgraph: CommandLine) -> None:
    catalogue = load_catalogue()
    file = str(latentgraph.write("open.json", with_seed("random")))
    seeds = []
    for given in ([], ["--seed", "random"], ["--seed", "5"], ["--set", "sampler.seed=random"]):
        _, wanted = request(run_parser(), [file, *given], catalogue)
        seeds.append(wanted.document.nodes["sampler"].inputs["seed"])
    assert seeds[2] == 5
    assert all(isinstance(one, int) and one <= MOST for one in seeds)
    assert len(set(seeds)) == 4


# Words of prompts


def prompt(text: object) -> dict[str, Any]:
    return {"type": "CLIPTextEncode", "inputs": {"text": text}}


def prompts(**texts: object) -> dict[str, Any]:
    return {"format": "latentgraph/1", "nodes": {name: prompt(text) for name, text in texts.items()}}


def test_open_words_are_drawn_and_the_document_stays() -> None:
    given = parse(prompts(a="a {red|blue} fox", b="a fox"))
    drawn, draws = draw(given, load_catalogue())
    assert to_json(given) == prompts(a="a {red|blue} fox", b="a fox")
    assert list(draws) == ["a"]
    assert draws["a"]["text"] in {"a red fox", "a blue fox"}
    assert to_json(drawn) == prompts(a=draws["a"]["text"], b="a fox")


def test_every_alternative_is_drawn() -> None:
    assert {drawn_of(prompts(a="{x|y|z}"))[1]["a"]["text"] for _ in range(200)} == {"x", "y", "z"}


def test_prompts_of_one_parameter_are_drawn_once() -> None:
    given = prompts(
        **{name: "{0|1}{0|1}{0|1}{0|1}{0|1}{0|1}{0|1}{0|1}{0|1}{0|1}{0|1}{0|1}{0|1}{0|1}" for name in "abc"}
    )
    given["parameters"] = [{"name": "prompt", "binds": [["a", "text"], ["b", "text"]]}]
    draws = drawn_of(given)[1]
    assert draws["a"] == draws["b"] != draws["c"]


@pytest.mark.parametrize(
    "node",
    [
        {"type": "SaveImage", "inputs": {"filename_prefix": "{a|b}"}},
        {"type": "PrimitiveString", "inputs": {"value": "{a|b}"}},
        {"type": "CLIPTextEncode", "inputs": {"text": {"from": ["{a|b}", "STRING"]}}},
        {"type": "CLIPTextEncode", "inputs": {"text": '{"animal": "fox"}'}},
        {"type": "Unknown", "inputs": {"text": "{a|b}"}},
    ],
)
def test_what_is_no_open_prompt_comes_back_as_it_is(node: dict[str, Any]) -> None:
    given = {"format": "latentgraph/1", "nodes": {"a": node}}
    assert drawn_of(given) == (given, {})


def with_words(text: str) -> dict[str, Any]:
    workflow: dict[str, Any] = json.loads((WORKFLOWS / "text_to_image.json").read_text())
    workflow["nodes"]["positive"]["inputs"]["text"] = text
    return workflow


def with_open_words(seed: object = "random") -> dict[str, Any]:
    workflow = with_words("a {red|blue} fox")
    workflow["nodes"]["sampler"]["inputs"]["seed"] = seed
    return workflow


WORDS = {"a red fox", "a blue fox"}


def test_the_service_tells_what_words_it_drew_and_plans_the_node_to_run(tmp_path: Path) -> None:
    async def ask() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        async with running(tmp_path) as service:
            plan = (await service.post("/api/v1/plan", json.dumps(with_open_words()))).json
            job = (await service.post("/api/v1/jobs", json.dumps({"workflow": with_open_words()}))).json
            batch = (
                await service.post("/api/v1/batches", json.dumps({"jobs": [{"workflow": with_open_words()}]}))
            ).json
            return plan, job, batch

    plan, job, batch = asyncio.run(ask())
    node = plan["nodes"]["positive"]
    assert (node["status"], node["reason"]) == ("run", "draws its words anew at every run")
    assert job["prompts"]["positive"]["text"] in WORDS
    assert batch["jobs"][0]["prompts"]["positive"]["text"] in WORDS


LONG = "{0|1}" * 40
"""A text that has next to no chance to be drawn twice alike."""


def seeded(seed: object, text: str = LONG, **more: object) -> dict[str, Any]:
    nodes = {"s": sampler(seed), "a": prompt(text)} | {name: prompt(one) for name, one in more.items()}
    return {"format": "latentgraph/1", "nodes": nodes}


LINKED: dict[str, Any] = {
    "format": "latentgraph/1",
    "nodes": {
        "n": {"type": "PrimitiveInt", "inputs": {"value": 7}},
        "s": sampler({"from": ["n", "INT"]}),
        "a": prompt(LONG),
    },
}


def words_at(given: dict[str, Any]) -> object:
    return drawn_of(given)[1]["a"]["text"]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (seeded(7), seeded(7), True),
        (seeded(7), seeded(8), False),
        (seeded(7), seeded(7, b=LONG), True),
        (seeded("random"), seeded("random"), False),
        (prompts(a=LONG), prompts(a=LONG), False),
        (LINKED, LINKED, True),
    ],
    ids=["the same seed", "another seed", "another prompt beside it", "random seeds", "no seed", "a linked seed"],
)
def test_words_are_drawn_by_the_seed(one: dict[str, Any], other: dict[str, Any], alike: bool) -> None:
    assert (words_at(one) == words_at(other)) == alike


def test_words_of_a_seed_that_was_drawn_are_drawn_again_with_it() -> None:
    first, draws = drawn_of(seeded("random"))
    assert words_at(seeded(draws["s"]["seed"])) == first["nodes"]["a"]["inputs"]["text"]


def test_all_words_come_up_among_few_seeds() -> None:
    assert {words_at(seeded(seed, "{x|y|z}")) for seed in range(20)} == {"x", "y", "z"}


def test_words_in_a_subgraph_are_drawn_by_the_seed_outside() -> None:
    inner = {"name": "inner", "nodes": {"a": prompt(LONG)}}
    draws = [
        drawn_of(document(nodes={"k": sampler(seed), "one": {"type": "subgraph:s"}}, subgraphs={"s": inner}))[1]
        for seed in (7, 7, 8)
    ]
    assert draws[0] == draws[1] != draws[2]


def test_of_a_fixed_seed_the_plan_knows_the_words(tmp_path: Path) -> None:
    async def ask() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        async with running(tmp_path) as service:
            job = (await service.post("/api/v1/jobs", json.dumps({"workflow": with_open_words(7)}))).json
            plain = with_words(job["prompts"]["positive"]["text"])
            plans = [(await service.post("/api/v1/plan", json.dumps(one))).json for one in (with_open_words(7), plain)]
            return job, plans[0]["nodes"]["positive"], plans[1]["nodes"]["positive"]

    job, of_open, of_plain = asyncio.run(ask())
    assert "seeds" not in job
    assert of_open == of_plain


def api_prompt(text: str) -> dict[str, Any]:
    return {"a": {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["b", 1]}},
            "b": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "tiny-sd-128.safetensors"}}}  # fmt: skip


def test_the_texts_of_an_api_prompt_stand_as_they_are(latentgraph: CommandLine) -> None:
    file = latentgraph.write("prompt.json", api_prompt("a {red|blue} fox"))
    done = latentgraph("convert", str(file), "-", "--to", "comfyui-api")
    assert done.json["a"]["inputs"]["text"] == "a {red|blue} fox"


@pytest.mark.parametrize("key", ["latentgraph", "prompt", "workflow"])
@pytest.mark.parametrize("text", ["a fox", "a {red|blue} fox", "{", "a\\\\{b|c}"])
def test_what_a_picture_carries_means_what_was_drawn(key: str, text: str) -> None:
    catalogue = load_catalogue()
    ran = parse({"format": "latentgraph/1", "nodes": {"a": {"type": "CLIPTextEncode", "inputs": {"text": text}}}})
    again = import_workflow(json.loads(carried(ran, catalogue)[key]), catalogue)
    drawn, _ = draw(again.document, catalogue, words_of(again))
    assert [one.inputs["text"] for one in drawn.nodes.values()] == [text]


def test_signs_that_are_only_escaped_are_planned_as_they_run(tmp_path: Path) -> None:
    async def ask() -> list[dict[str, Any]]:
        async with running(tmp_path) as service:
            texts = ("a \\{red\\} fox", "a {red} fox", "a \\{red\\} owl")
            workflows = [with_words(text) for text in texts]
            return [
                (await service.post("/api/v1/plan", json.dumps(one))).json["nodes"]["positive"] for one in workflows
            ]

    escaped, plain, other = asyncio.run(ask())
    assert escaped == plain
    assert escaped["key"] != other["key"]


def test_of_an_api_prompt_no_words_are_told_to_be_drawn(tmp_path: Path) -> None:
    prompt = api_prompt("a {red|blue} fox") | {"show": {"class_type": "PreviewAny", "inputs": {"source": ["a", 0]}}}

    async def ask() -> tuple[Any, Any, Any]:
        async with running(tmp_path) as service:
            plan = (await service.post("/api/v1/plan", json.dumps(prompt))).json
            job = (await service.post("/api/v1/jobs", json.dumps({"workflow": prompt}))).json
            return plan, job, (await service.post("/upload/workflow", json.dumps(prompt))).json

    plan, job, opened = asyncio.run(ask())
    assert "draws" not in plan["nodes"]["a"]["reason"]
    assert "prompts" not in job
    assert opened["document"]["nodes"]["a"]["inputs"]["text"] == "a \\{red\\|blue\\} fox"


@pytest.mark.parametrize("form", ["latentgraph", "comfyui"])
def test_the_texts_of_an_api_prompt_leave_nothing_open_in_other_forms(latentgraph: CommandLine, form: str) -> None:
    file = latentgraph.write("prompt.json", api_prompt("a {red|blue} fox"))
    other = latentgraph.write("other.json", latentgraph("convert", str(file), "-", "--to", form).json)
    made = latentgraph("convert", str(other), "-", "--to", "comfyui-api").json
    texts = [one["inputs"]["text"] for one in made.values() if one["class_type"] == "CLIPTextEncode"]
    assert texts == ["a {red|blue} fox"]


@pytest.mark.parametrize(("form", "texts"), [("comfyui-api", WORDS), ("latentgraph", {"a {red|blue} fox"})])
def test_an_api_prompt_leaves_no_words_open_and_other_forms_keep_them(
    latentgraph: CommandLine, form: str, texts: set[str]
) -> None:
    file = latentgraph.write("open.json", with_open_words())
    made = latentgraph("convert", str(file), "-", "--to", form).json
    nodes = made if form == "comfyui-api" else made["nodes"]
    assert nodes["positive"]["inputs"]["text"] in texts
