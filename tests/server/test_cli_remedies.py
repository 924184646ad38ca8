"""Every refusal of the command line says what is wrong, where, by a stable code, and what to do about it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.tokens import Tokens
from tests.server.cli import WORKFLOWS, CommandLine

PICTURE = str(WORKFLOWS / "text_to_image.json")


@dataclass(frozen=True)
class Refused:
    """A command line with `{here}` for a folder of the test's own, and what it must give."""

    words: str
    code: str
    message: str
    hint: str


USAGE = [
    Refused("plan {picture} --precision bf6", "usage", "'bf6'", "Did you mean 'bf16'? Choose auto, fp32, bf16 or fp16."),
    Refused("plan {picture} --precision x", "usage", "'x'", "Choose auto, fp32, bf16 or fp16."),
    Refused("plan {picture} --device gpu", "usage", "'gpu'", "Did you mean 'cuda'? Choose auto, cpu, cuda or cuda:N."),
    Refused("plan {picture} --device cpi", "usage", "no device 'cpi'", "Choose auto, cpu, cuda or cuda:N."),
    Refused("serve --device gpu", "usage", "no device 'gpu'", "Did you mean 'cuda'?"),
    Refused("serve --precision half", "usage", "'half'", "Choose auto, fp32, bf16 or fp16."),
    Refused("serve --log-format jsn", "usage", "'jsn'", "Did you mean 'json'? Choose text or json."),
    Refused("serve --port many", "usage", "--port", "`latentgraph serve --help`"),
    Refused("convert {picture} - --to comfy", "usage", "'comfy'", "Did you mean 'comfyui'?"),
    Refused("token crate", "usage", "'crate'", "Did you mean 'create'? Choose create, list or revoke."),
    Refused("cache inf", "usage", "'inf'", "Did you mean 'info'? Choose info or clear."),
    Refused("models conver", "unknown_command", "'models conver'", "Did you mean 'convert'?"),
    Refused("models list", "unknown_command", "'models list'", "`models convert IN`"),
    Refused("run", "usage", "FILE", "`latentgraph run --help`"),
    Refused("plan {picture} --seed", "usage", "--seed", "`latentgraph plan --help`"),
]  # fmt: skip

FOLDERS = [
    *(
        Refused(f"{command} --{place} {{here}}/none", "folder_not_found", f"--{place}", f"leave --{place} out")
        for place in ("models", "input")
        for command in (*(f"{one} {{picture}}" for one in ("run", "plan", "validate", "train")), "serve", "models", "nodes")
    ),
    Refused("plan {picture} --models {here}/a.txt", "not_a_folder", "--models", "Give a folder"),
    Refused("run {picture} --cache {here}/cache --output {here}/a.txt/out", "cannot_save", "a.txt/out", "--output"),
    Refused("run {picture} --cache {here}/cache --output {here}/a.txt", "cannot_save", "a.txt", "--output"),
    Refused("run {picture} --cache {here}/cache --output /proc/none", "cannot_save", "/proc/none", "--output"),
    Refused("train {picture} --cache {here}/cache --output /proc/none", "cannot_save", "/proc/none", "--output"),
    Refused("serve --cache {here}/cache --output {here}/a.txt", "cannot_save", "a.txt: File exists", "--output"),
    Refused("serve --cache {here}/cache --output /proc/none", "cannot_save", "/proc/none", "--output"),
    Refused("token list --user {here}/a.txt", "tokens_file", "a.txt/tokens.json", "--user"),
    Refused("token create x --user {here}/a.txt", "tokens_file", "a.txt/tokens.json", "--user"),
    Refused("serve --host 0.0.0.0 --user {here}/a.txt", "tokens_file", "a.txt/tokens.json", "--user"),
]  # fmt: skip

