"""The arrows of the house, what starting up may not cost, and how long files and functions may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

INSTALLED = {".venv", "node_modules"}
"""What others wrote: the clients of ComfyUI that are installed below `tests/clients`."""


def _python_files(*folders: str) -> list[Path]:
    found = (path for name in folders for path in (ROOT / name).rglob("*.py"))
    return sorted(path for path in found if not INSTALLED & set(path.parts[len(ROOT.parts) :]))


SOURCES = _python_files("graph", "nodes", "server", "tests", "bench", "workflows")
HEAVY = {"torch", "transformers", "aiohttp", "numpy", "PIL", "networkx", "safetensors", "jsonschema", "asyncio.events"}


def _loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has after running `code`."""
    program = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("code", "without"),
    [
        ("import graph", HEAVY | {"json", "asyncio", "sqlite3"}),
        ("import graph.plan, graph.run, graph.cache.disk", HEAVY - {"asyncio.events"}),
        ("import graph.document, graph.schema, graph.bind", HEAVY),
        ("import graph.comfyui", HEAVY),
        ("import nodes.catalogue", HEAVY),
        ("import nodes.catalogue; nodes.catalogue.load_catalogue()", {"torch", "transformers", "aiohttp"}),
    ],
)
def test_what_an_import_does_not_pull_in(code: str, without: set[str]) -> None:
    assert _loaded_by(code) & without == set()


def test_the_graph_package_names_no_other_package_of_ours() -> None:
    names = _loaded_by("import graph.run, graph.expand, graph.comfyui")
    assert {name.partition(".")[0] for name in names} & {"nodes", "server", "tests"} == set()


def test_no_test_folder_is_a_package() -> None:
    """With an `__init__.py` here, `import graph` inside a test would find the folder of its tests."""
    assert [path for path in _python_files("tests") if path.name == "__init__.py"] == []


def test_no_file_is_longer_than_a_concept() -> None:
    long = {str(path): count for path in SOURCES if (count := len(path.read_text("utf-8").splitlines())) > 450}
    assert long == {}


def test_every_function_fits_a_screen() -> None:
    long = [
        f"{path}: {one.name}"
        for path in SOURCES
        for one in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and (one.end_lineno or 0) - one.lineno >= 60
    ]
    assert long == []
