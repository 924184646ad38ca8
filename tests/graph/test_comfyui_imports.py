"""Reading a workflow file costs no library that only some files need."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "numpy", "PIL", "networkx", "jsonschema", "aiohttp", "transformers")


def test_the_modules_load_no_heavy_library() -> None:
    program = f"""
import sys, pkgutil, importlib, graph.comfyui
for module in pkgutil.iter_modules(graph.comfyui.__path__):
    importlib.import_module("graph.comfyui." + module.name)
print([name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
