"""Every family, in every form and precision of files, and every way of sampling that the page on coverage tells of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nodes.builtin.guidance_patches import model_sampling_discrete
from nodes.builtin.loaders import checkpoint_loader_simple
from nodes.builtin.sampling import ksampler
from nodes.builtin.schedulers import sd_turbo_scheduler
from nodes.catalogue import read_catalogue
from nodes.diffusion.config import SD20, SD21_V, ModelConfig, ScheduleConfig
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.schedulers import SCHEDULERS
from nodes.model_coverage import NAMES, STORAGE, STYLES
from nodes.models import Models
from nodes.sockets import Latent, Model
from nodes.weights.detect import FAMILIES, detect
from nodes.weights.diffusers_names import unet_name, unet_prefixes
from nodes.weights.files import DTYPES, Header, TensorEntry, read_header
from nodes.weights.keymaps import Part, diffusers_unet_names
from nodes.weights.load import build, find_place
from nodes.weights.metadata import write_config
from tests.nodes.checkpoints import tiny_tensors
from tests.nodes.loaded import Loaded, load_tiny
from tests.nodes.tiny import MODEL

FAMILY_CASES = pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.family)


def unet_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    return {name: tuple(one.shape) for name, one in build(Part.UNET, config).state_dict().items()}


def theirs(config: ModelConfig) -> Callable[[str], str]:
    """Names that diffusers writes: the label of unCLIP is a class embedding, that of SDXL goes with picture sizes."""
    prefixes = unet_prefixes(config.unet)

    def name(ours: str) -> str:
        found = unet_name(ours, prefixes)
        return found.replace("add_embedding.", "class_embedding.") if config.label == "picture" else found

    return name


def file_of(path: Path, shapes: Mapping[str, tuple[int, ...]], config: ModelConfig) -> Header:
    """The header that a file of these shapes has; only a bias that is read for SD 2.x is really there."""
    witnesses = [name for name in shapes if name.endswith("transformer_blocks.0.norm1.bias")]
    spread = 0.2 if config.schedule.prediction == "v" else 0.01
    tensors = {name: torch.linspace(-spread, spread, shapes[name][0]) for name in witnesses}
    save_file(tensors, path)
    real = read_header(path)
    return Header(
        path,
        {name: real.tensors.get(name, TensorEntry("F16", shape, 0, 0)) for name, shape in shapes.items()},
        {},
        real.data_start,
    )


@pytest.mark.parametrize("form", ["single file", "LDM part", "diffusers"])
@FAMILY_CASES
def test_every_family_is_told_and_found_in_every_form(tmp_path: Path, family: ModelConfig, form: str) -> None:
    rename: dict[str, Callable[[str], str]] = {
        "single file": lambda name: f"model.diffusion_model.{name}",
        "LDM part": lambda name: name,
        "diffusers": theirs(family),
    }
    renamed = {rename[form](name): shape for name, shape in unet_shapes(family).items()}
    header = file_of(tmp_path / "x.safetensors", renamed, family)
    assert detect(header) == family
    place = find_place(header, Part.UNET, family)
    assert place is not None
    for name in unet_shapes(family):
        assert any(place.prefix + source.key in renamed for source in place.layout(name))


@pytest.mark.parametrize("form", ["model.diffusion_model.", ""])
def test_sd2_for_velocity_is_told_by_a_bias(tmp_path: Path, form: str) -> None:
    shapes = {form + name: shape for name, shape in unet_shapes(SD21_V).items()}
    assert detect(file_of(tmp_path / "x.safetensors", shapes, SD21_V)) == SD21_V
    assert detect(file_of(tmp_path / "y.safetensors", shapes, SD20)) == SD20


def test_labels_of_diffusers_have_two_names() -> None:
    layout = diffusers_unet_names(FAMILIES[-1])
    assert [one.key for one in layout("label_emb.0.2.bias")] == [
        "add_embedding.linear_2.bias",
        "class_embedding.linear_2.bias",
    ]


@pytest.mark.parametrize("storage", STORAGE)
def test_weights_of_every_precision_are_those_that_are_stored(tmp_path: Path, storage: str) -> None:
    tiny = load_tiny(tmp_path)
    stored = {name: one.to(DTYPES[storage]) for name, one in tiny_tensors().items()}
    path = tiny.model.weights.path.with_name("stored.safetensors")
    save_file(stored, path, {"config": write_config(MODEL)})
    model, *_ = checkpoint_loader_simple(ckpt_name=path.name, context=tiny.context)
    assert isinstance(model, Model)
    with Models.of(tiny.context).unet(model.weights) as network:
        for name, one in network.state_dict().items():
            assert torch.equal(one, stored[f"model.diffusion_model.{name}"].float())


def test_the_page_names_every_family_and_only_nodes_that_exist() -> None:
    assert NAMES.keys() == {family.family for family in FAMILIES}
    assert {name for style in STYLES for name in style.nodes} <= read_catalogue().keys()


# Ways of sampling


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_distilled_models_are_asked_at_the_timesteps_they_know(steps: int) -> None:
    """Lightning and Hyper were distilled on timesteps that end at the last one, evenly apart ("trailing" in diffusers)."""
    schedule = noise_schedule(ScheduleConfig())
    sigmas = SCHEDULERS["sgm_uniform"](schedule, steps)
    asked = schedule.timestep(sigmas[:-1])
    wanted = torch.arange(1000, 0, -1000 / steps).round() - 1
    assert float((asked - wanted).abs().max()) <= 1.0
    assert float(sigmas[-1]) == 0.0


def test_turbo_is_asked_at_its_own_timesteps(tmp_path: Path) -> None:
    tiny = load_tiny(tmp_path)
    sigmas = sd_turbo_scheduler(model=tiny.model, steps=4, denoise=1.0).values
    asked = noise_schedule(tiny.model.config.schedule).timestep(sigmas[:-1])
    assert asked.tolist() == [999, 899, 799, 699]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load_tiny(tmp_path_factory.mktemp("styles"))


RECIPES: dict[str, tuple[Callable[[Model], Model], str, str, int]] = {
    "LCM": (lambda model: model_sampling_discrete(model=model, sampling="lcm", zsnr=False), "lcm", "sgm_uniform", 4),
    "Lightning": (lambda model: model, "euler", "sgm_uniform", 4),
    "Hyper": (lambda model: model, "ddim", "sgm_uniform", 1),
    "zero-terminal SNR": (
        lambda model: model_sampling_discrete(model=model, sampling="v_prediction", zsnr=True), "euler", "normal", 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("style", RECIPES)
def test_every_way_of_sampling_arrives(tiny: Loaded, style: str) -> None:
    change, sampler, scheduler, steps = RECIPES[style]
    result = ksampler(
        model=change(tiny.model),
        seed=1,
        steps=steps,
        cfg=1.0,
        sampler_name=sampler,
        scheduler=scheduler,
        positive=tiny.prompt("a cat"),
        negative=tiny.prompt(""),
        latent_image=Latent(torch.zeros(1, 4, 8, 8)),
        context=tiny.context,
    )
    assert bool(torch.isfinite(result.samples).all())
    assert float(result.samples.std()) > 0
    assert replace(tiny.model.config, schedule=change(tiny.model).config.schedule) == change(tiny.model).config
