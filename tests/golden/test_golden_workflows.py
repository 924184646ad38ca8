"""Whole workflows against reference results, on full-size checkpoints of random weights.

Each case is a ComfyUI prompt beside the repository (`shared/golden/workflows`); it is read, planned and run as any workflow
is, in fp32. What SaveLatent and SaveImage wrote is compared with what the reference program saved, and how far apart they
are is printed at the end. Checkpoints are made once, by the recipe beside the reference results, and kept in
`$LATENTGRAPH_GOLDEN` (or `~/.cache/latentgraph-golden`). The U-Net of SDXL does not fit into the budget and is streamed.
"""

from __future__ import annotations

import gc
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import load_file

from graph.comfyui.read import import_workflow
from graph.document import Document
from graph.events import RunFinished
from nodes.catalogue import read_catalogue
from nodes.memory.residency import Residency
from tests.nodes.golden import SHARED
from tests.nodes.running import Bench

WORKFLOWS: Final = SHARED / "golden" / "workflows"
RECIPE: Final = SHARED / "tools" / "random_checkpoint.py"
LATENT_TOLERANCE: Final = 1e-4
LEAST_PSNR: Final = 55.0
LEVEL_TOLERANCE: Final = 1
BUDGET_BYTES: Final = 5 * 2**30  # all of SD 1.x in fp32 stays between cases
MOST_BYTES: Final = 9 * 2**30
"""What a case may hold at its peak."""
NO_MODEL: Final = "no model"
BESIDE: Final = {
    "lora_sd15": "loras",
    "embedding_sd15": "embeddings",
    "esrgan_x4": "upscale_models",
    "controlnet_sd15": "controlnet",
}
"""Small models that workflows use beside a checkpoint, and their folders."""

pytestmark = [
    pytest.mark.golden,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not WORKFLOWS.is_dir(), reason=f"there are no reference workflows at {WORKFLOWS}"),
]


@dataclass(frozen=True)
class Case:
    """One reference workflow: its name, its prompt, and the checkpoint it runs on."""

    name: str
    prompt: dict[str, Any]
    family: str

    @property
    def types(self) -> set[str]:
        return {node["class_type"] for node in self.prompt.values()}

    @property
    def computes_no_network(self) -> bool:
        """Whether only operations on pictures are in it, which are exact up to the rounding to 8 bits."""
        return self.family == NO_MODEL and "UpscaleModelLoader" not in self.types

    def prefixes(self, node_type: str) -> dict[str, str]:
        """For each node of a type that saves: the name of its reference files."""
        return {
            name: Path(node["inputs"]["filename_prefix"]).name
            for name, node in self.prompt.items()
            if node["class_type"] == node_type
        }


def read_case(path: Path) -> Case:
    prompt = json.loads(path.read_bytes())
    checkpoints = {Path(name).stem for node in prompt.values() if (name := node["inputs"].get("ckpt_name"))}
    return Case(path.stem, prompt, min(checkpoints, default=NO_MODEL))


CASES: Final = sorted(map(read_case, WORKFLOWS.glob("*.json")), key=lambda case: (case.family, case.name))


def cache_folder() -> Path:
    """Where full-size checkpoints are kept from one run of the tests to the next."""
    chosen = os.environ.get("LATENTGRAPH_GOLDEN")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "latentgraph-golden"


def provide_checkpoint(folder: Path, family: str) -> None:
    """Make sure that the file of a family is in a folder, whole."""
    path = folder / f"{family}.safetensors"
    if path.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    subprocess.run([sys.executable, RECIPE, family, unfinished], check=True, capture_output=True)
    unfinished.rename(path)


@pytest.fixture(scope="module")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bench with the models of one family; its weights are let go before the next family's are loaded."""
    cache, base = cache_folder(), tmp_path_factory.mktemp("golden")
    if request.param != NO_MODEL:
        provide_checkpoint(cache / "checkpoints", request.param)
    for family, folder in BESIDE.items():
        provide_checkpoint(cache / folder, family)
    (base / "models").symlink_to(cache)
    (base / "input").mkdir()
    shutil.copy(WORKFLOWS / "input.png", base / "input")
    bench = Bench(base, budget_bytes=BUDGET_BYTES)
    yield bench
    residency = bench.services[Residency]
    assert isinstance(residency, Residency)
    residency.clear()
    gc.collect()


@pytest.mark.parametrize(
    ("bench", "case"),
    [pytest.param(case.family, case, id=case.name) for case in CASES],
    indirect=["bench"],
)
def test_a_workflow_gives_the_reference_results(bench: Bench, case: Case, request: pytest.FixtureRequest) -> None:
    figures = request.node.user_properties
    forget_peak()
    started = time.perf_counter()
    finished = bench.run(importable(case))
    seconds, peak = time.perf_counter() - started, peak_bytes()
    distances = [
        relative_error(load_file(saved)["latent_tensor"], load_file(WORKFLOWS / f"{name}.safetensors")["latent"])
        for node, name in case.prefixes("SaveLatent").items()
        for saved in bench.files(finished, node)
    ]
    pictures = [
        pair for node, name in case.prefixes("SaveImage").items() for pair in pairs(bench, finished, node, name)
    ]
    psnrs, levels = zip(*(picture_distance(*pair) for pair in pictures), strict=True) if pictures else ((), ())
    figures += [("latent", f"{error:.1e}") for error in distances]
    if pictures:
        figures += [("PSNR", f"{min(psnrs):.1f} dB"), ("levels", f"{max(levels):.0f}")]
    figures += [("seconds", f"{seconds:.1f}"), ("peak", f"{peak / 2**30:.1f} GiB")]
    assert all(error <= LATENT_TOLERANCE for error in distances)
    for psnr, most in zip(psnrs, levels, strict=True):
        assert most <= LEVEL_TOLERANCE or (psnr >= LEAST_PSNR and not case.computes_no_network)
    assert peak <= MOST_BYTES


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """The most resident memory since `forget_peak`."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def importable(case: Case) -> Document:
    """The case as a document of ours; skips, naming them, where node types do not exist yet."""
    catalogue = read_catalogue()
    missing = sorted(case.types - catalogue.keys())
    if missing:
        pytest.skip(f"there is no node {', '.join(missing)} yet")
    return import_workflow(case.prompt, catalogue).document


def pairs(bench: Bench, finished: RunFinished, node: str, name: str) -> list[tuple[Path, Path]]:
    """Each picture that a node saved, with its reference: one picture, or those of a batch in order."""
    one = WORKFLOWS / f"{name}.png"
    expected = [one] if one.exists() else sorted(WORKFLOWS.glob(f"{name}.[0-9]*.png"))
    return list(zip(bench.files(finished, node), expected, strict=True))


def relative_error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    assert actual.shape == expected.shape
    return float((actual - expected).norm() / expected.norm())


def picture_distance(saved: Path, reference: Path) -> tuple[float, float]:
    """PSNR in dB, and the largest difference in 8-bit levels."""
    actual, expected = levels_of(saved), levels_of(reference)
    assert actual.shape == expected.shape, reference.name
    difference = np.abs(actual - expected)
    error = float((difference**2).mean())
    return math.inf if error == 0 else 10 * math.log10(255**2 / error), float(difference.max())


def levels_of(path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    with Pillow.open(path) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.float64)
