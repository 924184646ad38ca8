"""Patches of a model: its network seen otherwise. The model itself is not loaded, and no other user of it is affected."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from graph.declare import Choices, Range, Unlinked, node
from nodes.builtin.ranges import Percent, Share
from nodes.diffusion.adapters import AttentionScale
from nodes.diffusion.attention_guidance import PerturbedAttention, SelfAttention
from nodes.diffusion.deep_shrink import DeepShrink
from nodes.diffusion.differential import Differential
from nodes.diffusion.freeu import FreeU
from nodes.diffusion.hypertile import HyperTile
from nodes.diffusion.patching import Patch
from nodes.diffusion.token_merging import TokenMerging
from nodes.sockets import Clip, Model

Factor = Annotated[float, Range(0.0, 10.0, 0.01)]
ShrinkMethod = Annotated[str, Choices(("bicubic", "nearest-exact", "bilinear", "area", "bislerp"))]


def patched(model: Model, patch: Patch) -> Model:
    """The model with one more patch."""
    return replace(model, patches=(*model.patches, patch))


@node("FreeU", category="model_patches/unet", returns="MODEL", lane="inline")
def freeu(*, model: Model, b1: Factor = 1.1, b2: Factor = 1.2, s1: Factor = 0.9, s2: Factor = 0.2) -> Model:
    """Strengthen the backbone (b) and weaken the skips (s) of the two deepest levels of the U-Net."""
    return patched(model, FreeU(b1, b2, s1, s2, by_structure=False))


@node("FreeU_V2", category="model_patches/unet", returns="MODEL", lane="inline")
def freeu_v2(*, model: Model, b1: Factor = 1.3, b2: Factor = 1.4, s1: Factor = 0.9, s2: Factor = 0.2) -> Model:
    """FreeU that strengthens the backbone where there is structure."""
    return patched(model, FreeU(b1, b2, s1, s2, by_structure=True))


@node(
    "TomePatchModel", category="model_patches/unet", returns="MODEL", lane="inline", words=("token merging", "faster")
)
def tome_patch_model(*, model: Model, ratio: Share = 0.3) -> Model:
    """Merge this share of the tokens in self-attention: faster on large pictures, a little less detail."""
    return patched(model, TokenMerging(ratio))


@node("HyperTile", category="model_patches/unet", version=2, returns="MODEL", lane="inline", words=("faster",))
def hyper_tile(
    *,
    model: Model,
    tile_size: Annotated[int, Range(1, 2048)] = 256,
    swap_size: Annotated[int, Range(1, 128)] = 2,
    max_depth: Annotated[int, Range(0, 10)] = 0,
    scale_depth: bool = False,
) -> Model:
    """Self-attention within tiles of about this many pixels: faster on large pictures."""
    return patched(model, HyperTile(tile_size, swap_size, max_depth, scale_depth))


@node("PerturbedAttentionGuidance", category="model_patches/unet", returns="MODEL", lane="inline")
def perturbed_attention_guidance(
    *, model: Model, scale: Annotated[float, Range(0.0, 100.0, 0.01, 0.01)] = 3.0
) -> Model:
    """Guide away from what the model predicts without self-attention in its middle: clearer structure."""
    return patched(model, PerturbedAttention(scale))


@node(
    "SelfAttentionGuidance",
    display_name="Self-Attention Guidance",
    category="_for_testing",
    returns="MODEL",
    lane="inline",
    experimental=True,
)
def self_attention_guidance(
    *,
    model: Model,
    scale: Annotated[float, Range(-2.0, 5.0, 0.01)] = 0.5,
    blur_sigma: Annotated[float, Range(0.0, 10.0, 0.1)] = 2.0,
) -> Model:
    """Guide away from what the model predicts when what it attends to is blurred."""
    return patched(model, SelfAttention(scale, blur_sigma))


@node(
    "PatchModelAddDownscale",
    display_name="PatchModelAddDownscale (Kohya Deep Shrink)",
    category="model_patches/unet",
    returns="MODEL",
    lane="inline",
    words=("high resolution", "hires fix"),
)
def patch_model_add_downscale(
    *,
    model: Model,
    block_number: Annotated[int, Range(1, 32, 1)] = 3,
    downscale_factor: Annotated[float, Range(0.1, 9.0, 0.001)] = 2.0,
    start_percent: Percent = 0.0,
    end_percent: Percent = 0.35,
    downscale_after_skip: bool = True,
    downscale_method: ShrinkMethod,
    upscale_method: ShrinkMethod,
) -> Model:
    """Run the deep part of the network at a lower resolution at first, so that large pictures keep one composition."""
    patch = DeepShrink(
        block_number,
        downscale_factor,
        start_percent,
        end_percent,
        downscale_after_skip,
        downscale_method,
        upscale_method,
    )
    return patched(model, patch)


@node(
    "DifferentialDiffusion",
    display_name="Differential Diffusion",
    category="_for_testing",
    returns="MODEL",
    lane="inline",
    experimental=True,
)
def differential_diffusion(*, model: Model, strength: Annotated[Share, Unlinked()] = 1.0) -> Model:
    """Let a grey noise mask say how much each cell may change: the darker, the later it takes part."""
    return patched(model, Differential(strength))


@node(
    "UNetSelfAttentionMultiply",
    category="_for_testing/attention_experiments",
    returns="MODEL",
    lane="inline",
    experimental=True,
)
def unet_self_attention_multiply(
    *, model: Model, q: Factor = 1.0, k: Factor = 1.0, v: Factor = 1.0, out: Factor = 1.0
) -> Model:
    """Multiply the projections of every self-attention layer."""
    return _scaled(model, "attn1", (q, k, v, out))


@node(
    "UNetCrossAttentionMultiply",
    category="_for_testing/attention_experiments",
    returns="MODEL",
    lane="inline",
    experimental=True,
)
def unet_cross_attention_multiply(
    *, model: Model, q: Factor = 1.0, k: Factor = 1.0, v: Factor = 1.0, out: Factor = 1.0
) -> Model:
    """Multiply the projections of every layer that attends to the prompt."""
    return _scaled(model, "attn2", (q, k, v, out))


@node(
    "CLIPAttentionMultiply",
    category="_for_testing/attention_experiments",
    returns="CLIP",
    lane="inline",
    experimental=True,
)
def clip_attention_multiply(
    *, clip: Clip, q: Factor = 1.0, k: Factor = 1.0, v: Factor = 1.0, out: Factor = 1.0
) -> Clip:
    """Multiply the projections of every attention layer of the text encoders."""
    return replace(clip, adapters=(*clip.adapters, AttentionScale("self_attn", q, k, v, out)))


def _scaled(model: Model, layers: Literal["attn1", "attn2"], factors: tuple[float, float, float, float]) -> Model:
    return replace(model, adapters=(*model.adapters, AttentionScale(layers, *factors)))


@node("ModelComputeDtype", category="advanced/debug/model", returns="MODEL", lane="inline")
def model_compute_dtype(*, model: Model, dtype: Literal["default", "fp32", "fp16", "bf16"]) -> Model:
    """Compute the diffusion model in this precision, whatever the precision of the whole run is."""
    chosen = None if dtype == "default" else dtype
    return replace(model, weights=replace(model.weights, compute_dtype=chosen))
