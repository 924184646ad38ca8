"""Training runs: what a step does, what is kept of it, and that a run goes on as if nothing had happened."""

from __future__ import annotations

import resource
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nodes.diffusion.clip import TextEncoder
from nodes.diffusion.training.learning_rate import LearningRate
from nodes.training import job
from nodes.training.captioned_latents import Networks
from nodes.training.checkpoint import (
    TrainingState,
    checkpoints,
    latest_checkpoint,
    new_state,
    save_checkpoint,
    step_of,
    write_atomically,
)
from nodes.training.errors import TrainingError
from nodes.training.gradients import Gradients
from nodes.training.job import Schedule, Trained, train_to_end
from nodes.training.model import read_model
from nodes.training.precision import mixed_precision
from nodes.training.ranks import WHOLE, Share
from nodes.training.step import training_step
from tests.nodes.training_models import write_tiny_model

SCHEDULE = Schedule(6, LearningRate(3e-3, warmup=5))


class OneParameter:
    """Minimises w^2 from w = 1; its gradient is what `at` says of the step."""

    def __init__(self, at: Callable[[int], float]) -> None:
        self._weight = nn.Parameter(torch.ones(2, 2))
        self._at = at

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        return {"w": self._weight}

    def gradients(self, step: int, share: Share) -> Gradients:
        return Gradients(float(self._weight.detach().pow(2).sum()), (torch.full((2, 2), self._at(step)),))


def ignore(trained: Trained) -> None:
    """Watches nothing."""


class Stopped(Exception):
    """What a user's cancel is to a run."""


def stop_at(step: int) -> Callable[[Trained], None]:
    def watch(trained: Trained) -> None:
        if trained.step == step:
            raise Stopped

    return watch


def test_an_interrupted_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    def gradient(step: int) -> float:
        return 0.1 + 0.03 * step

    straight = train_to_end(OneParameter(gradient), SCHEDULE, tmp_path / "straight", ignore)
    for stop in (2, 4):
        with pytest.raises(Stopped):
            train_to_end(OneParameter(gradient), SCHEDULE, tmp_path / "again", stop_at(stop))
    again = train_to_end(OneParameter(gradient), SCHEDULE, tmp_path / "again", ignore)
    assert again.losses == straight.losses
    assert torch.equal(again.parameters["w"], straight.parameters["w"])
    assert torch.equal(again.average["w"], straight.average["w"])


class Changed:
    """A task whose pictures are no longer what they were, at a step."""

    def __init__(self, step: int) -> None:
        self._inner, self._step = OneParameter(lambda step: 0.1), step
        self.parameters = self._inner.parameters

    def gradients(self, step: int, share: Share) -> Gradients:
        if step == self._step:
            raise TrainingError("dataset_changed", "1.png is no longer what it was")
        return self._inner.gradients(step, share)


def test_pictures_that_change_cost_no_step_that_was_taken(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"1\.png"):
        train_to_end(Changed(4), SCHEDULE, tmp_path, ignore)
    assert [step_of(path) for path in checkpoints(tmp_path)] == [4]


def test_a_run_that_is_through_is_kept_until_its_result_is(tmp_path: Path) -> None:
    train_to_end(OneParameter(lambda step: 0.1), SCHEDULE, tmp_path, ignore)
    assert [step_of(path) for path in checkpoints(tmp_path)] == [SCHEDULE.steps]

    def no_more(step: int) -> float:
        raise AssertionError(step)

    assert train_to_end(OneParameter(no_more), SCHEDULE, tmp_path, ignore).step == SCHEDULE.steps


class Layer:
    """A matrix that Muon takes and a bias that it does not, with gradients of each step's own."""

    def __init__(self) -> None:
        self._parameters = {"weight": nn.Parameter(torch.zeros(64, 80)), "bias": nn.Parameter(torch.zeros(64))}

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        return self._parameters

    def gradients(self, step: int, share: Share) -> Gradients:
        random = torch.Generator().manual_seed(step)
        return Gradients(0.0, tuple(torch.randn(one.shape, generator=random) for one in self._parameters.values()))


def test_a_run_with_muon_goes_on_bit_for_bit(tmp_path: Path) -> None:
    schedule = replace(SCHEDULE, optimizer="Muon", weight_decay=0.1)
    straight = train_to_end(Layer(), schedule, tmp_path / "straight", ignore)
    with pytest.raises(Stopped):
        train_to_end(Layer(), schedule, tmp_path / "again", stop_at(3))
    again = train_to_end(Layer(), schedule, tmp_path / "again", ignore)
    for name in ("weight", "bias"):
        assert torch.equal(again.parameters[name], straight.parameters[name])
        assert float(straight.parameters[name].detach().abs().min()) > 0


