"""Guiders: a model with the prompts that it is steered by, and how."""

from __future__ import annotations

from graph.declare import node
from nodes.builtin.sampling import Cfg
from nodes.sockets import Conditioning, Guider, Model


@node("BasicGuider", category="sampling/custom_sampling/guiders", returns="GUIDER", lane="inline")
def basic_guider(*, model: Model, conditioning: Conditioning) -> Guider:
    """By one prompt alone."""
    return Guider(model, conditioning, conditioning, 1.0)


@node("CFGGuider", category="sampling/custom_sampling/guiders", returns="GUIDER", lane="inline")
def cfg_guider(*, model: Model, positive: Conditioning, negative: Conditioning, cfg: Cfg = 8.0) -> Guider:
    """Towards one prompt and away from another."""
    return Guider(model, positive, negative, cfg)
