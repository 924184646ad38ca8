"""The U-Net against diffusers on the same small random weights, and against the tables of real checkpoints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import patch

import diffusers
import pytest
import torch
from diffusers.loaders import single_file_utils
from torch.nn import functional

from nodes.diffusion.attention import TransformerBlock
from nodes.diffusion.blocks import timestep_embedding
from nodes.diffusion.config import (
    SD15,
    SD15_INPAINT,
    SD21_V,
    SDXL,
    SDXL_REFINER,
    ModelConfig,
    UNetConfig,
)
from nodes.diffusion.unet import ControlResiduals, UNet
from tests.nodes.golden import needs_shared, state_dict_shapes
from tests.nodes.tiny import UNET, UNET_LABELLED, UNET_LINEAR, tiny_unet

DIFFUSERS: Any = diffusers  # its classes are typed only in part
CONVERSION: Any = single_file_utils

CONFIGS = {
    "convolutional projections, as SD 1.x": UNET,
    "linear projections and heads of fixed width, as SD 2.x": UNET_LINEAR,
    "a label and levels without attention, as SDXL": UNET_LABELLED,
    "nine channels in, as inpainting models": replace(UNET, in_channels=9),
    "three levels, two blocks, the lowest without attention": replace(
        UNET, channel_mult=(1, 2, 2), num_res_blocks=2, transformer_depth=(1, 1, 0)
    ),
    "a class, and levels that attend to the context alone, as the x4 upscaler": replace(
        UNET_LINEAR,
        in_channels=7,
        channel_mult=(1, 2, 2),
        transformer_depth=(0, 1, 1),
        num_classes=10,
        disable_self_attentions=(True, True, False),
    ),
}


def diffusers_unet(unet: UNet) -> Any:
    """diffusers' network with the weights of ours, by diffusers' own conversion."""
    config = unet.config
    depths = config.transformer_depth
    widths = [config.model_channels * mult for mult in config.channel_mult]
    heads = [config.heads(width) for width in widths]
    down = ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths]
    labelled: dict[str, Any] = {}
    if config.adm_in_channels is not None:
        labelled = {
            "class_embed_type": "projection",
            "projection_class_embeddings_input_dim": config.adm_in_channels,
        }
    if config.num_classes is not None:
        labelled = {
            "num_class_embeds": config.num_classes,
            "only_cross_attention": config.disable_self_attentions,
            "mid_block_only_cross_attention": False,
        }
    other = DIFFUSERS.UNet2DConditionModel(
        in_channels=config.in_channels,
        out_channels=config.out_channels,
        down_block_types=tuple(down),
        up_block_types=tuple(name.replace("Down", "Up") for name in reversed(down)),
        block_out_channels=tuple(widths),
        layers_per_block=config.num_res_blocks,
        norm_num_groups=config.norm_num_groups,
        cross_attention_dim=config.context_dim,
        attention_head_dim=tuple(heads),
        transformer_layers_per_block=tuple(max(depth, 1) for depth in depths),
        use_linear_projection=config.use_linear_in_transformer,
        **labelled,
    )
    prefixed = {f"model.diffusion_model.{name}": tensor for name, tensor in unet.state_dict().items()}
    other.load_state_dict(CONVERSION.convert_ldm_unet_checkpoint(prefixed, config=dict(other.config)))
    return other.eval()


def inputs(config: UNetConfig, height: int = 8, width: int = 12) -> dict[str, torch.Tensor | None]:
    generator = torch.Generator().manual_seed(0)
    return {
        "x": torch.randn(2, config.in_channels, height, width, generator=generator),
        "timesteps": torch.tensor([3.0, 871.25]),
        "context": torch.randn(2, 7, config.context_dim, generator=generator),
        "y": _label(config, generator),
    }


def _label(config: UNetConfig, generator: torch.Generator) -> torch.Tensor | None:
    if config.num_classes is not None:
        return torch.tensor([3, 7])
    label = config.adm_in_channels
    return None if label is None else torch.randn(2, label, generator=generator)


def run(unet: UNet, given: dict[str, torch.Tensor | None], control: ControlResiduals | None = None) -> torch.Tensor:
    x, timesteps, context = given["x"], given["timesteps"], given["context"]
    assert x is not None
    assert timesteps is not None
    assert context is not None
    out: torch.Tensor = unet(x, timesteps, context, given["y"], control)
    return out


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_equals_diffusers(config: UNetConfig) -> None:
    unet, given = tiny_unet(config), inputs(config)
    with torch.no_grad():
        theirs = diffusers_unet(unet)(given["x"], given["timesteps"], given["context"], class_labels=given["y"]).sample
    torch.testing.assert_close(run(unet, given), theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("family", "config"),
    [
        ("sd15", SD15),
        ("sd15_inpaint", SD15_INPAINT),
        ("sd21_v", SD21_V),
        ("sdxl_base", SDXL),
        ("sdxl_refiner", SDXL_REFINER),
    ],
)
@pytest.mark.golden
@needs_shared
def test_parameters_are_those_of_real_checkpoints(family: str, config: ModelConfig) -> None:
    with torch.device("meta"):
        unet = UNet(config.unet)
    ours = {name: list(tensor.shape) for name, tensor in unet.state_dict().items()}
    assert ours == state_dict_shapes(family, "model.diffusion_model.")


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 9), (5, 2), (1, 1)])
def test_any_size_of_latent_is_accepted(height: int, width: int) -> None:
    config = CONFIGS["three levels, two blocks, the lowest without attention"]
    out = run(tiny_unet(config), inputs(config, height, width))
    assert out.shape == (2, 4, height, width)
    assert out.isfinite().all()


def test_rows_of_a_batch_do_not_see_each_other() -> None:
    unet, given = tiny_unet(), inputs(UNET)
    both = run(unet, given)
    second = run(unet, {name: None if one is None else one[1:] for name, one in given.items()})
    torch.testing.assert_close(both[1:], second, rtol=1e-5, atol=1e-5)


def test_a_labelled_network_asks_for_its_label() -> None:
    given = inputs(UNET_LABELLED) | {"y": None}
    with pytest.raises(ValueError, match="40 values"):
        run(tiny_unet(UNET_LABELLED), given)


def test_half_precision_weights_take_and_give_float32() -> None:
    given = inputs(UNET)
    exact = run(tiny_unet(), given)
    rounded = run(tiny_unet().to(torch.bfloat16), given)
    assert rounded.dtype is torch.float32
    assert (rounded - exact).norm() < 0.05 * exact.norm()


class TestControlResiduals:
    def test_zeros_change_nothing(self) -> None:
        unet, given = tiny_unet(), inputs(UNET)
        assert torch.equal(run(unet, given, self.filled(0.0)), run(unet, given))

    def test_each_residual_has_an_effect(self) -> None:
        unet, given = tiny_unet(), inputs(UNET)
        plain, zeros = run(unet, given), self.filled(0.0)
        assert zeros.middle is not None
        for index in range(len(zeros.skips)):
            skips = [skip + 1.0 if index == one else skip for one, skip in enumerate(zeros.skips)]
            assert not torch.allclose(run(unet, given, ControlResiduals(tuple(skips), zeros.middle)), plain)
        assert not torch.allclose(run(unet, given, replace(zeros, middle=zeros.middle + 1.0)), plain)

    def test_their_number_must_match(self) -> None:
        few = replace(self.filled(0.0), skips=self.filled(0.0).skips[:-1])
        with pytest.raises(ValueError, match="shorter"):
            run(tiny_unet(), inputs(UNET), few)

    @staticmethod
    def filled(value: float) -> ControlResiduals:
        shapes = [(32, 8, 12), (32, 8, 12), (32, 4, 6), (64, 4, 6)]
        return ControlResiduals(
            tuple(torch.full((2, *shape), value) for shape in shapes), torch.full((2, 64, 4, 6), value)
        )


def test_timestep_embedding_is_continuous_and_starts_with_cosines() -> None:
    at = timestep_embedding(torch.tensor([0.0, 500.0, 500.5, 501.0]), 8)
    assert at[0].tolist() == [1.0] * 4 + [0.0] * 4
    assert (at[2] - at[1]).norm() < (at[3] - at[1]).norm()


@pytest.mark.parametrize("wrong", [{"num_head_channels": 8}, {"num_heads": None}, {"transformer_depth": (1,)}], ids=str)
def test_contradictory_configurations_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"exactly one|for each level"):
        replace(UNET, **wrong)


def test_attention_is_torch_s_fused_kernel_and_nothing_else() -> None:
    """Two for each transformer block, and no matrix of scores: no softmax, no product of batches."""
    unet = tiny_unet(UNET)
    blocks = sum(isinstance(module, TransformerBlock) for module in unet.modules())
    with (
        patch.object(
            functional, "scaled_dot_product_attention", wraps=functional.scaled_dot_product_attention
        ) as fused,
        patch.object(functional, "softmax", side_effect=AssertionError),
        patch.object(torch, "bmm", side_effect=AssertionError),
    ):
        unet(torch.randn(1, 4, 8, 8), torch.tensor([5.0]), torch.randn(1, 7, UNET.context_dim))
    assert fused.call_count == 2 * blocks > 0