VALUES = [
    Refused("plan {picture} --set sampler.stepz=3", "setting", "--set sampler.stepz=3: KSampler has no input", "'steps'?"),
    Refused("plan {picture} --set sampler.x=3", "setting", "--set sampler.x=3", "It has model, seed, steps"),
    Refused("plan {picture} --set smapler.steps=3", "setting", "no node 'smapler'", "Did you mean 'sampler'?"),
    Refused("plan {picture} --set x.steps=3", "setting", "no node 'x'", "Its nodes are checkpoint, positive"),
    Refused("plan {picture} --set sampler", "setting", "has no value", "--set sampler.INPUT=VALUE"),
    Refused("plan {picture} --set steps", "setting", "has no value", "--set sampler.steps=VALUE"),
    Refused("plan {picture} --set steps=3", "setting", "names no node", "--set sampler.steps=VALUE"),
    Refused("plan {picture} --set sampler.steps", "setting", "has no value", "--set sampler.steps=VALUE"),
    Refused("plan {picture} --set x", "setting", "has no value", "--set NODE.INPUT=VALUE"),
    Refused("plan {picture} --set sampler.steps=x", "setting", "a whole number, not 'x'", "from 1 up to 10000"),
    Refused("plan {picture} --steps abc", "parameter_value", "--steps: expects a whole number", "from 1 up to 10000"),
    Refused("plan {picture} --cfg nan", "parameter_value", "--cfg: expects a finite number", "from 0.0 up to 100.0"),
    Refused("plan {picture} --cfg=-inf", "parameter_value", "--cfg: expects a finite number", "from 0.0 up to 100.0"),
    Refused("nodes Xyz", "unknown_type", "'Xyz'", "`latentgraph nodes`"),
    Refused("models convert {here}/a.txt {here}/none/x.safetensors", "cannot_write", "{here}/none", "Make that folder"),
    Refused("models convert {here}/a.txt {here}/x.bin", "usage", "x.bin", "x.safetensors"),
    Refused("models convert {here}/none.ckpt", "weights_unreadable", "none.ckpt", "a model file that is there"),
    Refused("convert {picture} {here}/a.txt/x.json", "cannot_write", "a.txt/x.json", "another OUT"),
]  # fmt: skip

OTHERS = [
    Refused("train {picture} --sittings 2", "no_sittings", "`checkpoint` and `sitting`", "workflows/training/sitting.json"),
    Refused("train {picture} --sittings 0", "usage", "--sittings 0", "1 or more"),
    Refused("train none.json --sittings 2", "usage", "--sittings", "a file that is there"),
    Refused("serve --user {here}/user --host 999.1.1.1", "host", "neither an address nor a name", "127.0.0.1"),
    Refused("serve --user {here}/user --host 192.0.2.7", "host", "no address of this machine", "0.0.0.0"),
    Refused("serve --user {here}/user --host ::g", "host", "neither an address nor a name", "127.0.0.1"),
    Refused("serve --user {here}/user --host 0.0.0.0", "no_token", "beyond this machine", "token create"),
    Refused("token revoke alcie --user {here}/user", "unknown_token", "'alcie'", "Did you mean 'alice'?"),
    Refused("models convert {here}/a.txt", "weights_not_safetensors", "is not a safetensors file, and no pickled model",
            ".ckpt, .pt, .pth and .bin"),
]  # fmt: skip


@pytest.mark.parametrize("case", [*USAGE, *FOLDERS, *VALUES, *OTHERS], ids=lambda case: case.words)
def test_a_refusal_says_what_to_do(latentgraph: CommandLine, case: Refused) -> None:
    latentgraph.write("a.txt", "no model and no folder")
    Tokens(latentgraph.folder / "user" / "tokens.json").create("alice")
    if case.code == "no_token":
        Tokens(latentgraph.folder / "user" / "tokens.json").revoke("alice")
    words = [word.format(here=latentgraph.folder, picture=PICTURE) for word in case.words.split()]
    told = latentgraph(*words, "--json")
    assert (told.code, told.json["status"], told.err) == (2, "invalid", "")
    assert all(one["hint"] for one in told.json["problems"])
    done = latentgraph(*words)
    assert (done.code, done.out) == (2, "")
    said = re.fullmatch(r"error: (.*) \[(\w+)\]\n    (.*)\n", done.err)
    assert said is not None, done.err
    assert said[2] == case.code
    assert case.message.format(here=latentgraph.folder) in said[1]
    assert case.hint in said[3]


