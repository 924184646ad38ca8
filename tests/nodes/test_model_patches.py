"""Nodes that lay something over a model: the handles they make, that these survive at rest, and that they count."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from graph.document import Document, InputValue, Link, Node
from graph.values import Values
from nodes.builtin import guidance_patches, model_patches
from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.denoiser import Denoiser, NetworkInputs, denoised_from_eps
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.schedulers import SCHEDULERS
from nodes.diffusion.unet import ControlResiduals
from nodes.errors import UnsuitableInput
from nodes.sockets import VALUE_TYPES, Clip, Conditioning, Guider, Model
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef
from nodes.weights.lora import AdapterRef
from tests.nodes.checkpoints import write_tiny_checkpoint
from tests.nodes.running import Bench
from tests.nodes.tiny import MODEL, MODEL_V

VALUES = Values(VALUE_TYPES)
PROMPT = Conditioning((ConditioningEntry(torch.randn(1, 5, 24), pooled=torch.randn(1, 24)),))

MODEL_NODES: dict[str, Callable[..., Model]] = {
    name: getattr(module, name)
    for module, names in (
        (
            model_patches,
            "freeu freeu_v2 tome_patch_model hyper_tile perturbed_attention_guidance self_attention_guidance",
        ),
        (model_patches, "differential_diffusion unet_self_attention_multiply unet_cross_attention_multiply"),
        (model_patches, "patch_model_add_downscale"),
        (guidance_patches, "rescale_cfg mahiro tcfg cfg_norm cfg_zero_star apg epsilon_scaling fresca perp_neg"),
        (guidance_patches, "model_sampling_discrete model_sampling_continuous_edm model_sampling_continuous_v"),
    )
    for name in names.split()
}
NEEDED: dict[str, dict[str, object]] = {
    "patch_model_add_downscale": {"downscale_method": "bicubic", "upscale_method": "area"},
    "perp_neg": {"empty_conditioning": PROMPT},
    "unet_self_attention_multiply": {"q": 0.5},
    "unet_cross_attention_multiply": {"out": 2.0},
    "model_sampling_discrete": {"sampling": "lcm", "zsnr": True},
    "model_sampling_continuous_edm": {"sampling": "edm"},
    "model_sampling_continuous_v": {"sampling": "v_prediction"},
}
"""Inputs beside the model that have no default, or one that changes nothing."""


def weights(path: Path, part: Part = Part.UNET) -> WeightsRef:
    path.touch()
    return WeightsRef(path, "digest", part, MODEL)


@pytest.mark.parametrize("name", MODEL_NODES)
def test_a_patched_model_survives_at_rest(name: str, tmp_path: Path) -> None:
    plain = Model(weights(tmp_path / "model.safetensors"))
    model = MODEL_NODES[name](model=plain, **NEEDED.get(name, {}))
    again = VALUES.decode(*VALUES.encode(model))
    assert VALUES.digest(again) == VALUES.digest(model) != VALUES.digest(plain)
    guider = Guider(model, PROMPT, PROMPT, 2.0)
    assert VALUES.digest(VALUES.decode(*VALUES.encode(guider))) == VALUES.digest(guider)


def test_adapters_survive_at_rest_while_their_file_does(tmp_path: Path) -> None:
    file = tmp_path / "adapter.safetensors"
    file.write_bytes(b"adapter")
    clip = Clip((weights(tmp_path / "model.safetensors", Part.TEXT),), -2, (AdapterRef(file, "digest", 0.5),))
    encoded = VALUES.encode(model_patches.clip_attention_multiply(clip=clip, q=2.0))
    assert VALUES.digest(VALUES.decode(*encoded)) == VALUES.digest(
        model_patches.clip_attention_multiply(clip=clip, q=2.0)
    )
    file.write_bytes(b"another adapter")
    with pytest.raises(ValueError, match="not the file it was"):
        VALUES.decode(*encoded)


# Schedules


def test_a_consistency_model_knows_every_twentieth_timestep() -> None:
    model = guidance_patches.model_sampling_discrete(
        model=Model(WeightsRef(Path(), "", Part.UNET, MODEL)), sampling="lcm"
    )
    schedule, full = noise_schedule(model.config.schedule), noise_schedule(MODEL.schedule)
    assert schedule.timesteps == 50
    assert torch.equal(schedule.sigmas, full.sigmas[19::20])
    assert schedule.timestep(schedule.sigmas).tolist() == list(range(19, 1000, 20))
    torch.testing.assert_close(schedule.sigma(torch.tensor([999.0, 19.0])), full.sigmas[[999, 19]])
    assert schedule.percent_to_sigma(0.5) == pytest.approx(float(full.sigma(torch.tensor(499.5))), rel=2e-2)
    for name, scheduler in SCHEDULERS.items():
        sigmas = scheduler(schedule, 4)
        assert sigmas[0] <= full.sigma_max * 1.0001, name


def test_continuous_noise_is_told_by_its_logarithm_or_its_angle() -> None:
    model = Model(WeightsRef(Path(), "", Part.UNET, MODEL))
    by_log = guidance_patches.model_sampling_continuous_edm(model=model, sampling="v_prediction")
    by_angle = guidance_patches.model_sampling_continuous_v(model=model, sampling="v_prediction")
    sigmas = torch.tensor([0.05, 1.0, 80.0])
    one, other = noise_schedule(by_log.config.schedule), noise_schedule(by_angle.config.schedule)
    torch.testing.assert_close(one.timestep(sigmas), sigmas.log() / 4)
    torch.testing.assert_close(other.timestep(sigmas), sigmas.atan() * 2 / torch.pi)
    for schedule in (one, other):
        torch.testing.assert_close(schedule.sigma(schedule.timestep(sigmas)), sigmas, rtol=1e-3, atol=1e-6)
        normal = SCHEDULERS["normal"](schedule, 5)
        assert float(normal[0]) == pytest.approx(schedule.sigma_max, rel=1e-3)
        assert bool((normal.diff() < 0).all())
        assert schedule.sigma_min < schedule.percent_to_sigma(0.5) < schedule.sigma_max
    assert one.percent_to_sigma(0.5) == pytest.approx((120.0 * 0.002) ** 0.5, rel=1e-6)


@pytest.mark.parametrize("sigma", [0.03, 0.5, 14.6, 80.0])
def test_edm_is_read_by_the_preconditioning_of_its_paper(sigma: float) -> None:
    """Karras et al. (2022), table 1: c_in, c_skip and c_out at a data deviation of 0.5."""
    model = Model(WeightsRef(Path(), "", Part.UNET, MODEL))
    schedule = guidance_patches.model_sampling_continuous_edm(model=model, sampling="edm").config.schedule
    seen: list[Tensor] = []

    def network(
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,  # noqa: ARG001
        y: Tensor | None,  # noqa: ARG001
        control: ControlResiduals | None = None,  # noqa: ARG001
    ) -> Tensor:
        seen.extend((x, timesteps))
        return torch.sin(x)

    x, level = torch.randn(1, 4, 6, 8, generator=torch.Generator().manual_seed(2)) * sigma, torch.tensor(sigma)
    got = Denoiser(network, noise_schedule(schedule), schedule.prediction)(
        x, level, NetworkInputs(torch.zeros(1, 1, 1))
    )
    c_in = 1 / math.sqrt(sigma**2 + 0.25)
    c_skip, c_out = 0.25 / (sigma**2 + 0.25), sigma * 0.5 / math.sqrt(sigma**2 + 0.25)
    torch.testing.assert_close(seen[0], c_in * x)
    torch.testing.assert_close(seen[1], torch.tensor([math.log(sigma) / 4]))
    torch.testing.assert_close(got, c_skip * x + c_out * torch.sin(c_in * x))


def test_bounds_of_noise_that_make_no_sense_are_refused() -> None:
    model = Model(WeightsRef(Path(), "", Part.UNET, MODEL))
    with pytest.raises(UnsuitableInput, match="sigma_min"):
        guidance_patches.model_sampling_continuous_edm(model=model, sampling="edm", sigma_max=1.0, sigma_min=2.0)
    with pytest.raises(UnsuitableInput, match="cosmos"):
        guidance_patches.model_sampling_continuous_edm(model=model, sampling="cosmos_rflow")


@pytest.mark.parametrize(("sampling", "prediction"), [("eps", "eps"), ("v_prediction", "v"), ("x0", "x0")])
def test_what_is_predicted_can_be_said_again(sampling: str, prediction: str) -> None:
    model = Model(WeightsRef(Path(), "", Part.UNET, MODEL_V))
    changed = guidance_patches.model_sampling_discrete(model=model, sampling=sampling, zsnr=True)  # type: ignore[arg-type]
    assert changed.config.schedule.prediction == prediction
    assert changed.config.schedule.zero_terminal_snr
    assert model.config.schedule.prediction == "v"


def test_predictions_are_read_as_they_are_meant() -> None:
    x, sigma = torch.randn(1, 4, 6, 6), torch.tensor(3.0)
    schedule = noise_schedule(MODEL.schedule)
    inputs = NetworkInputs(torch.zeros(1, 2, 3))
    given: list[torch.Tensor] = []

    def network(
        x: torch.Tensor,
        timesteps: torch.Tensor,
        context: torch.Tensor,
        y: torch.Tensor | None,
        control: ControlResiduals | None = None,
    ) -> torch.Tensor:
        given.append(x)
        return 0.5 * torch.ones_like(x)

    assert torch.equal(Denoiser(network, schedule, "x0")(x, sigma, inputs), torch.full_like(x, 0.5))
    assert torch.equal(Denoiser(network, schedule, "edit")(x, sigma, inputs), torch.full_like(x, 0.5))
    assert torch.equal(given[-1], x)
    assert not torch.equal(given[0], x)
    scaled_time = float(schedule.timestep(sigma)) * 10
    c_skip = 0.25 / (scaled_time**2 + 0.25)
    c_out = scaled_time / (scaled_time**2 + 0.25) ** 0.5
    expected = c_out * denoised_from_eps(x, torch.full_like(x, 0.5), sigma) + c_skip * x
    torch.testing.assert_close(Denoiser(network, schedule, "lcm")(x, sigma, inputs), expected)


# Whole workflows on a tiny checkpoint

LORA = {
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.lora_up.weight": torch.ones(64, 2),
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight": torch.ones(2, 64),
    "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": torch.ones(48, 2),
    "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": torch.ones(2, 24),
    "lora_unet_nowhere.alpha": torch.ones(1),
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    for folder in ("checkpoints", "loras", "embeddings"):
        (tmp_path / "models" / folder).mkdir(parents=True)
    write_tiny_checkpoint(tmp_path / "models/checkpoints/tiny.safetensors")
    save_file(LORA, tmp_path / "models/loras/lora.safetensors")
    return Bench(tmp_path)


def workflow(prompt: str = "a cat", **between: Node) -> Document:
    """A picture's latent; `between` are nodes on the way from the checkpoint, the last of them in use."""
    names = list(between)
    last = names[-1] if names else "checkpoint"
    clip = next((name for name in reversed(names) if between[name].type == "LoraLoader"), "checkpoint")
    return Document(
        {
            "checkpoint": node("CheckpointLoaderSimple", ckpt_name="tiny.safetensors"),
            **between,
            "prompt": node("CLIPTextEncode", text=prompt, clip=Link(clip, "CLIP")),
            "empty": node("EmptyLatentImage", width=64, height=64),
            "sampler": node(
                "KSampler",
                model=Link(last, "MODEL"),
                positive=Link("prompt", "CONDITIONING"),
                negative=Link("prompt", "CONDITIONING"),
                latent_image=Link("empty", "LATENT"),
                sampler_name="euler",
                scheduler="normal",
                steps=2,
            ),
            "save": node("SaveLatent", samples=Link("sampler", "LATENT")),
        }
    )


