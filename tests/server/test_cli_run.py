"""Running workflows from the command line: counts of what ran, what it says, what it leaves behind."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from nodes.catalogue import GROUP
from tests.server.cli import ROOT, WORKFLOWS, CommandLine, program

NAMES = sorted(path.stem for path in WORKFLOWS.glob("*.json"))
FEW_STEPS = "--steps=2"
WITHOUT_TORCH = """
import sys
from server.cli.main import main
code = main({})
assert "torch" not in sys.modules
sys.exit(code)
"""


def saving_node(file: Path) -> str:
    nodes: dict[str, dict[str, str]] = json.loads(file.read_text())["nodes"]
    return next(name for name, node in nodes.items() if node["type"] == "SaveImage")


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_runs_once_then_never_and_then_only_what_changed(latentgraph: CommandLine, name: str) -> None:
    file = WORKFLOWS / f"{name}.json"
    first = latentgraph.run(file)
    assert first.code == 0, first.err
    assert first.json["status"] == "done"
    assert first.json["executed"] == len(first.json["nodes"])
    for path in first.json["files"]:
        Image.open(path).verify()

    again = latentgraph.run(file)
    assert (again.json["executed"], again.json["files"]) == (0, first.json["files"])
    assert again.json["nodes"][saving_node(file)]["tier"] == "disk"

    saver = saving_node(file)
    changed = latentgraph.run(file, "--set", f"{saver}.filename_prefix=changed")
    assert changed.json["executed"] == 1
    ran = {node: one["reason"] for node, one in changed.json["nodes"].items() if one["status"] == "ran"}
    assert list(ran) == [saver]
    assert "`filename_prefix` changed" in ran[saver]


def test_the_loop_by_hand_equals_the_sampler_bit_for_bit(latentgraph: CommandLine) -> None:
    file = WORKFLOWS / "sampler_by_hand.json"
    document = json.loads(file.read_text())
    done = latentgraph.run(file)
    assert done.code == 0, done.err
    pictures = [Image.open(path).tobytes() for path in done.json["files"]]
    types = [node["type"] for node in document["nodes"].values()]
    assert {"UNetStep", "KSampler"} <= set(types)
    assert len(pictures) == 2
    assert pictures[0] == pictures[1]


def test_a_changed_word_runs_what_depends_on_it_and_says_why(latentgraph: CommandLine) -> None:
    file = WORKFLOWS / "text_to_image.json"
    latentgraph.run(file, "--prompt", "a red fox", FEW_STEPS)
    planned = latentgraph("plan", str(file), "--json", *latentgraph.places, "--prompt", "a blue fox", FEW_STEPS).json
    done = latentgraph.run(file, "--prompt", "a blue fox", FEW_STEPS).json
    will_run = {name for name, node in planned["nodes"].items() if node["status"] == "run"}
    assert will_run == {name for name, node in done["nodes"].items() if node["status"] == "ran"}
    assert done["nodes"]["positive"]["reason"] == "`text` changed 'a red fox' -> 'a blue fox'"
    assert done["nodes"]["sampler"]["reason"] == "upstream `positive`"
    assert done["nodes"]["negative"]["status"] == "cached"


def test_a_deleted_picture_is_written_again_and_nothing_else_runs(latentgraph: CommandLine) -> None:
    file = WORKFLOWS / "text_to_image.json"
    (path,) = latentgraph.run(file, FEW_STEPS).json["files"]
    Path(path).unlink()
    done = latentgraph.run(file, FEW_STEPS).json
    assert done["executed"] == 1
    assert done["nodes"][saving_node(file)]["reason"] == "its output file is gone or was changed"


def test_the_same_seed_gives_the_same_bytes_in_two_processes(tmp_path: Path) -> None:
    pictures = []
    for name in ("one", "two"):
        places = ["--cache", str(tmp_path / name / "cache"), "--output", str(tmp_path / name)]
        done = program("run", "workflows/text_to_image.json", "--json", "--seed", "5", FEW_STEPS, *places)
        assert done.returncode == 0, done.stderr
        (path,) = json.loads(done.stdout)["files"]
        pictures.append(Path(path).read_bytes())
    assert pictures[0] == pictures[1]


def test_a_saved_picture_is_a_workflow_that_makes_it_again(latentgraph: CommandLine) -> None:
    (path,) = latentgraph.run(WORKFLOWS / "text_to_image.json", "--seed", "11", FEW_STEPS).json["files"]
    assert set(Image.open(path).text) >= {"latentgraph", "prompt", "workflow"}  # type: ignore[attr-defined]
    again = latentgraph.run(path)
    assert again.code == 0, again.err
    assert again.json["executed"] == 0


def test_what_a_workflow_is_converted_into_stays_what_it_is(latentgraph: CommandLine) -> None:
    """A link to a file leads to it still, and a pipe, like a device, is written into."""
    file, link, pipe = (latentgraph.folder / name for name in ("file.json", "link.json", "pipe"))
    link.symlink_to(file)
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        assert latentgraph("convert", str(WORKFLOWS / "text_to_image.json"), str(pipe)).code == 0
        told = reader.communicate(timeout=60)[0]
    assert latentgraph("convert", str(WORKFLOWS / "text_to_image.json"), str(link)).code == 0
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert json.loads(told) == json.loads(file.read_text())


@pytest.mark.parametrize("form", ["comfyui", "comfyui-api"])
def test_a_workflow_converted_to_comfyui_and_back_hits_the_same_cache(latentgraph: CommandLine, form: str) -> None:
    file = WORKFLOWS / "text_to_image.json"
    latentgraph.run(file)
    converted = latentgraph.folder / f"{form}.json"
    assert latentgraph("convert", str(file), str(converted), "--to", form).code == 0
    assert latentgraph.run(converted).json["executed"] == 0


def test_a_parameter_is_a_flag_with_help(latentgraph: CommandLine) -> None:
    done = latentgraph("run", str(WORKFLOWS / "text_to_image.json"), "--help")
    assert done.code == 0
    assert re.search(r"--seed INT", done.out)
    assert re.search(r"--prompt TEXT", done.out)


def test_flags_may_stand_before_the_file(latentgraph: CommandLine) -> None:
    file = str(WORKFLOWS / "text_to_image.json")
    after = latentgraph("plan", file, "--seed", "5", "--json", *latentgraph.places)
    before = latentgraph("plan", "--seed", "5", "--json", *latentgraph.places, file)
    assert (before.code, before.out) == (0, after.out)


def test_another_device_or_precision_is_another_result(latentgraph: CommandLine) -> None:
    file = WORKFLOWS / "text_to_image.json"
    latentgraph.run(file, FEW_STEPS)
    for computing in (["--device", "cpu"], ["--precision", "fp32"]):
        planned = latentgraph("plan", str(file), "--json", *latentgraph.places, FEW_STEPS, *computing).json
        assert planned["nodes"]["positive"]["code"] == "place"


def test_text_output_names_the_files_and_counts(latentgraph: CommandLine) -> None:
    file = str(WORKFLOWS / "text_to_image.json")
    first = latentgraph("run", file, FEW_STEPS, *latentgraph.places)
    assert Path(first.out.strip()).is_file()
    assert re.search(r"done in .* ran", first.err)
    assert "0 ran" in latentgraph("run", file, FEW_STEPS, *latentgraph.places).err
    quiet = latentgraph("run", file, FEW_STEPS, "--quiet", *latentgraph.places)
    assert (quiet.out, quiet.err) == (first.out, "")


def test_a_muted_node_takes_what_needs_it_with_it(latentgraph: CommandLine) -> None:
    document = json.loads((WORKFLOWS / "text_to_image.json").read_text())
    document["nodes"]["sampler"]["mode"] = "mute"
    done = latentgraph.run(latentgraph.write("muted.json", document))
    assert done.code == 2
    assert "is muted" in done.json["problems"][0]["message"]


def test_an_unwritable_output_folder_is_told_before_anything_is_computed(latentgraph: CommandLine) -> None:
    blocked = latentgraph.write("output", "a file where the folder should be")
    done = latentgraph.run(WORKFLOWS / "text_to_image.json", FEW_STEPS)
    assert (done.code, [one["code"] for one in done.json["problems"]]) == (2, ["cannot_save"])
    assert latentgraph("cache", "info", "--json", *latentgraph.places).json["entries"] == 0
    assert blocked.is_file()


PLUGIN = """
from graph.declare import node
from graph.result import Report

