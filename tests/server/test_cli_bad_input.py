"""What bad input gets: exit code 2, a stable code, a place, and never a traceback."""

from __future__ import annotations

import json
import pickle
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graph.errors import InputError
from nodes.memory.host import torch_version
from server.cli.serve import listen
from tests.server.cli import WORKFLOWS, CommandLine


def graph(**nodes: object) -> dict[str, object]:
    return {"format": "latentgraph/1", "nodes": nodes}


EMPTY = {"type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}}
PREVIEW = {"type": "PreviewAny", "inputs": {"source": {"from": ["a", "STRING"]}}}
TEXT = {"type": "PrimitiveString", "inputs": {"value": "x"}}


@dataclass(frozen=True)
class Wrong:
    """A document, and the code and place of the problem it must give."""

    name: str
    content: str | bytes | dict[str, object]
    code: str
    place: str = ""


WRONG = [
    Wrong("empty file", "", "json_syntax"),
    Wrong("not JSON", "{]", "json_syntax", "line 1"),
    Wrong("not UTF-8", b'{"format": "\xff\xfe"}', "json_encoding"),
    Wrong("duplicate key", '{"format": "latentgraph/1", "nodes": {}, "nodes": {}}', "json_duplicate_key", "nodes"),
    Wrong("NaN", '{"format": "latentgraph/1", "nodes": NaN}', "json_number"),
    Wrong("a number of 10,000 digits", '{"format": "latentgraph/1", "nodes": ' + "9" * 10_000 + "}", "json_number"),
    Wrong("1.5 MB of nesting", "[" * 1_500_000, "json_too_deep"),
    Wrong("nested objects", '{"a":' * 5_000 + "1" + "}" * 5_000, "json_too_deep"),
    Wrong("unknown format", {"format": "latentgraph/99", "nodes": {}}, "document_format", "$.format"),
    Wrong("a node that is no object", graph(a=3), "document_structure", "$.nodes.a"),
    Wrong("an input of two keys", graph(a={"type": "X", "inputs": {"b": {"from": ["a", "b"], "value": 1}}}),
          "document_structure", "$.nodes.a.inputs.b"),
    Wrong("nothing to run", graph(a=TEXT), "nothing_to_run"),
    Wrong("unknown type", graph(a={"type": "KSamplr"}, b=PREVIEW), "unknown_type", "$.nodes.a.type"),
    Wrong("cycle", graph(
        a={"type": "StringConcatenate", "inputs": {"string_a": {"from": ["a", "STRING"]}, "string_b": "", "delimiter": ""}},
        b=PREVIEW), "cycle"),
    Wrong("unknown node", graph(b=PREVIEW), "unknown_node", "$.nodes.b.inputs.source"),
    Wrong("unknown output", graph(a=TEXT, b={"type": "PreviewAny", "inputs": {"source": {"from": ["a", "STRNG"]}}}),
          "unknown_output", "$.nodes.b.inputs.source"),
    Wrong("wrong socket", graph(a=TEXT, b={"type": "SaveImage", "inputs": {"images": {"from": ["a", "STRING"]}}}),
          "type_mismatch", "$.nodes.b.inputs.images"),
    Wrong("missing input", graph(b={"type": "SaveImage"}), "missing_input", "$.nodes.b"),
    Wrong("too big", graph(a={"type": "EmptyLatentImage", "inputs": {"width": 10**9}},
                           b={"type": "PreviewAny", "inputs": {"source": {"from": ["a", "LATENT"]}}}),
          "too_big", "$.nodes.a.inputs.width"),
    Wrong("wrong type of value", graph(a={"type": "EmptyLatentImage", "inputs": {"width": "wide"}},
                                       b={"type": "PreviewAny", "inputs": {"source": {"from": ["a", "LATENT"]}}}),
          "wrong_type", "$.nodes.a.inputs.width"),
    Wrong("missing file", graph(a={"type": "LoadImage", "inputs": {"image": "no such.png"}},
                                b={"type": "PreviewImage", "inputs": {"images": {"from": ["a", "IMAGE"]}}}),
          "file_not_found", "$.nodes.a.inputs.image"),
    Wrong("a file outside its folder", graph(a={"type": "LoadImage", "inputs": {"image": "../../etc/passwd"}},
                                             b={"type": "PreviewImage", "inputs": {"images": {"from": ["a", "IMAGE"]}}}),
          "file_not_found", "$.nodes.a.inputs.image"),
    Wrong("two parameters of one name", {**graph(a=TEXT, b=PREVIEW), "parameters": [
        {"name": "prompt", "binds": [["a", "value"]]}, {"name": "prompt", "binds": [["a", "value"]]}]},
          "duplicate_parameter", "$.parameters[1].name"),
    Wrong("unknown subgraph", graph(a={"type": "subgraph:nope"}, b={**PREVIEW, "inputs": {"source": {"from": ["a", "X"]}}}),
          "unknown_subgraph"),
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
@pytest.mark.parametrize("command", ["run", "plan", "validate"])
def test_a_wrong_document_is_refused_with_its_place(latentgraph: CommandLine, wrong: Wrong, command: str) -> None:
    file = latentgraph.write("wrong.json", wrong.content)
    done = latentgraph(command, str(file), "--json", *latentgraph.places[:2])
    assert done.code == 2
    assert "Traceback" not in done.err
    problems = done.json["problems"]
    assert wrong.code in [problem["code"] for problem in problems]
    assert wrong.place in json.dumps(problems)
    assert all(problem["hint"] for problem in problems), problems


def test_every_problem_is_reported_not_only_the_first(latentgraph: CommandLine) -> None:
    file = latentgraph.write("wrong.json", graph(
        a={"type": "EmptyLatentImage", "inputs": {"width": 1, "height": "tall"}},
        b={"type": "PreviewAny", "inputs": {"source": {"from": ["a", "LATNT"]}}},
    ))  # fmt: skip
    codes = {problem["code"] for problem in latentgraph.run(file).json["problems"]}
    assert codes == {"too_small", "wrong_type", "unknown_output"}


@pytest.mark.parametrize("command", ["run", "plan", "validate"])
def test_an_unknown_key_hides_no_other_problem(latentgraph: CommandLine, command: str) -> None:
    document = graph(a={"type": "KSamplr"}, b=PREVIEW) | {"descripton": "x"}
    done = latentgraph(command, str(latentgraph.write("w.json", document)), "--json", *latentgraph.places)
    assert (done.code, done.json["status"]) == (2, "invalid")
    assert [one["code"] for one in done.json["problems"]] == ["document_structure", "unknown_type"]


@pytest.mark.parametrize("command", ["run", "plan", "convert"])
def test_an_unknown_key_is_refused(latentgraph: CommandLine, command: str) -> None:
    file = latentgraph.write("w.json", graph(a=TEXT, b=PREVIEW) | {"descripton": "x"})
    done = latentgraph(command, str(file), *(["-"] if command == "convert" else latentgraph.places))
    assert (done.code, done.out) == (2, "")
    assert "Did you mean 'description'?" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "there is no command"),
        (["rum"], "Did you mean 'run'?"),
        (["run", "no such file.json"], "cannot read"),
        (["nodes", "KSamplr"], "Did you mean 'KSampler'?"),
        (["run"], "FILE"),
        (["run", str(WORKFLOWS / "text_to_image.json"), "--set", "sampler"], "has no value"),
        (["run", str(WORKFLOWS / "text_to_image.json"), "--set", "nowhere.steps=3"], "there is no node"),
        (["run", str(WORKFLOWS / "text_to_image.json"), "--set", "sampler.stepps=3"], "has no input"),
        (["run", str(WORKFLOWS / "text_to_image.json"), "--steps", "many"], "expects a whole number"),
        (["run", str(WORKFLOWS / "text_to_image.json"), "--precision", "fp7"], "invalid choice"),
        (["plan", str(WORKFLOWS / "text_to_image.json"), "--device", "tpu"], "there is no device"),
        (["plan", str(WORKFLOWS / "text_to_image.json"), "--cache-size", "much"], "no number of GiB"),
        (["plan", str(WORKFLOWS / "text_to_image.json"), "--prompt", "\udcff"], "not text in the terminal's encoding"),
        (["plan", str(WORKFLOWS / "text_to_image.json"), "--cache-size", "-1"], "no number of GiB"),
        (["run", str(WORKFLOWS / "text_to_image.json"), "--no-such-parameter", "1"], "unrecognized arguments"),
        (["run", str(WORKFLOWS / "text_to_image.json"), "--promt", "a fox"], "Did you mean '--prompt'?"),
        (["run", str(WORKFLOWS / "text_to_image.json"), "--see", "5"], "Did you mean '--seed'?"),
        (["run", str(WORKFLOWS / "text_to_image.json"), "--set", "sampler.stepz=3"], "Did you mean 'steps'?"),
    ],
)
def test_a_wrong_command_line_is_refused(latentgraph: CommandLine, arguments: list[str], said: str) -> None:
    done = latentgraph(*arguments)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_setting_inside_a_subgraph_is_led_to_its_inputs(latentgraph: CommandLine) -> None:
    words = {"nodes": {"word": TEXT}, "parameters": [{"name": "text", "binds": [["word", "value"]]}]}
    file = latentgraph.write("sub.json", {**graph(a={"type": "subgraph:words"}), "subgraphs": {"words": words}})
    done = latentgraph("plan", str(file), "--set", "a:word.value=hello")
    assert done.code == 2
    assert "'a:word' is inside a subgraph, which is set by its own inputs: text" in done.err


