"""Training runs: they learn, they survive, and they go on as if nothing had happened."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from nodes.diffusion.training.learning_rate import LearningRate
from nodes.training import loop
from nodes.training.autoencoder import AutoencoderTask
from nodes.training.checkpoint import TrainingState, latest_checkpoint, new_state, save_checkpoint, write_atomically
from nodes.training.embedded_model import main
from nodes.training.errors import TrainingError
from nodes.training.export import known_words
from nodes.training.latent_diffusion import DiffusionTask
from nodes.training.latent_pool import LatentPool
from nodes.training.loop import averaged, train, training_step
from nodes.training.model import read_model, token_rows
from nodes.training.picture_blocks import BlockOrder, BlockRenderer, render_block
from nodes.training.pixels import to_pixels
from nodes.training.settings import RunSettings, read_settings, write_settings
from nodes.training.workers import Gradients, Workers, mixed_precision
from nodes.training_data.sprites import SpriteSet
from nodes.weights.load import open_checkpoint
from tests.nodes.training_models import CONFIG, write_tiny_model


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("base") / "tiny.safetensors")


def settings(base: Path, kind: str = "diffusion", **changes: object) -> RunSettings:
    small = RunSettings(
        kind="autoencoder" if kind == "autoencoder" else "diffusion",
        base=str(base),
        batch=8,
        learning_rate=LearningRate(3e-3, warmup=5),
        picture_size=32,
        crop=32,
        block=16,
        pool_blocks=2,
        uses=4,
        held_out=16,
        stop_at=6,
    )
    return replace(small, **changes)  # type: ignore[arg-type]


def after_steps(number: int) -> Callable[[], bool]:
    """Asks to stop before step `number` + 1."""
    asked = iter([False] * number)
    return lambda: next(asked, True)


def run(folder: Path, made: RunSettings, stopped: Callable[[], bool] = lambda: False) -> dict[str, Tensor]:
    """Train in a folder and return copies of weights, averages and moments."""
    folder.mkdir(parents=True, exist_ok=True)
    model = read_model(Path(made.base))
    task = AutoencoderTask(model.vae, made) if made.kind == "autoencoder" else DiffusionTask(model, made, folder)
    try:
        state = train(task, made, folder, stopped)
    finally:
        task.close()
    return tensors_of(state)


def tensors_of(state: TrainingState) -> dict[str, Tensor]:
    tensors = {f"weights.{name}": value.detach().clone() for name, value in state.parameters.items()}
    tensors |= {f"average.{name}": value.clone() for name, value in state.average.items()}
    for name, parameter in state.parameters.items():
        tensors[f"mean.{name}"] = state.optimizer.state[parameter]["exp_avg"].clone()
    return tensors


def logged(folder: Path, key: str) -> list[float]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [entry[key] for entry in map(json.loads, lines) if key in entry]


def test_a_short_run_learns(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY", 10)
    run(tmp_path, settings(base, stop_at=60, ema=0.9))
    losses = logged(tmp_path, "loss")
    assert len(losses) == 6
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("kind", ["diffusion", "autoencoder"])
def test_an_interrupted_run_goes_on_bit_for_bit(kind: str, base: Path, tmp_path: Path) -> None:
    made = settings(base, kind)
    straight = run(tmp_path / "straight", made)
    run(tmp_path / "interrupted", made, after_steps(4))
    resumed = run(tmp_path / "interrupted", made)
    assert straight.keys() == resumed.keys()
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


def test_the_pool_is_made_again_when_it_is_lost(base: Path, tmp_path: Path) -> None:
    made = settings(base)
    straight = run(tmp_path / "straight", made)
    run(tmp_path / "robbed", made, after_steps(4))
    for file in (tmp_path / "robbed" / "latents").iterdir():
        file.unlink()
    resumed = run(tmp_path / "robbed", made)
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


def test_a_run_depends_on_its_seed(base: Path, tmp_path: Path) -> None:
    one, other = (run(tmp_path / str(seed), settings(base, seed=seed, stop_at=2)) for seed in (1, 2))
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_the_decoder_alone_leaves_latents_as_they_are(base: Path, tmp_path: Path) -> None:
    trained = run(tmp_path, settings(base, "autoencoder", decoder_only=True, stop_at=2))
    names = {name.split(".")[1] for name in trained}
    assert names == {"decoder", "post_quant_conv"}


class OneParameter:
    """Minimises w^2 from w = 1; its gradient is what `at` says of the step."""

    def __init__(self, at: Callable[[int], float]) -> None:
        self._weight = nn.Parameter(torch.ones(2, 2))
        self._at = at

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        return {"w": self._weight}

    def gradients(self, step: int) -> Gradients:
        return Gradients(float(self._weight.detach().pow(2).sum()), (torch.full((2, 2), self._at(step)),))

    def observe(self, step: int, folder: Path) -> Mapping[str, float]:
        return {"w": float(self._weight.detach().mean())}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_diverged_run_stops_and_keeps_its_last_good_checkpoint(bad: float, base: Path, tmp_path: Path) -> None:
    made = settings(base, stop_at=None)
    train(OneParameter(lambda step: 0.1), replace(made, stop_at=3), tmp_path, lambda: False)
    good = latest_checkpoint(tmp_path)
    assert good is not None
    kept = good.read_bytes()
    with pytest.raises(TrainingError, match=good.name) as error:
        train(OneParameter(lambda step: bad if step == 5 else 0.1), made, tmp_path, lambda: False)
    assert error.value.code == "diverged"
    assert "step 5" in str(error.value)
    assert good.read_bytes() == kept


def test_gradients_are_clipped_and_the_rate_is_that_of_the_step(base: Path, tmp_path: Path) -> None:
    task = OneParameter(lambda step: 100.0)
    made = settings(base, clip=1.0, weight_decay=0.0)
    state = new_state(task.parameters, made.weight_decay)
    _, norm = training_step(task, state, made, tmp_path)
    assert norm == pytest.approx(200.0)
    assert state.optimizer.param_groups[0]["lr"] == made.learning_rate.at(0)
    moved = 1 - float(task.parameters["w"].detach()[0, 0])
    assert moved == pytest.approx(made.learning_rate.at(0), rel=1e-3)  # Adam's first step is the rate


def test_matrices_decay_and_vectors_do_not() -> None:
    parameters = {"weight": nn.Parameter(torch.ones(2, 2)), "bias": nn.Parameter(torch.ones(2))}
    state = new_state(parameters, 0.5)
    decays = {id(value): group["weight_decay"] for group in state.optimizer.param_groups for value in group["params"]}
    assert decays == {id(parameters["weight"]): 0.5, id(parameters["bias"]): 0.0}


def test_averaged_weights_are_lent_and_given_back() -> None:
    parameters = {"w": nn.Parameter(torch.ones(3))}
    state = new_state(parameters, 0.0)
    state.average["w"].fill_(5.0)
    with averaged(state):
        assert torch.equal(parameters["w"].detach(), torch.full((3,), 5.0))
    assert torch.equal(parameters["w"].detach(), torch.ones(3))


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


def test_another_models_checkpoint_is_refused(base: Path, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, small_state())
    with pytest.raises(TrainingError) as error:
        run(tmp_path, settings(base))
    assert error.value.code == "other_model"


def test_settings_are_read_back(base: Path, tmp_path: Path) -> None:
    made = settings(base, learning_rate=LearningRate(1e-4, 3, decay_from=7, decay=9))
    write_settings(tmp_path, made)
    assert read_settings(tmp_path) == made
    assert read_settings(tmp_path / "none") is None


def test_a_batch_must_split_over_the_workers(base: Path) -> None:
    with pytest.raises(TrainingError) as error:
        settings(base, batch=7)
    assert error.value.code == "batch_not_divisible"


@pytest.fixture
def renderer() -> Iterator[BlockRenderer]:
    made = BlockRenderer(BlockOrder("training", 32, 4, first_seed=100))
    yield made
    made.close()


def test_blocks_come_in_any_order(renderer: BlockRenderer) -> None:
    sprites = SpriteSet()
    for number in (0, 1, 2, 7, 0):
        assert (renderer.block(number) == render_block(renderer.order, number, sprites)).all()
    assert renderer.order.seeds(2) == range(108, 112)


def test_the_pool_moves_on_and_forgets(renderer: BlockRenderer, tmp_path: Path) -> None:
    encoded: list[int] = []

    def encode(pictures: object) -> Tensor:
        encoded.append(len(encoded))
        return torch.full((4, 4, 2, 2), float(encoded[-1]))

    pool = LatentPool(tmp_path, renderer, encode, depth=2)
    pool.move_to(1)
    pool.move_to(1)
    assert len(encoded) == 2
    pool.move_to(2)
    assert len(encoded) == 3
    assert len(list(tmp_path.iterdir())) == 2
    again = LatentPool(tmp_path, renderer, encode, depth=2)
    again.move_to(2)
    assert len(encoded) == 3


def test_parts_computed_by_threads_are_the_whole(base: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 1))
    inputs = torch.randn(8, 4)
    parameters = list(network.parameters())
    whole = torch.autograd.grad(network(inputs).pow(2).mean(), parameters)
    workers = Workers(2)
    parts = inputs.chunk(2)
    result = workers.gradients(parameters, lambda number: network(parts[number]).pow(2).mean())
    workers.close()
    for one, other in zip(whole, result.gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_mixed_precision_computes_attention_in_float32() -> None:
    seen: list[torch.dtype] = []
    values = torch.randn(1, 2, 4, 8, dtype=torch.bfloat16)
    with mixed_precision():
        seen.append(nn.functional.scaled_dot_product_attention(values, values, values).dtype)
        seen.append(nn.functional.linear(torch.randn(2, 4), torch.randn(3, 4)).dtype)
    assert seen == [torch.float32, torch.bfloat16]


def test_captions_become_padded_rows(base: Path) -> None:
    model = read_model(base)
    text = model.config.text[0]
    cut, whole = (token_rows(model, ["cat", "a cat on"], whole=wanted) for wanted in (False, True))
    assert cut.shape == (2, 8)
    assert whole.shape == (2, 77)
    assert whole[:, 0].tolist() == [text.bos_token_id] * 2
    assert torch.equal(whole[:, :8], cut)
    assert (whole[:, 8:] == text.pad_token_id).all()
    overlong = token_rows(model, ["cat " * 200], whole=False)
    assert overlong.shape == (1, 77)
    assert overlong[0, -1] == text.eos_token_id


def test_train_decay_export_and_load(base: Path, tmp_path: Path) -> None:
    """From the command line to a file that our own loader takes."""
    first, final, file = tmp_path / "run", tmp_path / "final", tmp_path / "model.safetensors"
    write_settings(first, settings(base, stop_at=2))
    assert main(["train", str(first)]) == 0
    assert main(["decay", str(first), str(final), "--steps", "2"]) == 0
    branched = read_settings(final)
    assert branched is not None
    assert (branched.stop_at, branched.learning_rate.decay_from, branched.learning_rate.decay) == (4, 2, 2)
    assert main(["export", str(final), str(file)]) == 0

    checkpoint = open_checkpoint(file)
    assert checkpoint.config.unet == CONFIG.unet
    assert checkpoint.config.schedule == CONFIG.schedule
    assert checkpoint.config.native_size == (32, 32)
    assert checkpoint.config.preview_rgb is not None
    with safe_open(file, "pt") as exported, safe_open(base, "pt") as original:
        assert set(exported.keys()) == set(original.keys())
        assert {exported.get_tensor(name).dtype for name in exported.keys()} == {torch.float16}  # noqa: SIM118
        metadata = exported.metadata()
        assert metadata["tokenizer.vocab"] == original.metadata()["tokenizer.vocab"]
        assert json.loads(metadata["training"])["steps"] == 4
        assert json.loads(metadata["known_words"]) == known_words()
        average = _average(latest_checkpoint(final), "unet.out.2.weight")
        torch.testing.assert_close(exported.get_tensor("model.diffusion_model.out.2.weight"), average.half())
    trained, started = read_model(file), read_model(base)
    pixels = to_pixels(render_block(BlockOrder("training", 32, 2), 0, SpriteSet()))
    with torch.no_grad():
        torch.testing.assert_close(
            trained.vae.encode(pixels).mode(), started.vae.encode(pixels).mode(), rtol=2e-2, atol=2e-2
        )


def _average(path: Path | None, name: str) -> Tensor:
    assert path is not None
    with safe_open(path, "pt") as file:
        tensor: Tensor = file.get_tensor(f"average.{name}")
        return tensor


def test_an_exported_autoencoder_is_whitened(base: Path, tmp_path: Path) -> None:
    write_settings(tmp_path / "run", settings(base, "autoencoder", stop_at=1))
    assert main(["train", str(tmp_path / "run")]) == 0
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "model.safetensors")]) == 0
    model = read_model(tmp_path / "model.safetensors")
    pixels = to_pixels(render_block(BlockOrder("training", 32, 256), 0, SpriteSet()))
    with torch.no_grad():
        scaled = model.vae.encode(pixels).mode() * model.config.scale_factor
    torch.testing.assert_close(scaled.std((0, 2, 3)), torch.ones(4), rtol=2e-2, atol=2e-2)
    torch.testing.assert_close(scaled.mean((0, 2, 3)), torch.zeros(4), rtol=0, atol=2e-2)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["train", "new"], "no_base"), (["decay", "new", "other"], "no_run"), (["export", "new", "file"], "no_run")],
)
def test_commands_say_what_is_missing(
    arguments: list[str], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith(f"{code}: ")
    assert list(tmp_path.iterdir()) == []