@node("PluginSave", category="plugin", saves="output")
def plugin_save(*, name: str) -> Report:
    return Report(text=(name,))

@node("PluginShow", category="plugin", effect=True)
def plugin_show(*, filename_prefix: str) -> Report:
    return Report(text=(filename_prefix,))
"""


@pytest.mark.parametrize(
    ("node", "codes"),
    [
        ({"type": "PluginSave", "inputs": {"name": "a"}}, ["cannot_save"]),
        ({"type": "PluginShow", "inputs": {"filename_prefix": "a"}}, []),
    ],
)
def test_nodes_of_plugins_say_themselves_whether_they_save(
    latentgraph: CommandLine, monkeypatch: pytest.MonkeyPatch, node: dict[str, object], codes: list[str]
) -> None:
    latentgraph.write("site/plug-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    latentgraph.write("site/plug-1.0.dist-info/entry_points.txt", f"[{GROUP}]\ngood = saving_plugin\n")
    latentgraph.write("site/saving_plugin.py", PLUGIN)
    monkeypatch.syspath_prepend(str(latentgraph.folder / "site"))
    monkeypatch.setenv("PYTHONPATH", str(latentgraph.folder / "site"))
    monkeypatch.delitem(sys.modules, "saving_plugin", raising=False)
    latentgraph.write("output", "a file where the folder should be")
    document: dict[str, object] = {"format": "latentgraph/1", "nodes": {"node": node}}
    done = latentgraph.run(latentgraph.write("plugin.json", document))
    assert (done.code, [one["code"] for one in done.json["problems"]]) == (2 if codes else 0, codes)


@pytest.mark.parametrize(("width", "height"), [(104, 72), (136, 128)])
def test_the_embedded_model_takes_sides_that_are_multiples_of_8(
    latentgraph: CommandLine, width: int, height: int
) -> None:
    sides = ["--width", str(width), "--height", str(height)]
    (picture,) = latentgraph.run(WORKFLOWS / "text_to_image.json", "--steps=1", *sides).json["files"]
    with Image.open(picture) as made:
        assert made.size == (width, height)


def test_a_folder_in_the_output_that_cannot_be_fails_the_saving_node(latentgraph: CommandLine) -> None:
    blocked = latentgraph.write("output/below", "a file where the folder should be")
    done = latentgraph.run(WORKFLOWS / "text_to_image.json", FEW_STEPS, "--set", "save.filename_prefix=below/picture")
    assert done.code == 1
    node = done.json["nodes"][saving_node(WORKFLOWS / "text_to_image.json")]
    assert (node["status"], node["code"]) == ("failed", "cannot_save")
    assert "Traceback" not in done.err
    assert blocked.is_file()


def test_control_c_in_mid_step_ends_with_130_and_keeps_what_was_done(tmp_path: Path) -> None:
    places = ["--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "output")]
    command = [sys.executable, "-m", "server", "run", "workflows/text_to_image.json", "--steps", "10000", *places]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = b""
    while b"/10000" not in seen:
        seen += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    while process.poll() is None:
        try:
            seen += os.read(ours, 4096)
        except OSError:  # the terminal closes with the program
            break
    process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 130
    assert b"Traceback" not in seen
    assert not list((tmp_path / "output").rglob("*.png*"))
    planned = json.loads(program("plan", "workflows/text_to_image.json", "--json", "--steps", "10000", *places).stdout)
    assert planned["nodes"]["positive"]["status"] == "cached"
    assert planned["nodes"]["sampler"]["status"] == "run"


def test_a_second_control_c_ends_at_once(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from server.cli.run import _cancel_on_interrupt\n"
        "with _cancel_on_interrupt() as token:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    assert token.cancelled\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    raise SystemExit(1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 130


@pytest.mark.parametrize(
    "arguments",
    [["validate", "workflows/text_to_image.json"], ["convert", "workflows/text_to_image.json", "-"], ["nodes"], ["--help"],
     ["plan", "workflows/text_to_image.json"], ["models"], ["--version"]],
    ids=lambda arguments: arguments[0],
)  # fmt: skip
def test_commands_that_only_look_import_no_torch(arguments: list[str], tmp_path: Path) -> None:
    code = WITHOUT_TORCH.format(arguments)
    environment = {**os.environ, "LATENTGRAPH_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_run_with_nothing_to_do_imports_no_torch(tmp_path: Path) -> None:
    arguments = [
        "run",
        "workflows/text_to_image.json",
        FEW_STEPS,
        "--cache",
        str(tmp_path / "c"),
        "--output",
        str(tmp_path),
    ]
    assert program(*arguments).returncode == 0
    code = WITHOUT_TORCH.format(arguments)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
