"""Losses as a picture: every step thin, their running mean bold; beside it, while a run goes on, what the model draws."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw

_INK: Final = "#1f2937"
_GRID: Final = "#d1d5db"
_STEPS: Final = "#93c5fd"
_MEAN: Final = "#1d4ed8"
_MARGIN: Final = 44
_SMOOTHED_OVER: Final = 24
"""The running mean is over one in so many of the steps."""

Points = list[tuple[float, float]]


def draw_losses(losses: Sequence[float], width: int = 640, height: int = 400) -> Image.Image:
    """The curve of some losses. Steps that are not finite are left out."""
    page = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(page)
    finite = [(step, loss) for step, loss in enumerate(losses, 1) if math.isfinite(loss)]
    if not finite:
        draw.text((_MARGIN, height // 2), "no step yet", fill=_INK)
        return page
    low, high = min(loss for _, loss in finite), max(loss for _, loss in finite)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    frame = _Frame(len(losses), low, high, width, height)
    _axes(draw, frame)
    _curve(draw, _thinned([frame.place(step, loss) for step, loss in finite], width), _STEPS, 1)
    _curve(draw, _thinned([frame.place(step, loss) for step, loss in running_mean(finite)], width), _MEAN, 3)
    draw.text((width - 190, 12), f"step {len(losses)}, loss {running_mean(finite)[-1][1]:.4g}", fill=_INK)
    return page


def running_mean(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Each point with the mean of itself and those before it, as many as a part of the whole."""
    window = max(1, len(points) // _SMOOTHED_OVER)
    means, total = [], 0.0
    for index, (step, loss) in enumerate(points):
        total += loss - (points[index - window][1] if index >= window else 0.0)
        means.append((step, total / min(index + 1, window)))
    return means


def training_preview(losses: Sequence[float], samples: Image.Image | None) -> bytes:
    """What a node shows while it trains, as JPEG: the curve, and the latest samples if there are any."""
    curve = draw_losses(losses)
    if samples is not None:
        shown = samples.convert("RGB").copy()
        shown.thumbnail((curve.height, curve.height))
        page = Image.new("RGB", (curve.width + shown.width, curve.height), "white")
        page.paste(curve, (0, 0))
        page.paste(shown, (curve.width, (curve.height - shown.height) // 2))
        curve = page
    buffer = io.BytesIO()
    curve.save(buffer, format="JPEG", quality=90)
    return buffer.getvalue()


class _Frame:
    """Where a step and a loss are on the page."""

    def __init__(self, steps: int, low: float, high: float, width: int, height: int) -> None:
        self.steps, self.low, self.high, self.width, self.height = steps, low, high, width, height

    def place(self, step: float, loss: float) -> tuple[float, float]:
        across = (step - 1) / max(1, self.steps - 1)
        up = (loss - self.low) / (self.high - self.low)
        return (
            _MARGIN + across * (self.width - 2 * _MARGIN),
            self.height - _MARGIN - up * (self.height - 2 * _MARGIN),
        )


def _axes(draw: ImageDraw.ImageDraw, frame: _Frame) -> None:
    for part in range(5):
        loss = frame.low + (frame.high - frame.low) * part / 4
        x, y = frame.place(1, loss)
        draw.line([(x, y), (frame.width - _MARGIN, y)], fill=_GRID)
        draw.text((4, y - 6), f"{loss:.3g}", fill=_INK)
        step = 1 + round((frame.steps - 1) * part / 4)
        x, y = frame.place(step, frame.low)
        draw.text((x - 6, y + 8), str(step), fill=_INK)


def _thinned(points: Points, most: int) -> Points:
    stride = max(1, len(points) // most)
    return points if stride == 1 else [*points[::stride], points[-1]]


def _curve(draw: ImageDraw.ImageDraw, points: Points, colour: str, width: int) -> None:
    if len(points) == 1:
        (x, y), reach = points[0], width + 1
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour)
    else:
        draw.line(points, fill=colour, width=width, joint="curve")
