"""What a latent diffusion model is made of, as frozen values.

A network in this package is built from one of these configurations and from nothing else, so a model family is a
row of numbers: `SD15`, `SD20`, `SDXL` and the others below, and whatever a checkpoint says of itself in its metadata.
Field names are those of the latent-diffusion (LDM) configuration files where they have one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Prediction = Literal["eps", "v", "edm", "x0", "lcm", "edit"]
"""What a network's output is read as: noise, velocity, what EDM's preconditioning adds to the input, the clean latent, noise
under the boundary condition of consistency models, or the clean latent from an input that is not scaled."""
Betas = Literal["scaled_linear", "linear", "squaredcos_cap_v2"]
Label = Literal["prompt", "picture", "noise"]
"""What a network's label says besides the timestep: the pooled prompt and picture sizes (SDXL), a picture as CLIP sees it
(unCLIP), or how much noise is in a picture that it is shown (the x4 upscaler)."""
Activation = Literal["quick_gelu", "gelu"]
Rgb = tuple[float, float, float]


def _check_divides(what: str, divisor: int, channels: int) -> None:
    if divisor < 1 or channels < 1 or channels % divisor != 0:
        raise ValueError(f"{what} is {divisor}, which does not divide {channels} channels")


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """The LDM U-Net. `transformer_depth` counts transformer blocks at each level (0: no attention there).

    Attention has either a fixed number of heads (`num_heads`, SD 1.x) or heads of a fixed width
    (`num_head_channels`, SD 2.x and SDXL). `adm_in_channels` is the width of the vector `y` of SDXL;
    with `num_classes` y is the number of a class instead. At levels of `disable_self_attentions` the first attention of a
    block is to the context, too.
    """

    in_channels: int = 4
    out_channels: int = 4
    model_channels: int = 320
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int = 2
    transformer_depth: tuple[int, ...] = (1, 1, 1, 0)
    middle_depth: int = 1
    context_dim: int = 768
    num_heads: int | None = 8
    num_head_channels: int | None = None
    use_linear_in_transformer: bool = False
    adm_in_channels: int | None = None
    norm_num_groups: int = 32
    num_classes: int | None = None
    disable_self_attentions: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        if len(self.transformer_depth) != len(self.channel_mult):
            raise ValueError("transformer_depth and channel_mult must have one entry for each level")
        if self.disable_self_attentions and len(self.disable_self_attentions) != len(self.channel_mult):
            raise ValueError("disable_self_attentions must be empty or have one entry for each level")
        if (self.num_heads is None) == (self.num_head_channels is None):
            raise ValueError("give exactly one of num_heads and num_head_channels")
        for mult, depth in zip(self.channel_mult, self.transformer_depth, strict=True):
            width = mult * self.model_channels
            _check_divides("norm_num_groups", self.norm_num_groups, width)
            if depth > 0:
                _check_divides("the number of heads", self.heads(width), width)

    @property
    def downscale(self) -> int:
        """How much smaller, on each side, the lowest level is than the latent."""
        return int(2 ** (len(self.channel_mult) - 1))

    def heads(self, channels: int) -> int:
        """Number of attention heads in a layer of this many channels."""
        if self.num_heads is not None:
            return self.num_heads
        assert self.num_head_channels is not None
        return channels // self.num_head_channels


@dataclass(frozen=True, slots=True)
class VaeConfig:
    """The LDM autoencoder with a KL-regularised latent, attention in the middle only."""

    ch: int = 128
    ch_mult: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int = 2
    image_channels: int = 3
    z_channels: int = 4
    embed_dim: int = 4
    norm_num_groups: int = 32

    def __post_init__(self) -> None:
        for mult in self.ch_mult:
            _check_divides("norm_num_groups", self.norm_num_groups, mult * self.ch)

    @property
    def downscale(self) -> int:
        """Pixels per latent cell on each side: 8 for every Stable Diffusion."""
        return int(2 ** (len(self.ch_mult) - 1))


@dataclass(frozen=True, slots=True)
class TextConfig:
    """One CLIP text tower and how its family reads it.

    `layer` is the layer whose output conditions the U-Net when the user asks for none: -1 the last, -2 the
    penultimate. `norm_hidden` says whether an earlier layer's output passes the final layer norm (SD 1.x and
    2.x: yes, SDXL: no). `pad_token_id` fills the chunk after the end token.
    """

    hidden_size: int = 768
    intermediate_size: int = 3072
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    vocab_size: int = 49408
    max_position_embeddings: int = 77
    hidden_act: Activation = "quick_gelu"
    layer_norm_eps: float = 1e-5
    bos_token_id: int = 49406
    eos_token_id: int = 49407
    pad_token_id: int = 49407
    projection_dim: int | None = None
    layer: int = -1
    norm_hidden: bool = True

    def __post_init__(self) -> None:
        _check_divides("num_attention_heads", self.num_attention_heads, self.hidden_size)


@dataclass(frozen=True, slots=True)
class ContinuousNoise:
    """Noise levels between two bounds instead of a table of timesteps.

    The network is told a level as log(sigma) / 4 (Karras et al., 2022, table 1) or as its angle, 2 atan(sigma) / pi.
    """

    sigma_min: float
    sigma_max: float
    told_as: Literal["log", "angle"] = "log"

    def __post_init__(self) -> None:
        if not 0.0 < self.sigma_min < self.sigma_max:
            raise ValueError(f"sigma_min {self.sigma_min} is not above 0 and below sigma_max {self.sigma_max}")


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """The forward process of training: betas over discrete timesteps, and what the network predicts.

    A distilled model knows only some of the timesteps, evenly spaced from the last down. With `continuous` noise, betas
    and timesteps mean nothing.
    """

    betas: Betas = "scaled_linear"
    beta_start: float = 0.00085
    beta_end: float = 0.012
    timesteps: int = 1000
    prediction: Prediction = "eps"
    zero_terminal_snr: bool = False
    distilled_timesteps: int | None = None
    continuous: ContinuousNoise | None = None


@dataclass(frozen=True, slots=True)
class SamplerDefaults:
    """Settings that suit a model when the user names none."""

    sampler: str = "euler"
    scheduler: str = "normal"
    steps: int = 20
    cfg: float = 8.0


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A whole checkpoint: its networks, its schedule and its habits.

    `scale_factor` turns a plain VAE latent into what the U-Net was trained on (multiply on entry, divide on
    exit). `native_size` is (width, height) in pixels. `preview_rgb` has one RGB row per latent channel: the linear
    map from a scaled latent to a rough picture.
    """

    family: str
    unet: UNetConfig
    vae: VaeConfig = VaeConfig()
    text: tuple[TextConfig, ...] = (TextConfig(),)
    schedule: ScheduleConfig = ScheduleConfig()
    scale_factor: float = 0.18215
    native_size: tuple[int, int] = (512, 512)
    size_multiple: int = 8
    preview_rgb: tuple[Rgb, ...] | None = None
    defaults: SamplerDefaults = SamplerDefaults()
    label: Label = "prompt"


