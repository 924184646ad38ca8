"""Ranges and choices that many nodes share."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from graph.declare import Choices, Range

MAX_SIDE: Final = 16384
CELL: Final = 8
"""Pixels a side of a latent's cell. Positions and sizes of latents are given in pixels."""

Pixels = Annotated[int, Range(0, MAX_SIDE, 1)]
Side = Annotated[int, Range(1, MAX_SIDE, 1)]
CellPixels = Annotated[int, Range(0, MAX_SIDE, CELL)]
Share = Annotated[float, Range(0.0, 1.0, 0.01)]
Percent = Annotated[float, Range(0.0, 1.0, 0.001)]
"""A share of the way from noise (0) to picture (1)."""
Strength = Annotated[float, Range(0.0, 10.0, 0.01)]
BatchSize = Annotated[int, Range(1, 4096)]
Color = Annotated[int, Range(0, 0xFFFFFF, 1)]

LatentMethod = Literal["nearest-exact", "bilinear", "area", "bicubic", "bislerp"]
ImageMethod = Literal["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]
Crop = Literal["disabled", "center"]
Rotation = Annotated[str, Choices(("none", "90 degrees", "180 degrees", "270 degrees"))]
Flip = Annotated[str, Choices(("x-axis: vertically", "y-axis: horizontally"))]
