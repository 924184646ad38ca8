"""The catalogue of a service with plugins: what was seen last, until a worker has imported what there is now."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from nodes.catalogue import GROUP, Found, found_here, read_catalogue
from server.catalogue import FILE, LiveCatalogue
from tests.server.program import Program, started

PLUGIN = """
import torch
from graph.declare import node

@node("{name}", category="plugin", returns="STRING", effect=True)
def double(*, value: int) -> str:
    \"\"\"Twice.\"\"\"
    return str(int(torch.tensor(value) * 2))
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of an installed plugin with a node `PluginDouble`."""
    place = tmp_path / "site"
    info = place / "plug-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\ngood = torch_plugin\n")
    file = place / "torch_plugin.py"
    file.write_text(PLUGIN.format(name="PluginDouble"))
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv("PYTHONPATH", str(place))
    monkeypatch.delitem(sys.modules, "torch_plugin", raising=False)
    return file


def test_what_a_worker_brings_is_there_at_once_and_from_the_next_start(plugin: Path, tmp_path: Path) -> None:
    first = LiveCatalogue(tmp_path)
    assert first["PluginDouble"].module == "torch_plugin"
    plugin.write_text(PLUGIN.format(name="PluginTwice"))
    seen = LiveCatalogue(tmp_path)
    assert "PluginTwice" in seen  # nothing was brought: the plugins are looked at again
    seen.bring(found_here().to_json())
    plugin.write_text("raise RuntimeError")
    assert dict(LiveCatalogue(tmp_path)) == dict(seen) != read_catalogue()
    seen.bring(Found().to_json())
    assert dict(seen) == dict(LiveCatalogue(tmp_path)) == read_catalogue()


def test_what_is_wrong_with_plugins_is_logged_when_it_is_news(
    plugin: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plugin.write_text("raise RuntimeError('no cards')")
    broken = found_here().to_json()
    seen = LiveCatalogue(tmp_path)
    with caplog.at_level(logging.WARNING, "latentgraph.plugins"):
        for brought in (broken, broken, Found().to_json(), broken):
            seen.bring(brought)
    told = "plugin 'good' (torch_plugin) cannot be used: RuntimeError: no cards [plugin_broken] Update or uninstall it."
    assert [one.getMessage() for one in caplog.records] == [told, told]


def test_a_service_tells_which_plugin_it_cannot_use(plugin: Path, tmp_path: Path) -> None:
    plugin.write_text("raise RuntimeError('no cards')")
    with started(tmp_path) as program:
        [told] = program.ask("/api/v1/system")[1]["plugins"]["problems"]
    assert told["code"] == "plugin_broken"
    assert "RuntimeError: no cards" in told["message"]


def test_plugins_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(found_here().to_json()))
    assert dict(LiveCatalogue(tmp_path)) == read_catalogue()


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"nodes": 1, "problems": []}', b'{"nodes": [{}], "problems": []}']
)
def test_a_file_that_is_damaged_is_as_good_as_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert "PluginDouble" in LiveCatalogue(tmp_path)


def test_a_service_knows_the_nodes_of_plugins_and_imports_none(plugin: Path, tmp_path: Path) -> None:
    """The second start does not wait for the worker; the worker brings what has changed since."""

    def run(program: Program, kind: str) -> str:
        workflow = {"format": "latentgraph/1", "nodes": {
            "d": {"type": kind, "inputs": {"value": 21}},
            "p": {"type": "PreviewAny", "inputs": {"source": {"from": ["d", "STRING"]}}},
        }}  # fmt: skip
        status, job = program.job(workflow)
        assert (status, job["state"]) == (200, "done"), job
        return str(job["texts"]["p"][0])

    def until_ready(program: Program) -> None:
        while program.ask("/health/ready")[0] != 200:
            pass

    with started(tmp_path) as program:
        until_ready(program)
        assert "PluginDouble" in program.ask("/object_info")[1]
        assert run(program, "PluginDouble") == "42"
        loaded = Path(f"/proc/{program.process.pid}/maps").read_text()
        assert "libtorch" not in loaded
    plugin.write_text(PLUGIN.format(name="PluginTwice"))
    with started(tmp_path) as program:
        until_ready(program)
        known = program.ask("/object_info")[1]
        assert "PluginTwice" in known
        assert "PluginDouble" not in known
        assert run(program, "PluginTwice") == "42"


def test_the_catalogue_of_a_service_imports_no_plugin(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(found_here().to_json()))
    code = (
        f"import sys; from pathlib import Path; from server.catalogue import LiveCatalogue;"
        f"found = LiveCatalogue(Path({str(tmp_path)!r}));"
        f"sys.exit({plugin.stem!r} in sys.modules or 'torch' in sys.modules or 'PluginDouble' not in found)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
