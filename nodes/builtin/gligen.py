"""Grounding: what is to be seen in which box of the picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from graph.context import Context
from graph.declare import FileIn, Range, node
from graph.result import Report
from nodes.builtin.ranges import CELL, CellPixels
from nodes.diffusion.conditioning import ConditioningEntry, Grounding
from nodes.diffusion.gligen import MOST_BOXES, GligenConfig, TextBox
from nodes.errors import UnsuitableInput
from nodes.models import named_network
from nodes.prompting import Prompt, encode
from nodes.sockets import Clip, Conditioning, Gligen
from nodes.weights.networks import NetworkRef, open_gligen

BoxSide = Annotated[int, Range(8, 16384, 8)]


@node("GLIGENLoader", category="loaders", returns="GLIGEN", lane="io")
def gligen_loader(*, gligen_name: Annotated[str, FileIn("gligen")], context: Context) -> Gligen:
    """A network that ties phrases to boxes of the picture."""
    return Gligen(named_network(context, "gligen", gligen_name, "GLIGEN network", open_gligen))


@node("GLIGENTextBoxApply", category="conditioning/gligen", returns="CONDITIONING", lane="device")
def gligen_text_box_apply(
    *,
    conditioning_to: Conditioning,
    clip: Clip,
    gligen_textbox_model: Gligen,
    text: Prompt,
    width: BoxSide = 64,
    height: BoxSide = 64,
    x: CellPixels = 0,
    y: CellPixels = 0,
    context: Context,
) -> tuple[Conditioning, Report]:
    """A phrase and the rectangle, in pixels, where the picture is to show it. Several may follow each other."""
    encoded = encode(clip, [text] * len(clip.towers), context)
    config = gligen_textbox_model.network.config
    assert isinstance(config, GligenConfig)
    if encoded.pooled.shape[1] != config.phrase_dim:
        raise UnsuitableInput(
            f"{gligen_textbox_model.network.path.name} reads phrases of width {config.phrase_dim}, and this CLIP gives "
            f"{encoded.pooled.shape[1]}",
            hint=f"Use the CLIP of a {config.family} checkpoint.",
        )
    box = TextBox(encoded.pooled, height // CELL, width // CELL, y // CELL, x // CELL)
    entries = tuple(_with_box(entry, gligen_textbox_model.network, box) for entry in conditioning_to.entries)
    return Conditioning(entries), encoded.report


def _with_box(entry: ConditioningEntry, network: NetworkRef, box: TextBox) -> ConditioningEntry:
    before = () if entry.grounding is None else entry.grounding.boxes
    if len(before) == MOST_BOXES:
        raise UnsuitableInput(f"a prompt has at most {MOST_BOXES} boxes", hint="Combine prompts with some boxes each.")
    return replace(entry, grounding=Grounding(network, (*before, box)))
