"""Draws the pictures of this folder with the embedded model: `python -m workflows.draw`.

First `input/`, the pictures that some workflows start from, then `pictures/`, one for each workflow. Those that train run
for hours, so their pictures are sheets of what goes in or what came out. To be run again when the embedded model or a
workflow changes.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

from nodes.training_data.composition import composition
from nodes.training_data.objects import object_kinds
from nodes.training_data.rendering import reduced, render
from nodes.training_data.sprites import SpriteSet
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

TRAINED: Final = (
    "a fox in the snow at night",
    "a red apple on a blue background",
    "mountains at sunset",
    "a blue car in the desert on a sunny day",
    "a panda in a forest",
    "a rocket on a blue and purple gradient background",
)
"""What the embedded model draws for its sheet, seed 0 each, nothing picked."""

SHOWN_PICTURES: Final = ("autoencoder", "sitting", "large_pictures", "few_steps")
"""Workflows that train the model on; of each the first pictures that it shows the model."""

COLUMNS: Final = 3
CELL: Final = 96
"""Of a sheet: pictures in a row, and the side of each in pixels."""


def main() -> int:
    """Draw everything anew."""
    with tempfile.TemporaryDirectory() as folder:
        for name, (prompt, seed) in INPUTS.items():
            _draw("text_to_image", HERE / "input" / name, Path(folder), "--prompt", prompt, "--seed", str(seed))
        _cut_hole()
        for workflow in sorted(HERE.glob("*.json")):
            _draw(workflow.stem, HERE / "pictures" / f"{workflow.stem}.png", Path(folder))
        _draw_training(HERE / "pictures/training", Path(folder))
    return 0


def _draw_training(target: Path, folder: Path) -> None:
    """What the made model draws, what a LoRA learns from, and what further training shows the model first."""
    target.mkdir(parents=True, exist_ok=True)
    drawn = [folder / f"{number}.png" for number in range(len(TRAINED))]
    for path, prompt in zip(drawn, TRAINED, strict=True):
        _draw("text_to_image", path, folder, "--prompt", prompt, "--seed", "0")
    _sheet([Image.open(path) for path in drawn], target / "embedded_model.png")

    captioned = sorted((HERE / "input/zorp").glob("*.webp"))[: len(TRAINED)]
    _sheet([Image.open(path) for path in captioned], target / "lora.png")

    things, sprites = object_kinds(), SpriteSet()
    for workflow in SHOWN_PICTURES:
        shown = json.loads((HERE / f"training/{workflow}.json").read_text())["nodes"]["scenes"]["inputs"]
        scenes = [composition(shown["first_seed"] + index, "training", things) for index in range(len(TRAINED))]
        _sheet([reduced(render(scene, sprites), shown["size"]) for scene in scenes], target / f"{workflow}.png")


def _sheet(pictures: Sequence[Image.Image], target: Path) -> None:
    page = Image.new("RGB", (COLUMNS * CELL, len(pictures) // COLUMNS * CELL))
    for index, picture in enumerate(pictures):
        row, column = divmod(index, COLUMNS)
        page.paste(picture.convert("RGB").resize((CELL, CELL), Image.Resampling.LANCZOS), (column * CELL, row * CELL))
    page.save(target, optimize=True)


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
