"""Going on with sampling: how many steps are taken again, and that the result is the same, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from graph.cache.budget import Budget
from graph.cache.disk import DiskStore
from graph.cache.index import Index
from graph.cache.memory import MemoryStore
from graph.cache.tiered import Cache
from graph.errors import Cancelled
from graph.states import States
from graph.values import Values
from nodes.builtin.custom_sampling import sampler_custom
from nodes.builtin.guidance_patches import rescale_cfg
from nodes.builtin.model_patches import patched
from nodes.builtin.sampling import ksampler, ksampler_advanced
from nodes.builtin.schedulers import karras_scheduler
from nodes.builtin.sigmas import flip_sigmas
from nodes.diffusion.cfg_patches import AdaptiveProjected
from nodes.diffusion.conditioning import Area, ConditioningEntry
from nodes.diffusion.samplers.table import SAMPLERS, take_steps
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.schedulers import karras
from nodes.models import Models
from nodes.sockets import VALUE_TYPES, Conditioning, Latent, Sampler
from tests.nodes.loaded import Loaded, load_tiny
from tests.nodes.sampling_runs import SEED, run, sigmas_for, starting_latent
from tests.nodes.toy_denoise import ToyDenoise

Inputs = dict[str, Any]

STEPS = 8
EMPTY = Latent(torch.zeros(1, 4, 4, 6))


@dataclass
class Machine:
    """A process that samples and remembers, for which each step takes a second. `calls` counts those of its network."""

    tiny: Loaded
    states: States
    calls: int = 0
    numbers: str = ""

    def run(self, sample: Callable[..., Latent], *, cancel_at: int | None = None, **inputs: Any) -> Tensor:
        """The result. Raises `Cancelled` when it was cancelled after so many steps."""
        self.calls = 0
        with self.tiny.watched(cancel_at=cancel_at) as (context, progress), self._counting():
            self.states.clock = lambda: float(2 * len(progress.seen))
            services = dict(context.services) | {States: self.states}
            context = replace(context, numbers=self.numbers, services=services)
            return sample(context=context, **inputs).samples

    @contextmanager
    def _counting(self) -> Iterator[None]:
        models = Models.of(self.tiny.context)
        with models.unet(self.tiny.model.weights) as network:
            hook = network.register_forward_pre_hook(lambda *_: self._count())
            try:
                yield
            finally:
                hook.remove()

    def _count(self) -> None:
        self.calls += 1


def forgetful(tiny: Loaded) -> Machine:
    return Machine(tiny, States(Cache([]), Values(VALUE_TYPES)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def machine(tiny: Loaded) -> Machine:
    return Machine(tiny, States(Cache([MemoryStore(Budget(None))]), Values(VALUE_TYPES)))


@pytest.fixture(scope="module")
def inputs(tiny: Loaded) -> Inputs:
    return {
        "model": tiny.model, "seed": 3, "steps": STEPS, "cfg": 4.0, "sampler_name": "euler", "scheduler": "karras",
        "positive": tiny.prompt("a cat"), "negative": tiny.prompt(""), "latent_image": EMPTY,
    }  # fmt: skip


def section(inputs: Inputs, end_at_step: int, leftover: str = "enable") -> Inputs:
    """The same for `KSamplerAdvanced`, up to a step."""
    same = {name: value for name, value in inputs.items() if name != "seed"}
    return same | {
        "noise_seed": 3, "add_noise": "enable", "end_at_step": end_at_step, "return_with_leftover_noise": leftover,
    }  # fmt: skip


# The same run again


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_cancelled_run_goes_on_to_the_same_bits(machine: Machine, inputs: Inputs, name: str) -> None:
    changed = inputs | {"sampler_name": name}
    whole = forgetful(machine.tiny)
    expected = whole.run(ksampler, **changed)
    with pytest.raises(Cancelled):
        machine.run(ksampler, cancel_at=1 if name == "dpm_fast" else 4, **changed)
    before = machine.calls
    assert 0 < before < whole.calls
    assert torch.equal(machine.run(ksampler, **changed), expected)
    assert before + machine.calls == whole.calls


class Killed(BaseException):
    """The process is gone: nothing more is kept."""


def test_a_run_that_was_killed_goes_on_from_the_last_state_it_kept(machine: Machine, inputs: Inputs) -> None:
    expected = forgetful(machine.tiny).run(ksampler, **inputs)
    with machine.tiny.watched() as (context, progress):

        def clock() -> float:
            return 0.6 * len(progress.seen)

        def killing(value: int, maximum: int, preview: object) -> None:
            progress(value, maximum, None)
            if value == 5:
                raise Killed

        machine.states.clock = clock
        services = dict(context.services) | {States: machine.states}
        with pytest.raises(Killed):
            ksampler(context=replace(context, sink=killing, services=services), **inputs)
    assert torch.equal(machine.run(ksampler, **inputs), expected)
    assert machine.calls == STEPS - 4


def test_another_version_of_the_node_or_another_device_begins_anew(machine: Machine, inputs: Inputs) -> None:
    for machine.numbers in ("KSampler 1, cpu", "KSampler 2, cpu", "KSampler 2, cuda"):
        with pytest.raises(Cancelled):
            machine.run(ksampler, cancel_at=4, **inputs)
        assert machine.calls == 5


def test_nothing_is_kept_of_weights_that_were_written_over(inputs: Inputs, tmp_path: Path) -> None:
    tiny = load_tiny(tmp_path)
    machine = Machine(tiny, States(Cache([MemoryStore(Budget(None))]), Values(VALUE_TYPES)))
    mine, path = inputs | {"model": tiny.model}, tiny.model.weights.path
    expected, content = forgetful(tiny).run(ksampler, **mine), path.read_bytes()

    def write(data: bytes) -> None:
        with open(path, "r+b") as file:
            file.write(data)

    with tiny.watched() as (context, progress):

        def overwriting(value: int, maximum: int, preview: object) -> None:
            progress(value, maximum, None)
            if value == 3:
                write(bytes(len(content)))
            if value == 6:
                raise Cancelled

        machine.states.clock = lambda: float(2 * len(progress.seen))
        services = dict(context.services) | {States: machine.states}
        with pytest.raises(Cancelled):
            ksampler(context=replace(context, sink=overwriting, services=services), **mine)
    write(content)
    assert torch.equal(machine.run(ksampler, **mine), expected)
    assert machine.calls == STEPS - 3


def test_a_run_whose_state_is_at_its_end_takes_no_step(machine: Machine, inputs: Inputs) -> None:
    first = machine.run(ksampler_advanced, **section(inputs, 5))
    assert torch.equal(machine.run(ksampler_advanced, **section(inputs, 5)), first)
    assert machine.calls == 0


def test_states_survive_on_disk(tiny: Loaded, inputs: Inputs, tmp_path: Path) -> None:
    values = Values(VALUE_TYPES)
    index = Index(tmp_path / "index.sqlite")
    disk = DiskStore(tmp_path, index, values, cap=2**24)
    with pytest.raises(Cancelled):
        Machine(tiny, States(Cache([disk]), values)).run(ksampler, cancel_at=4, **inputs | {"sampler_name": "lms"})
    disk.close()
    again = DiskStore(tmp_path, index, values, cap=2**24)
    machine = Machine(tiny, States(Cache([again]), values))
    result = machine.run(ksampler, **inputs | {"sampler_name": "lms"})
    assert machine.calls == STEPS - 5
    assert torch.equal(result, forgetful(tiny).run(ksampler, **inputs | {"sampler_name": "lms"}))
    again.close()
    index.close()


# Another run that begins the same


@pytest.mark.parametrize(
    ("first", "second", "calls"),
    [
        ((5, "enable"), (8, "enable"), 3),
        ((8, "enable"), (5, "enable"), 0),
        ((8, "enable"), (5, "disable"), 1),
        ((5, "disable"), (8, "enable"), 4),
    ],
)
def test_more_or_fewer_steps_of_one_schedule(
    machine: Machine, inputs: Inputs, first: tuple[int, str], second: tuple[int, str], calls: int
) -> None:
    machine.run(ksampler_advanced, **section(inputs, *first))
    result = machine.run(ksampler_advanced, **section(inputs, *second))
    assert machine.calls == calls
    assert torch.equal(result, forgetful(machine.tiny).run(ksampler_advanced, **section(inputs, *second)))


def timed(conditioning: Conditioning, start: float, end: float) -> tuple[ConditioningEntry, ...]:
    return tuple(replace(entry, start_percent=start, end_percent=end) for entry in conditioning.entries)


def cut(inputs: Inputs, step: int) -> float:
    """The share of the schedule just before a step."""
    schedule = noise_schedule(inputs["model"].config.schedule)
    sigmas = karras(schedule, STEPS)
    between = (sigmas[step - 1] * sigmas[step]).sqrt()
    return 1.0 - float(schedule.timestep(between)) / schedule.last_timestep


def test_only_steps_that_see_a_change_are_taken_again(machine: Machine, inputs: Inputs) -> None:
    at = cut(inputs, 5)
    early = timed(inputs["positive"], 0.0, at)

    def then(text: str) -> Inputs:
        return inputs | {"positive": Conditioning((*early, *timed(machine.tiny.prompt(text), at, 1.0)))}

    machine.run(ksampler, **then("a dog"))
    assert machine.calls == STEPS
    almost_all = inputs | {"positive": Conditioning(timed(inputs["positive"], 0.0, 0.999))}
    for changed, calls in ((then("a bird"), 4), (inputs, 4), (almost_all, 2)):
        result = machine.run(ksampler, **changed)
        assert machine.calls == calls
        assert torch.equal(result, forgetful(machine.tiny).run(ksampler, **changed))


def test_a_later_prompt_of_one_area_is_not_overlooked(machine: Machine, inputs: Inputs) -> None:
    """Each area has an opposite on the other side, made of what is there, whenever that takes part."""
    at = cut(inputs, 5)
    placed = replace(machine.tiny.prompt("a dog").entries[0], area=Area(2, 3, 0, 0))
    both = inputs | {"positive": Conditioning((*inputs["positive"].entries, placed))}

    def then(text: str) -> Inputs:
        negative = Conditioning((*inputs["negative"].entries, *timed(machine.tiny.prompt(text), at, 1.0)))
        return both | {"negative": negative}

    machine.run(ksampler, **then("blurred"))
    result = machine.run(ksampler, **then("dark"))
    assert machine.calls > 0
    assert torch.equal(result, forgetful(machine.tiny).run(ksampler, **then("dark")))


def test_on_the_way_to_noise_a_prompt_of_low_sigmas_counts(machine: Machine, inputs: Inputs) -> None:
    """Ascending sigmas: what takes part at the first step is what ends last."""
    sigmas = flip_sigmas(sigmas=karras_scheduler(steps=STEPS))

    def unsampled(prompt: Conditioning) -> Inputs:
        same = {name: inputs[name] for name in ("model", "negative", "cfg", "latent_image")}
        return same | {
            "add_noise": False, "positive": prompt, "sampler": Sampler("euler"), "sigmas": sigmas, "noise_seed": 3,
        }  # fmt: skip

    def output(**given: Any) -> Latent:
        return sampler_custom(**given)[0]

    at = cut(inputs, 5)
    for text in ("a dog", "a bird"):
        late = unsampled(Conditioning((*inputs["positive"].entries, *timed(machine.tiny.prompt(text), at, 1.0))))
        assert torch.equal(machine.run(output, **late), forgetful(machine.tiny).run(output, **late))
        assert machine.calls == STEPS


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 4}, {"cfg": 5.0}, {"sampler_name": "heun"}, {"scheduler": "simple"}, {"steps": STEPS + 1},
        {"denoise": 0.5}, {"latent_image": Latent(torch.ones(1, 4, 4, 6))},
        {"latent_image": Latent(torch.zeros(1, 4, 4, 6), noise_mask=torch.ones(1, 4, 6))},
    ],
)  # fmt: skip
def test_what_decides_the_first_step_begins_anew(machine: Machine, inputs: Inputs, change: Inputs) -> None:
    machine.run(ksampler, **inputs)
    result = machine.run(ksampler, **inputs | change)
    anew = forgetful(machine.tiny)
    assert torch.equal(result, anew.run(ksampler, **inputs | change))
    assert machine.calls == anew.calls


def test_under_patches_only_the_same_run_goes_on(machine: Machine, inputs: Inputs) -> None:
    changed = inputs | {"model": rescale_cfg(model=inputs["model"])}
    machine.run(ksampler_advanced, **section(changed, 5))
    machine.run(ksampler_advanced, **section(changed, 8))
    assert machine.calls == STEPS
    changed["seed"] = 4
    with pytest.raises(Cancelled):
        machine.run(ksampler, cancel_at=4, **changed)
    machine.run(ksampler, **changed)
    assert machine.calls == STEPS - 5


def test_under_a_patch_with_a_memory_no_run_goes_on(machine: Machine, inputs: Inputs) -> None:
    changed = inputs | {"model": patched(inputs["model"], AdaptiveProjected(1.0, 5.0, -0.5))}
    with pytest.raises(Cancelled):
        machine.run(ksampler, cancel_at=4, **changed)
    machine.run(ksampler, **changed)
    assert machine.calls == STEPS


# What a sampler looks at


class Recorded(ToyDenoise):
    """Notes the sigmas it is asked at."""

    def __init__(self) -> None:
        self.sigmas: list[float] = []

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        self.sigmas.append(float(sigma))
        return super().__call__(x, sigma)


@pytest.mark.parametrize("name", [name for name, sampler in SAMPLERS.items() if not sampler.looks_ahead])
def test_a_sampler_that_does_not_look_ahead_sees_no_later_sigma(name: str) -> None:
    sampler, denoise = SAMPLERS[name], Recorded()
    sigmas = sigmas_for(sampler, 9)
    whole = []
    for step in take_steps(sampler, denoise, starting_latent(sigmas), sigmas, SEED):
        assert step.sigma_next <= min(denoise.sigmas) <= max(denoise.sigmas) <= step.sigma
        denoise.sigmas.clear()
        whole.append(step)
    for count in range(1, 9):
        for end in (sigmas[count], torch.tensor(0.0), sigmas[count] / 2):
            steps = run(sampler, torch.cat([sigmas[:count], end[None]]))
            same = count if end == sigmas[count] else count - 1
            for one, other in zip(steps[:same], whole[:same], strict=True):
                assert all(map(torch.equal, (one.x, one.denoised, *one.carry), (other.x, other.denoised, *other.carry)))
