"""The losses of a training run as a picture."""

from __future__ import annotations

import io
from datetime import datetime

from PIL.PngImagePlugin import PngInfo

from graph.context import Context
from graph.declare import node
from graph.result import Report
from nodes.folders import Folders
from nodes.saving import Numbered, fill_prefix
from nodes.sockets import LossMap
from nodes.training.loss_curve import draw_losses

_WIDTH, _HEIGHT = 800, 480


@node(
    "LossGraphNode",
    display_name="Plot Loss Graph",
    category="training",
    saves="output",
    lane="io",
    experimental=True,
)
def loss_graph(*, loss: LossMap, filename_prefix: str = "loss_graph", context: Context) -> Report:
    """Save the losses of a training run as a curve: every step thin, their running mean bold."""
    information = PngInfo()
    for keyword, text in context.metadata.items():
        information.add_text(keyword, text)
    buffer = io.BytesIO()
    draw_losses(loss.losses.tolist(), _WIDTH, _HEIGHT).save(buffer, format="PNG", pnginfo=information)
    stem = fill_prefix(filename_prefix, width=_WIDTH, height=_HEIGHT, now=datetime.now())
    series = Numbered(context.service(Folders), "output", stem, ".png")
    return Report(files=(series.save(buffer.getvalue()),))
