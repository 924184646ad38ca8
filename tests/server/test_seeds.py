"""Seeds that a document leaves open: drawn at each run, told, and never written into the document."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from nodes.catalogue import load_catalogue
from server.seeds import MOST, Seeds, draw
from tests.server.cli import WORKFLOWS, CommandLine
from tests.server.service import running


def sampler(seed: object) -> dict[str, Any]:
    return {"type": "KSampler", "inputs": {"seed": seed, "steps": 2}}


def document(**more: object) -> dict[str, Any]:
    return {"format": "latentgraph/1", "nodes": {"a": sampler("random"), "b": sampler(7)}, **more}


def drawn_of(given: dict[str, Any]) -> tuple[Any, Seeds]:
    return draw(given, load_catalogue())


def test_an_open_seed_is_drawn_and_the_document_stays() -> None:
    given = document()
    drawn, seeds = drawn_of(given)
    assert given == document()
    assert list(seeds) == ["a"]
    assert 0 <= seeds["a"]["seed"] <= MOST
    assert drawn["nodes"] == {"a": sampler(seeds["a"]["seed"]), "b": sampler(7)}


def test_each_time_it_is_another() -> None:
    assert len({draw(document(), load_catalogue())[1]["a"]["seed"] for _ in range(20)}) == 20


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


@pytest.mark.parametrize(
    "given",
    [
        {"format": "latentgraph/1", "nodes": {"a": {"type": "CLIPTextEncode", "inputs": {"text": "random"}}}},
        {"format": "latentgraph/1", "nodes": {"a": {"type": "Unknown", "inputs": {"seed": "random"}}}},
        {"format": "latentgraph/1", "nodes": {"a": {"type": "subgraph:none", "inputs": {"seed": "random"}}}},
        {"format": "latentgraph/1", "nodes": {"a": "no node"}},
        {"format": "latentgraph/1", "nodes": [], "subgraphs": [1]},
        {"3": {"class_type": "KSampler", "inputs": {"seed": "random"}}},
        ["random"],
    ],
)
def test_what_is_no_open_seed_comes_back_as_it_is(given: dict[str, Any]) -> None:
    assert draw(given, load_catalogue()) == (given, {})


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
