"""What the README tells people to type works, and what it names exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from nodes.catalogue import load_catalogue
from tests.server.cli import ROOT, CommandLine

README = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("latentgraph ")
]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_works(latentgraph: CommandLine, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.chdir(ROOT)
    for name in ("cache", "output"):
        monkeypatch.setenv(f"LATENTGRAPH_{name.upper()}", str(latentgraph.folder / name))
    done = latentgraph(*shlex.split(line)[1:])
    assert done.code == 0, done.err


def test_the_workflow_in_the_readme_can_run(latentgraph: CommandLine) -> None:
    (sample,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    done = latentgraph("validate", str(latentgraph.write("sample.json", sample)))
    assert (done.code, "valid" in done.out) == (0, True), done.out


def test_the_readme_has_commands() -> None:
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "workflows/README.md"])
def test_links_lead_to_files(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def test_the_architecture_names_files_that_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    names = {name for name in re.findall(r"`([a-z_]+\.(?:py|json))`", text)}
    known = {path.name for folder in ("graph", "nodes", "server") for path in (ROOT / folder).rglob("*")}
    assert names <= known, names - known


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z]+)$", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_catalogue_is_not_empty() -> None:
    assert len(load_catalogue()) > 50


def test_the_repository_names_no_registry_host() -> None:
    for path in [*ROOT.glob("*.*"), ROOT / "Makefile", *Path(ROOT / ".ci").iterdir()]:
        if path.is_file():
            assert not re.search(r"pypi\.org|npmjs\.(org|com)|pythonhosted", path.read_text(errors="ignore")), path
