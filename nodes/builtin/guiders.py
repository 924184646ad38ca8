"""Guiders: a model with the prompts that it is steered by, and how."""

from __future__ import annotations

from typing import Literal

from graph.declare import node
from nodes.builtin.model_patches import patched
from nodes.builtin.sampling import Cfg
from nodes.diffusion.conditioning import with_shared_hints
from nodes.diffusion.dual_guidance import ThirdAway, ThirdTowards
from nodes.sockets import Conditioning, Guider, Model


@node("BasicGuider", category="sampling/custom_sampling/guiders", returns="GUIDER", lane="inline")
def basic_guider(*, model: Model, conditioning: Conditioning) -> Guider:
    """By one prompt alone."""
    return Guider(model, conditioning, conditioning, 1.0)


@node("CFGGuider", category="sampling/custom_sampling/guiders", returns="GUIDER", lane="inline")
def cfg_guider(*, model: Model, positive: Conditioning, negative: Conditioning, cfg: Cfg = 8.0) -> Guider:
    """Towards one prompt and away from another."""
    return Guider(model, positive, negative, cfg)


@node("DualCFGGuider", category="sampling/custom_sampling/guiders", returns="GUIDER", lane="inline")
def dual_cfg_guider(
    *,
    model: Model,
    cond1: Conditioning,
    cond2: Conditioning,
    negative: Conditioning,
    cfg_conds: Cfg = 8.0,
    cfg_cond2_negative: Cfg = 8.0,
    style: Literal["regular", "nested"],
) -> Guider:
    """From a negative prompt towards a second and from there towards a first, as far as two scales say.

    `nested` is the guidance between both prompts, guided away from the negative one.
    """
    second, away = (Conditioning(with_shared_hints(cond1.entries, one.entries)) for one in (cond2, negative))
    if style == "regular":
        guided = patched(model, ThirdTowards(cond1.entries, cfg_conds))
        return Guider(guided, second, away, cfg_cond2_negative)
    return Guider(patched(model, ThirdAway(away.entries, cfg_cond2_negative)), cond1, second, cfg_conds)
