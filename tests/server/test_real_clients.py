"""Published clients of ComfyUI, as their users get them: each submits a prompt, follows it, and fetches the picture."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.cli import ROOT, WORKFLOWS
from tests.server.program import started

CLIENTS = ROOT / "tests" / "clients"
PYTHON, NODE = CLIENTS / ".venv" / ".installed", CLIENTS / "node_modules" / ".installed"
STEPS = 3


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Path]]:
    """The service as a program, with the embedded model: its address, a prompt for it, and where pictures are saved."""
    with started(tmp_path_factory.mktemp("service")) as program:
        text = WORKFLOWS / "text_to_image.json"
        convert = [sys.executable, "-m", "server", "convert", str(text), "-", "--to", "comfyui-api"]
        prompt = json.loads(subprocess.run(convert, cwd=ROOT, capture_output=True, check=True).stdout)
        prompt["sampler"]["inputs"]["steps"] = STEPS
        file = program.folder / "prompt.json"
        file.write_text(json.dumps(prompt))
        yield program.address, file, program.folder / "output"


def run(script: str, service: tuple[str, Path, Path]) -> dict[str, Any]:
    """What a client's script tells."""
    address, prompt, _ = service
    is_python = script.endswith(".py")
    installed = PYTHON if is_python else NODE
    if not installed.exists():
        pytest.skip(f"{script} needs `make clients`")
    program = str(PYTHON.parent / "bin" / "python") if is_python else "node"
    done = subprocess.run(
        [program, str(CLIENTS / script), address, str(prompt)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def are_saved(pictures: list[str], output: Path) -> bool:
    """Whether what was fetched is, byte for byte, what was saved."""
    saved = {hashlib.sha256(path.read_bytes()).hexdigest() for path in output.rglob("*.png")}
    return len(pictures) == 1 and set(pictures) <= saved


def test_comfyui_sdk_of_saintno(service: tuple[str, Path, Path]) -> None:
    told = run("saintno.mjs", service)
    assert told["first"]["failure"] is None
    assert are_saved(told["first"]["pictures"], service[2])
    assert told["first"]["progress"][-1] == ["sampler", STEPS, STEPS]
    assert told["again"] == {"started": False, "progress": [], "failure": None, "pictures": told["first"]["pictures"]}
    assert told["upload"] == {
        "name": "from saintno.png", "filename": "from saintno.png", "subfolder": "clients", "type": "input",
    }  # fmt: skip
    facts = told["facts"]
    assert facts["checkpoints"] == facts["files"] == ["tiny-sd-128.safetensors"]
    assert (facts["samplers"], facts["logs"], facts["freed"]) == (True, True, True)
    assert facts["queue"] == {"queue_running": [], "queue_pending": []}
    assert {"checkpoints", "loras"} <= set(facts["folders"])
    assert "config" in facts["metadata"]
    assert (facts["kept"], facts["setting"]) == ({"kept": True}, 3)
    assert [(one["name"], one["type"]) for one in facts["listed"]] == [("saintno.json", "file")]


def test_comfyui_client_of_stable_canvas(service: tuple[str, Path, Path]) -> None:
    told = run("stable_canvas.mjs", service)
    for drawn in (told["first"], told["polled"]):
        assert are_saved(drawn["pictures"], service[2])
    assert told["first"]["progress"][-1] == ["sampler", STEPS, STEPS]
    assert told["again"] == {"progress": [], "pictures": told["first"]["pictures"]}
    facts = told["facts"]
    assert facts["checkpoints"] == facts["files"] == ["tiny-sd-128.safetensors"]
    assert (facts["samplers"], facts["schedulers"], facts["setting"]) == (True, True, [1])
    assert facts["queue"] == {"Running": [], "Pending": []}
    assert facts["history"] >= 3
    assert facts["cleared"] == 0


def test_comfy_api_simplified(service: tuple[str, Path, Path]) -> None:
    told = run("simplified.py", service)
    assert are_saved(told["first"], service[2])
    assert told["again"] == told["first"]
    assert told["upload"] == {"name": "from simplified.png", "subfolder": "clients", "type": "input"}
    assert told["facts"]["sampler"] == ["KSampler"]


def test_comfyui_api_client(service: tuple[str, Path, Path]) -> None:
    told = run("api_client.py", service)
    assert are_saved(told["first"], service[2])
    assert told["again"] == told["first"]
    assert told["progress"][-1] == f"In K-Sampler -> Step: {STEPS} of {STEPS}"
    assert told["upload"] == {"name": "from api client.png", "subfolder": "", "type": "input"}