def test_a_wrong_command_line_is_a_problem_for_programs_too(latentgraph: CommandLine) -> None:
    done = latentgraph("run", str(WORKFLOWS / "text_to_image.json"), "--json", "--no-such-parameter", "1")
    assert done.code == 2
    assert done.json["problems"][0]["code"] == "usage"


class Exploit:
    """A pickle of this would run a command when read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("/tmp/latentgraph-was-here"),))  # noqa: S108


def wrong_checkpoint(kind: str) -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    return {
        "empty": b"",
        "pickle": pickle.dumps(Exploit()),
        "truncated header": struct.pack("<Q", len(header)) + header[:10],
        "truncated data": struct.pack("<Q", len(header)) + header + b"\0" * 3,
        "a header of 2^63 bytes": struct.pack("<Q", 2**63) + b"{}",
        "no known model": struct.pack("<Q", len(header)) + header + b"\0" * 16,
        "text": b"<!DOCTYPE html>",
    }[kind]


@pytest.mark.parametrize(
    "kind",
    ["empty", "pickle", "truncated header", "truncated data", "a header of 2^63 bytes", "no known model", "text"],
)
def test_a_wrong_model_file_fails_its_loader_by_name(latentgraph: CommandLine, kind: str) -> None:
    latentgraph.write("models/checkpoints/bad.safetensors", wrong_checkpoint(kind))
    done = latentgraph.run(WORKFLOWS / "text_to_image.json", "--set", "checkpoint.ckpt_name=bad.safetensors")
    assert done.code == 1
    assert "Traceback" not in done.err
    assert not Path("/tmp/latentgraph-was-here").exists()  # noqa: S108
    node = done.json["nodes"]["checkpoint"]
    assert node["status"] == "failed"
    assert node["code"].startswith("weights_")
    assert done.json["nodes"]["sampler"]["status"] == "skipped"
    assert done.json["files"] == []


def test_a_parameter_that_leads_nowhere_is_a_warning(latentgraph: CommandLine) -> None:
    document = graph(a=TEXT, b=PREVIEW) | {"parameters": [{"name": "p", "binds": [["nowhere", "x"], ["a", "valeu"]]}]}
    done = latentgraph("validate", str(latentgraph.write("odd.json", document)), "--json")
    assert done.code == 0
    assert [problem["severity"] for problem in done.json["problems"]] == ["warning", "warning"]
    assert "Did you mean 'value'?" in done.json["problems"][1]["hint"]


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_cache_that_cannot_be_kept_is_a_warning(latentgraph: CommandLine, command: str) -> None:
    blocked = latentgraph.write("cache", "a file where the folder should be")
    done = latentgraph(command, str(latentgraph.write("a.json", graph(a=TEXT, b=PREVIEW))), *latentgraph.places)
    assert done.code == 0
    assert "cache_folder" in done.err
    assert blocked.read_text() == "a file where the folder should be"


def test_a_damaged_cache_can_be_cleared(latentgraph: CommandLine) -> None:
    for name in ("index.sqlite", "blobs/ab/ab.safetensors"):
        latentgraph.write(f"cache/{name}", "junk" * 1000)
    done = latentgraph("cache", "clear", "--json", *latentgraph.places)
    assert (done.code, done.json["entries"]) == (0, 0)
    assert not list((latentgraph.folder / "cache").rglob("*.safetensors"))


def test_converting_below_a_file_is_refused(latentgraph: CommandLine) -> None:
    below = latentgraph.write("file", "") / "out.json"
    done = latentgraph("convert", str(WORKFLOWS / "text_to_image.json"), str(below), "--to", "comfyui")
    assert (done.code, "cannot_write" in done.err) == (2, True)


@pytest.mark.parametrize("command", ["run", "plan"])
def test_help_needs_no_file(latentgraph: CommandLine, command: str) -> None:
    done = latentgraph(command, "--help")
    assert done.code == 0
    assert "With a FILE" in done.out


PROMPT: dict[str, object] = {"1": {"class_type": "PrimitiveString", "inputs": {"value": "x"}}}
HALF_READ = [  # a file of ComfyUI's, and what reading it finds: more telling than what binding then finds
    (
        {"1": {"inputs": {"value": "x"}}, "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}}},
        "comfyui_node",
    ),
    (PROMPT | {"2": {"class_type": "PreviewAny", "inputs": {"source": ["1", -1]}}}, "comfyui_bad_link"),
]


@pytest.mark.parametrize("command", ["plan", "run", "validate", "convert"])
@pytest.mark.parametrize(("content", "code"), HALF_READ)
def test_every_command_says_what_reading_found(
    latentgraph: CommandLine, content: dict[str, object], code: str, command: str
) -> None:
    file = latentgraph.write("prompt.json", content)
    out = latentgraph.folder / "converted.json"
    done = latentgraph(command, str(file), *([str(out)] if command == "convert" else latentgraph.places))
    assert done.code == 2
    assert f"[{code}]" in done.out + done.err
    assert not out.exists()


def titled(*names: str) -> dict[str, object]:
    """A workflow whose parameters have these names."""
    binds = [["a", "value"]]
    whole = graph(a=TEXT, b=PREVIEW)
    return whole | {"parameters": [{"name": name, "binds": binds} for name in names]}


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (["a b", "a_b"], ["--a-b", "--parameter-a-b"]),
        (["a-b", "a b", "a_b"], ["--a-b", "--parameter-a-b", "--parameter-a-b-2"]),
        (["json", "output"], ["--parameter-json", "--parameter-output"]),
        (["line\nbreak", "%", "-"], ["--line-break", "--parameter", "--parameter-parameter"]),
    ],
)
def test_every_parameter_has_an_option_of_its_own(
    latentgraph: CommandLine, names: list[str], options: list[str]
) -> None:
    file = latentgraph.write("w.json", titled(*names))
    said = latentgraph("run", str(file), "--help").out
    assert all(f"  {option} TEXT" in said for option in options)
    for option in options:
        planned = latentgraph("plan", str(file), "--json", *latentgraph.places, option, "other")
        assert planned.code == 0


def test_a_parameter_that_sets_nothing_is_refused_when_given(latentgraph: CommandLine) -> None:
    whole = graph(a=TEXT, b=PREVIEW) | {"parameters": [{"name": "lost", "binds": [["nowhere", "value"]]}]}
    file = latentgraph.write("w.json", whole)
    assert "does not exist" in latentgraph("plan", str(file), *latentgraph.places).err
    refused = latentgraph("plan", str(file), *latentgraph.places, "--lost", "x")
    assert (refused.code, "--lost sets nothing" in refused.err) == (2, True)


def test_the_workflow_is_not_the_value_of_a_parameter(latentgraph: CommandLine) -> None:
    file = latentgraph.write("w.json", titled("prompt"))
    other = latentgraph.write("LICENSE", "not a workflow")
    for words in (["--prompt", str(other), str(file)], [str(file), "--prompt", str(other)]):
        planned = latentgraph("plan", *words, *latentgraph.places, "--json")
        assert planned.code == 0


def test_names_from_a_file_do_not_command_the_terminal(latentgraph: CommandLine) -> None:
    name = "b\x1b[2J"
    file = latentgraph.write("w.json", graph(a=TEXT, **{name: PREVIEW}))
    done = latentgraph("plan", str(file), *latentgraph.places)
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "b\\x1b[2J" in done.out


def test_a_place_in_a_foreign_file_names_node_and_input(latentgraph: CommandLine) -> None:
    node = {"class_type": "EmptyLatentImage", "inputs": {"width": 3, "height": 64, "batch_size": 1}}
    canvas = {
        "nodes": [{"id": 7, "type": "EmptyLatentImage", "widgets_values": [3, 64, 1], "inputs": [], "outputs": []}],
        "links": [],
        "version": 0.4,
    }
    assert "$['7'] (`7.width`): " in latentgraph("validate", str(latentgraph.write("p.json", {"7": node}))).out
    assert "(`7.width`): " in latentgraph("validate", str(latentgraph.write("c.json", canvas))).out


def test_a_port_is_taken_before_it_is_answered_on() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(InputError) as refused:
        listen("127.0.0.1", first.getsockname()[1])
    assert [one.code for one in refused.value.problems] == ["port"]


@pytest.mark.skipif(not torch_version().endswith("+cpu"), reason="this torch can compute on cards")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_service_for_a_device_that_cannot_be_is_refused(latentgraph: CommandLine, device: str) -> None:
    said = latentgraph("serve", "--port", "0", "--device", device, "--user", str(latentgraph.folder / "user"))
    assert (said.code, said.out) == (2, "")
    assert "[device_unavailable]" in said.err
    assert "built without CUDA" in said.err
