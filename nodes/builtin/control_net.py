"""Steering by pictures: control networks loaded, told what they see, and put on prompts."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from graph.context import Context
from graph.declare import Choices, FileIn, Tooltip, node
from nodes.builtin.ranges import Percent, Strength
from nodes.diffusion.control import ControlHint
from nodes.diffusion.control_net import ControlNetConfig
from nodes.errors import UnsuitableInput
from nodes.models import named_network
from nodes.sockets import Conditioning, ControlNet, Image, Model, Vae
from nodes.weights.networks import NetworkRef, is_difference, open_control_net

ControlNetName = Annotated[str, FileIn("controlnet")]

_UNUSED_VAE = Tooltip(
    "For networks that read latents. Those of SD 1.x, 2.x and SDXL read pictures: it changes nothing."
)

UNION_TYPES = (
    "openpose",
    "depth",
    "hed/pidi/scribble/ted",
    "canny/lineart/anime_lineart/mlsd",
    "normal",
    "segment",
    "tile",
    "repaint",
)
"""What union networks (xinsir, 2024) can be told that a picture is, in the order of their training."""


@node("ControlNetLoader", display_name="Load ControlNet Model", category="loaders", returns="CONTROL_NET", lane="io")
def control_net_loader(*, control_net_name: ControlNetName, context: Context) -> ControlNet:
    """A control network: a picture of edges, depth, a pose, ... steers what is made."""
    ref = _find(control_net_name, context)
    if is_difference(ref.path):
        raise UnsuitableInput(
            f"{control_net_name} holds differences to a model, and means nothing without it",
            hint="Load it with DiffControlNetLoader, which takes the model too.",
        )
    return ControlNet(ref)


@node(
    "DiffControlNetLoader",
    display_name="Load ControlNet Model (diff)",
    category="loaders",
    returns="CONTROL_NET",
    lane="io",
    version=2,
)
def diff_control_net_loader(*, model: Model, control_net_name: ControlNetName, context: Context) -> ControlNet:
    """A control network that is kept as the difference to a model, under what is laid over its weights. One that is not is
    loaded as it is."""
    ref = _find(control_net_name, context)
    return ControlNet(replace(ref, base=model.weights, base_patches=model.adapters) if is_difference(ref.path) else ref)


@node(
    "ControlNetApply",
    display_name="Apply ControlNet (OLD)",
    category="conditioning/controlnet",
    returns="CONDITIONING",
    deprecated=True,
    lane="inline",
)
def control_net_apply(
    *, conditioning: Conditioning, control_net: ControlNet, image: Image, strength: Strength = 1.0
) -> Conditioning:
    """Steer a prompt, and what it is weighed against, by a picture."""
    if strength == 0:
        return conditioning
    hint = ControlHint(control_net.network, image.rgb, strength, kind=control_net.kind, also_negative=True)
    return _steered(conditioning, hint)


@node(
    "ControlNetApplyAdvanced",
    display_name="Apply ControlNet",
    category="conditioning/controlnet",
    returns=("positive", "negative"),
    lane="inline",
    words=("pose", "depth"),
)
def control_net_apply_advanced(
    *,
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    image: Image,
    strength: Strength = 1.0,
    start_percent: Percent = 0.0,
    end_percent: Percent = 1.0,
    vae: Annotated[Vae | None, _UNUSED_VAE] = None,
) -> tuple[Conditioning, Conditioning]:
    """Steer both prompts by a picture, in a part of the way from noise (0) to picture (1)."""
    del vae
    if strength == 0:
        return positive, negative
    hint = ControlHint(control_net.network, image.rgb, strength, start_percent, end_percent, control_net.kind)
    return _steered(positive, hint), _steered(negative, hint)


@node("SetUnionControlNetType", category="conditioning/controlnet", returns="CONTROL_NET", lane="inline")
def set_union_control_net_type(
    *,
    control_net: ControlNet,
    type: Annotated[str, Choices(("auto", *UNION_TYPES))],  # noqa: A002 - the field's name
) -> ControlNet:
    """Tell a union network what kind of picture it sees. Other networks know that anyway."""
    if type == "auto":
        return replace(control_net, kind=None)
    kind, config = UNION_TYPES.index(type), control_net.network.config
    if isinstance(config, ControlNetConfig) and 0 < config.union_types <= kind:
        raise UnsuitableInput(
            f"{control_net.network.path.name} knows {config.union_types} kinds of picture, and {type!r} is none of them",
            hint="Use another type, or 'auto'.",
        )
    return replace(control_net, kind=kind)


def _find(name: str, context: Context) -> NetworkRef:
    return named_network(context, "controlnet", name, "control network", open_control_net)


def _steered(conditioning: Conditioning, hint: ControlHint) -> Conditioning:
    """Every entry with one more hint; all share it, so that the network answers them together."""
    return Conditioning(tuple(replace(entry, controls=(*entry.controls, hint)) for entry in conditioning.entries))