CLIP_L = TextConfig()
OPENCLIP_H = TextConfig(
    hidden_size=1024,
    intermediate_size=4096,
    num_hidden_layers=24,
    num_attention_heads=16,
    hidden_act="gelu",
    pad_token_id=0,
    projection_dim=1024,
    layer=-2,
)
OPENCLIP_G = TextConfig(
    hidden_size=1280,
    intermediate_size=5120,
    num_hidden_layers=32,
    num_attention_heads=20,
    hidden_act="gelu",
    pad_token_id=0,
    projection_dim=1280,
    layer=-2,
    norm_hidden=False,
)

# Linear fit of decoded colours to SD 1.x latents, published by K. Turner on the Hugging Face forum (2022).
SD1_PREVIEW_RGB: tuple[Rgb, ...] = (
    (0.298, 0.207, 0.208),
    (0.187, 0.286, 0.173),
    (-0.158, 0.189, 0.264),
    (-0.184, -0.271, -0.473),
)

# The same for SDXL's latents, published by InvokeAI (Apache-2.0, 2023).
SDXL_PREVIEW_RGB: tuple[Rgb, ...] = (
    (0.3816, 0.4930, 0.5320),
    (-0.3753, 0.1631, 0.1739),
    (0.1770, 0.3588, -0.2048),
    (-0.4350, -0.2644, -0.4289),
)

SD15 = ModelConfig("sd15", UNetConfig(), preview_rgb=SD1_PREVIEW_RGB)
SD15_INPAINT = replace(SD15, family="sd15_inpaint", unet=replace(SD15.unet, in_channels=9))
SD15_IP2P = replace(SD15, family="sd15_ip2p", unet=replace(SD15.unet, in_channels=8))

_SD2_UNET = replace(SD15.unet, context_dim=1024, num_heads=None, num_head_channels=64, use_linear_in_transformer=True)
SD20 = replace(SD15, family="sd20", unet=_SD2_UNET, text=(OPENCLIP_H,))
SD20_INPAINT = replace(SD20, family="sd20_inpaint", unet=replace(_SD2_UNET, in_channels=9))
SD21_V = replace(SD20, family="sd21_v", schedule=ScheduleConfig(prediction="v"), native_size=(768, 768))
SD21_UNCLIP_L = replace(SD21_V, family="sd21_unclip_l", unet=replace(_SD2_UNET, adm_in_channels=1536), label="picture")
SD21_UNCLIP_H = replace(SD21_V, family="sd21_unclip_h", unet=replace(_SD2_UNET, adm_in_channels=2048), label="picture")
SD_X4_UPSCALER = ModelConfig(
    "sd_x4_upscaler",
    replace(
        _SD2_UNET,
        in_channels=7,
        model_channels=256,
        channel_mult=(1, 2, 2, 4),
        transformer_depth=(0, 1, 1, 1),
        num_heads=8,
        num_head_channels=None,
        num_classes=1000,
        disable_self_attentions=(True, True, True, False),
    ),
    VaeConfig(ch_mult=(1, 2, 4)),
    (OPENCLIP_H,),
    ScheduleConfig(beta_start=0.0001, beta_end=0.02, prediction="v"),
    scale_factor=0.08333,
    label="noise",
)

SDXL = ModelConfig(
    "sdxl",
    UNetConfig(
        channel_mult=(1, 2, 4),
        transformer_depth=(0, 2, 10),
        middle_depth=10,
        context_dim=2048,
        num_heads=None,
        num_head_channels=64,
        use_linear_in_transformer=True,
        adm_in_channels=2816,
    ),
    text=(replace(CLIP_L, layer=-2, norm_hidden=False), OPENCLIP_G),
    scale_factor=0.13025,
    native_size=(1024, 1024),
    preview_rgb=SDXL_PREVIEW_RGB,
)
SDXL_REFINER = replace(
    SDXL,
    family="sdxl_refiner",
    unet=replace(
        SDXL.unet,
        model_channels=384,
        channel_mult=(1, 2, 4, 4),
        transformer_depth=(0, 4, 4, 0),
        middle_depth=4,
        context_dim=1280,
        adm_in_channels=2560,
    ),
    text=(OPENCLIP_G,),
)
SDXL_IP2P = replace(SDXL, family="sdxl_ip2p", unet=replace(SDXL.unet, in_channels=8))
SDXL_INPAINT = replace(SDXL, family="sdxl_inpaint", unet=replace(SDXL.unet, in_channels=9))