def test_muon_leaves_to_adamw_what_does_not_suit_it() -> None:
    state = new_state(Layer().parameters, 0.1, "Muon")
    kinds = {type(one).__name__: [len(group["params"]) for group in one.param_groups] for one in state.optimizers}
    assert kinds == {"Muon": [1], "AdamW": [0, 1]}
    alone = new_state({"bias": nn.Parameter(torch.zeros(3))}, 0.1, "Muon")
    assert [type(one).__name__ for one in alone.optimizers] == ["AdamW"]


class OneGradient:
    """A weight of zeros with a gradient that is always the same."""

    def __init__(self, gradient: Tensor) -> None:
        self._gradient, self._weight = gradient, nn.Parameter(torch.zeros(gradient.shape))

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        return {"w": self._weight}

    def gradients(self, step: int, share: Share) -> Gradients:
        return Gradients(0.0, (self._gradient,))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_diverged_run_stops_and_keeps_its_last_good_checkpoint(bad: float, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        train_to_end(OneParameter(lambda step: 0.1), SCHEDULE, tmp_path, stop_at(3))
    good = latest_checkpoint(tmp_path)
    assert good is not None
    kept = good.read_bytes()
    with pytest.raises(TrainingError, match=good.name) as error:
        train_to_end(OneParameter(lambda step: bad if step == 5 else 0.1), SCHEDULE, tmp_path, ignore)
    assert error.value.code == "diverged"
    assert "step 5" in str(error.value)
    assert good.read_bytes() == kept


def test_a_full_disk_stops_a_run_and_loses_no_earlier_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel refuses to write more than a few bytes, in the middle of a checkpoint."""
    with pytest.raises(Stopped):
        train_to_end(OneParameter(lambda step: 0.1), SCHEDULE, tmp_path, stop_at(3))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(job, "SECONDS_BETWEEN", 0.0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
    try:
        with pytest.raises(TrainingError) as error:
            train_to_end(OneParameter(lambda step: 0.1), SCHEDULE, tmp_path, ignore)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.code == "cannot_save"
    assert max(before) in str(error.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_gradients_are_clipped_and_the_rate_is_that_of_the_step(tmp_path: Path) -> None:
    task = OneParameter(lambda step: 100.0)
    made = replace(SCHEDULE, clip=1.0)
    state = new_state(task.parameters, 0.0)
    _, norm = training_step(task, state, made, tmp_path)
    assert norm == pytest.approx(200.0)
    assert state.optimizers[0].param_groups[0]["lr"] == made.learning_rate.at(0)
    moved = 1 - float(task.parameters["w"].detach()[0, 0])
    assert moved == pytest.approx(made.learning_rate.at(0), rel=1e-3)  # Adam's first step is the rate


def test_a_gradient_moves_its_own_weight_however_it_lies_in_memory(tmp_path: Path) -> None:
    """Convolutions give theirs with the channels last."""
    gradient = torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    for layout in (torch.contiguous_format, torch.channels_last):
        task = OneGradient(gradient.clone(memory_format=layout))
        training_step(task, new_state(task.parameters, 0.0), SCHEDULE, tmp_path)
        assert torch.equal(task.parameters["w"].detach().sign(), -gradient.sign())


def test_matrices_decay_and_vectors_do_not() -> None:
    parameters = {"weight": nn.Parameter(torch.ones(2, 2)), "bias": nn.Parameter(torch.ones(2))}
    state = new_state(parameters, 0.5)
    decays = {
        id(value): group["weight_decay"] for group in state.optimizers[0].param_groups for value in group["params"]
    }
    assert decays == {id(parameters["weight"]): 0.5, id(parameters["bias"]): 0.0}


def small_state() -> TrainingState:
    return new_state({"w": nn.Parameter(torch.ones(3))}, 0.0)


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    state = small_state()
    for step in range(5):
        state.step = step
        save_checkpoint(tmp_path, state)
    assert [path.name[-9 - 12 : -12] for path in sorted(tmp_path.iterdir())] == [f"{step:09d}" for step in (2, 3, 4)]


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    state = small_state()
    state.step = 1
    good = save_checkpoint(tmp_path, state)
    torn = tmp_path / "checkpoint-000000002.safetensors"
    torn.write_bytes(good.read_bytes()[:100])
    assert latest_checkpoint(tmp_path) == good


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint-000000001.safetensors"
    write_atomically(path, {"w": torch.zeros(3)}, {})
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, {"w": torch.ones(3)}, {})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_another_models_checkpoint_is_refused(tmp_path: Path) -> None:
    state = new_state({"v": nn.Parameter(torch.ones(3))}, 0.0)
    state.step = 1
    save_checkpoint(tmp_path, state)
    with pytest.raises(TrainingError) as error:
        train_to_end(OneParameter(lambda step: 0.1), SCHEDULE, tmp_path, ignore)
    assert error.value.code == "other_model"


@pytest.mark.parametrize("count", [1, 2, 4])
def test_shares_are_equal_and_together_the_whole(count: int) -> None:
    rows = [list(range(8))[Share(number, count).rows(8)] for number in range(count)]
    assert [len(part) for part in rows] == [8 // count] * count
    assert [row for part in rows for row in part] == list(range(8))
    assert [Share(number, count).first for number in range(count)] == [True, *[False] * (count - 1)]


def test_a_batch_must_split_over_the_processes() -> None:
    assert WHOLE.rows(7) == slice(0, 7)
    with pytest.raises(TrainingError, match="a batch of 7 does not split over 2") as error:
        Share(0, 2).rows(7)
    assert error.value.code == "batch_not_divisible"


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("scale", [None, 0.5])
@pytest.mark.parametrize(
    ("queries", "keys", "computed_in"),
    [(4, 4, torch.bfloat16), (256, 256, torch.bfloat16), (256, 257, torch.float32)],
)
def test_mixed_precision_writes_small_attention_out(
    queries: int, keys: int, computed_in: torch.dtype, scale: float | None, causal: bool
) -> None:
    drawn = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, 2, length, 8, generator=drawn).bfloat16() for length in (queries, keys, keys))
    exact = nn.functional.scaled_dot_product_attention(q.float(), k.float(), v.float(), is_causal=causal, scale=scale)
    with mixed_precision():
        made = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)
    assert made.dtype is computed_in
    torch.testing.assert_close(made.float(), exact, atol=0.03, rtol=0.03)


def test_mixed_precision_computes_attention_under_a_mask_in_float32_and_matrices_in_bfloat16() -> None:
    values, mask = torch.randn(1, 2, 4, 8).bfloat16(), torch.ones(4, 4, dtype=torch.bool)
    with mixed_precision():
        masked = nn.functional.scaled_dot_product_attention(values, values, values, attn_mask=mask)
        multiplied = nn.functional.linear(torch.randn(2, 4), torch.randn(3, 4))
    assert (masked.dtype, multiplied.dtype) == (torch.float32, torch.bfloat16)


def test_the_layer_that_a_text_encoder_is_read_at_is_the_one_that_is_trained_with(tmp_path: Path) -> None:
    model = read_model(write_tiny_model(tmp_path / "tiny.safetensors"))
    text = TextEncoder(replace(model.config.text[0], num_hidden_layers=3))
    plain = Networks(model.config, model.unet, text, model.tokenizer)
    tokens = plain.tokens(["cat"])
    read = [plain.context(tokens), replace(plain, layer=-1).context(tokens), replace(plain, layer=-2).context(tokens)]
    assert torch.equal(read[0], read[1])
    assert torch.equal(read[2], text(tokens, -2)[0])
    assert not torch.equal(read[0], read[2])


def test_captions_become_padded_rows(tmp_path: Path) -> None:
    model = read_model(write_tiny_model(tmp_path / "tiny.safetensors"))
    networks = Networks(model.config, model.unet, model.text, model.tokenizer)
    text = model.config.text[0]
    cut, whole = (networks.tokens(["cat", "a cat on"], whole=wanted) for wanted in (False, True))
    assert cut.shape == (2, 8)
    assert whole.shape == (2, 77)
    assert whole[:, 0].tolist() == [text.bos_token_id] * 2
    assert torch.equal(whole[:, :8], cut)
    assert (whole[:, 8:] == text.pad_token_id).all()
    overlong = networks.tokens(["cat " * 200], whole=False)
    assert overlong.shape == (1, 77)
    assert overlong[0, -1] == text.eos_token_id