@pytest.mark.parametrize("name", ["models", "input"])
def test_a_folder_of_the_environment_is_named_by_it(
    latentgraph: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    variable = f"LATENTGRAPH_{name.upper()}"
    monkeypatch.setenv(variable, str(latentgraph.folder / "none"))
    done = latentgraph("models", "--json")
    (problem,) = done.json["problems"]
    assert (done.code, problem["code"], variable in problem["message"]) == (2, "folder_not_found", True)
    assert latentgraph("models", *latentgraph.places).code == 0  # the flag stands before the variable


def test_folders_that_nobody_named_may_be_absent(latentgraph: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = latentgraph.folder / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert latentgraph("models").code == 0
    assert os.listdir(folder) == []


def test_an_output_folder_that_cannot_be_is_no_matter_where_nothing_is_saved(latentgraph: CommandLine) -> None:
    text = {"type": "PrimitiveString", "inputs": {"value": "x"}}
    shown = {"type": "PreviewAny", "inputs": {"source": {"from": ["a", "STRING"]}}}
    file = latentgraph.write("w.json", {"format": "latentgraph/1", "nodes": {"a": text, "b": shown}})
    done = latentgraph("run", str(file), *latentgraph.places, "--output", str(file / "out"))
    assert done.code == 0, done.err


@pytest.mark.parametrize("what", ["info", "clear"])
@pytest.mark.parametrize("is_there", [True, False], ids=["another folder", "no folder"])
def test_no_cache_is_made_by_asking_for_it(latentgraph: CommandLine, what: str, is_there: bool) -> None:
    folder = latentgraph.folder / "other"
    if is_there:
        latentgraph.write("other/temp/mine.txt", "mine")
    before = sorted(latentgraph.folder.rglob("*"))
    done = latentgraph("cache", what, "--cache", str(folder))
    assert (done.code, done.out) == (0, f"{folder}: there is no cache here\n")
    told = latentgraph("cache", what, "--json", "--cache", str(folder)).json
    assert told == {"folder": str(folder), "exists": False, "entries": 0, "bytes": 0, "seconds": 0.0}
    assert sorted(latentgraph.folder.rglob("*")) == before


def test_a_cache_that_is_a_file_is_told(latentgraph: CommandLine) -> None:
    done = latentgraph("cache", "info", "--cache", str(latentgraph.write("cache", "a file")))
    assert (done.code, "[cache_folder]" in done.err) == (2, True)


def test_two_tokens_of_one_name_are_told_apart_by_their_ids(latentgraph: CommandLine) -> None:
    user = latentgraph.folder / "user"
    first, second = (Tokens(user / "tokens.json").create("alice")[0] for _ in range(2))
    done = latentgraph("token", "revoke", "alice", "--user", str(user))
    assert (done.code, "[ambiguous_token]" in done.err) == (2, True)
    assert first.id in done.err
    assert second.id in done.err
    assert latentgraph("token", "revoke", second.id, "--user", str(user)).code == 0
    assert Path(user / "tokens.json").read_text().count(first.id) == 1


def test_pickles_are_listed_as_what_no_loader_reads(latentgraph: CommandLine) -> None:
    latentgraph.write("models/checkpoints/a.ckpt", b"PK\x03\x04 an archive of pickles")
    latentgraph.write(
        "models/checkpoints/b.ckpt", (2).to_bytes(8, "little") + b"{}"
    )  # by its content none, whatever its name
    latentgraph.write("models/loras/c.safetensors", b"\x80\x02 a pickle")
    told = latentgraph("models", "--json", *latentgraph.places).json
    listed = {one["name"]: one["needs_conversion"] for folder in ("checkpoints", "loras") for one in told[folder]}
    assert listed == {"a.ckpt": True, "b.ckpt": False, "c.safetensors": True, "tiny-sd-128.safetensors": False}
    lines = latentgraph("models", *latentgraph.places).out.splitlines()
    assert [line.split()[0] for line in lines if "`latentgraph models convert`" in line] == ["a.ckpt", "c.safetensors"]


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("KSampler", ["model: MODEL (required)", "steps: INT = 20 [1..10000]", "scheduler: COMBO = 'simple', the first"]),
        ("CheckpointLoaderSimple", ["ckpt_name: COMBO (required)"]),
    ],
)  # fmt: skip
def test_a_node_tells_what_happens_where_nothing_is_given(
    latentgraph: CommandLine, kind: str, lines: list[str]
) -> None:
    said = latentgraph("nodes", kind).out
    assert [line for line in lines if f"  {line}" not in said] == []


def test_the_help_of_a_parameter_does_not_run_together(latentgraph: CommandLine) -> None:
    said = " ".join(latentgraph("run", PICTURE, "--help").out.split())
    assert "What it should not show (default: empty)" in said
    assert "of the same prompt; a whole number, or `random` (default: 8)" in said
    assert "With a FILE" not in said