def node(type: str, /, **inputs: InputValue) -> Node:
    return Node(type, inputs)


def lora(source: str = "checkpoint", **inputs: InputValue) -> Node:
    models: dict[str, InputValue] = {"model": Link(source, "MODEL"), "clip": Link(source, "CLIP")}
    return Node("LoraLoader", {**models, "lora_name": "lora.safetensors", **inputs})


def latent_of(bench: Bench, document: Document) -> bytes:
    (path,) = bench.files(bench.run(document), "save")
    from safetensors.torch import load_file

    return bytes(load_file(path)["latent_tensor"].numpy().tobytes())


def test_adapters_change_the_picture_each_at_its_strength(bench: Bench) -> None:
    plain = latent_of(bench, workflow())
    one = latent_of(bench, workflow(one=lora(strength_model=0.5)))
    two = latent_of(bench, workflow(one=lora(strength_model=0.5), two=lora("one", strength_model=0.2)))
    assert len({plain, one, two}) == 3
    assert latent_of(bench, workflow()) == plain
    assert latent_of(bench, workflow(one=lora(strength_model=0.0, strength_clip=0.0))) == plain


def test_what_an_adapter_has_and_nobody_uses_is_reported(bench: Bench) -> None:
    finished = bench.run(workflow(one=lora()))
    report = finished.outcomes["one"].report
    assert report is not None
    assert report.text == ("lora.safetensors: 1 unknown tensors are not used: lora_unet_nowhere.alpha",)


def test_a_prompt_follows_the_file_that_it_names(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "models/embeddings/style.safetensors"
    missing = bench.run(workflow("a embedding:style"))
    report = missing.outcomes["prompt"].report
    assert report is not None
    assert report.text == ("there is no embedding 'style': it is left out of the prompt",)
    save_file({"emb_params": torch.ones(2, 24)}, path)
    first = latent_of(bench, workflow("a embedding:style"))
    save_file({"emb_params": -torch.ones(3, 24)}, path)
    assert latent_of(bench, workflow("a embedding:style")) != first


def test_patches_reach_the_sampler(bench: Bench) -> None:
    plain = latent_of(bench, workflow())
    freeu = Node("FreeU_V2", {"model": Link("checkpoint", "MODEL")})
    assert latent_of(bench, workflow(patch=freeu)) != plain
