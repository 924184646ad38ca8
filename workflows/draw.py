"""Draws the pictures of this folder with the embedded model: `python -m workflows.draw`.

First `input/`, the pictures that some workflows start from, then `pictures/`, one for each workflow. To be run again when
the embedded model or a workflow changes.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

from server.cli.main import main as latentgraph

HERE: Final = Path(__file__).parent
INPUTS: Final[Mapping[str, tuple[str, int]]] = {
    "apple.png": ("a red apple on a blue background", 6),
    "meadow.png": ("a green meadow on a sunny day", 4),
    "mountains.png": ("mountains at sunset", 1),
}
"""Name to prompt and seed."""

HOLE: Final = ("meadow.png", "meadow_with_hole.png", (40, 56, 104, 120))
"""A picture, its copy with an ellipse made transparent, and where."""


def main() -> int:
    """Draw everything anew."""
    with tempfile.TemporaryDirectory() as folder:
        for name, (prompt, seed) in INPUTS.items():
            _draw("text_to_image", HERE / "input" / name, Path(folder), "--prompt", prompt, "--seed", str(seed))
        _cut_hole()
        for workflow in sorted(HERE.glob("*.json")):
            _draw(workflow.stem, HERE / "pictures" / f"{workflow.stem}.png", Path(folder))
    return 0


def _draw(workflow: str, target: Path, folder: Path, *parameters: str) -> None:
    """Run a workflow and keep its first picture."""
    printed = io.StringIO()
    places = ["--output", str(folder / "output"), "--cache", str(folder / "cache"), "--input", str(HERE / "input")]
    with redirect_stdout(printed):
        code = latentgraph(["run", str(HERE / f"{workflow}.json"), "--json", *places, *parameters])
    if code != 0:
        raise SystemExit(f"{workflow} failed:\n{printed.getvalue()}")
    target.parent.mkdir(exist_ok=True)
    shutil.copy(json.loads(printed.getvalue())["files"][0], target)


def _cut_hole() -> None:
    source, target, box = HOLE
    with Image.open(HERE / "input" / source) as picture:
        alpha = Image.new("L", picture.size, 255)
        ImageDraw.Draw(alpha).ellipse(box, fill=0)
        picture.putalpha(alpha)
        picture.save(HERE / "input" / target)


if __name__ == "__main__":
    sys.exit(main())
