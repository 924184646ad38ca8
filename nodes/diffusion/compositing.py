"""Porter-Duff compositing (1984) and the blend modes that Android's `PorterDuff.Mode` adds to it.

Formulas take colours multiplied by their alpha: colours [B, H, W, 3], alphas [B, H, W, 1], all in 0..1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

_INVISIBLE = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Colour [B, H, W, 3], multiplied by alpha or not as a function says, and alpha [B, H, W, 1]."""

    color: Tensor
    alpha: Tensor


Mode = Callable[[Layer, Layer], Layer]


def composite(source: Layer, destination: Layer, mode: str) -> Layer:
    """Two layers of one size, colours not multiplied by alpha, put together by one of `MODES`."""
    mixed = MODES[mode](_multiplied(source), _multiplied(destination))
    color = torch.where(mixed.alpha > _INVISIBLE, mixed.color / mixed.alpha, 0.0)
    return Layer(color.clamp(0.0, 1.0), mixed.alpha)


def _multiplied(layer: Layer) -> Layer:
    return Layer(layer.color * layer.alpha, layer.alpha)


def _union(s: Layer, d: Layer) -> Tensor:
    return s.alpha + d.alpha - s.alpha * d.alpha


def _shares(in_source: Callable[[Layer], Tensor], in_destination: Callable[[Layer], Tensor]) -> Mode:
    """A mode in which each layer keeps a share that only the other's alpha decides (Porter and Duff, table in section 4)."""

    def mode(s: Layer, d: Layer) -> Layer:
        of_source, of_destination = in_source(d), in_destination(s)
        return Layer(s.color * of_source + d.color * of_destination, s.alpha * of_source + d.alpha * of_destination)

    return mode


def _none(other: Layer) -> Tensor:
    return torch.zeros_like(other.alpha)


def _all(other: Layer) -> Tensor:
    return torch.ones_like(other.alpha)


def _inside(other: Layer) -> Tensor:
    return other.alpha


def _outside(other: Layer) -> Tensor:
    return 1.0 - other.alpha


def _add(s: Layer, d: Layer) -> Layer:
    return Layer((s.color + d.color).clamp(0.0, 1.0), (s.alpha + d.alpha).clamp(0.0, 1.0))


def _multiply(s: Layer, d: Layer) -> Layer:
    return Layer(s.color * d.color, s.alpha * d.alpha)


def _screen(s: Layer, d: Layer) -> Layer:
    return Layer(s.color + d.color - s.color * d.color, _union(s, d))


def _overlay(s: Layer, d: Layer) -> Layer:
    dark = 2.0 * s.color * d.color
    bright = s.alpha * d.alpha - 2.0 * (d.alpha - s.color) * (s.alpha - d.color)
    return Layer(torch.where(2.0 * d.color < d.alpha, dark, bright), _union(s, d))


def _extreme(choose: Callable[[Tensor, Tensor], Tensor]) -> Mode:
    def mode(s: Layer, d: Layer) -> Layer:
        color = (1.0 - d.alpha) * s.color + (1.0 - s.alpha) * d.color + choose(s.color, d.color)
        return Layer(color, _union(s, d))

    return mode


MODES: Final[Mapping[str, Mode]] = {
    "ADD": _add,
    "CLEAR": _shares(_none, _none),
    "DARKEN": _extreme(torch.minimum),
    "DST": _shares(_none, _all),
    "DST_ATOP": _shares(_outside, _inside),
    "DST_IN": _shares(_none, _inside),
    "DST_OUT": _shares(_none, _outside),
    "DST_OVER": _shares(_outside, _all),
    "LIGHTEN": _extreme(torch.maximum),
    "MULTIPLY": _multiply,
    "OVERLAY": _overlay,
    "SCREEN": _screen,
    "SRC": _shares(_all, _none),
    "SRC_ATOP": _shares(_inside, _outside),
    "SRC_IN": _shares(_inside, _none),
    "SRC_OUT": _shares(_outside, _none),
    "SRC_OVER": _shares(_all, _outside),
    "XOR": _shares(_outside, _outside),
}
