"""The tiny autoencoder: names of real files, its interface as a VAE, and previews that never make a run late."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import save_file

from graph.bound import BoundNode
from graph.context import Context
from graph.declare import implementation
from graph.errors import GraphError
from graph.plan import file_digests
from nodes.builtin.part_loaders import vae_loader
from nodes.builtin.vae import vae_decode, vae_encode
from nodes.diffusion.config import SD15, SDXL, SDXL_REFINER, ModelConfig
from nodes.diffusion.taesd import TaesdConfig, TaesdDecoder, TaesdEncoder, build_taesd, tiny_vae
from nodes.diffusion.vae import decode_image, encode_image
from nodes.folders import Folders
from nodes.previews import Previewer, linear_preview
from nodes.sockets import Image, Latent, Vae
from nodes.sockets.encoding import decode_vae, encode_vae
from nodes.taesd import available_taesd, find_previewer, find_taesd
from nodes.weights.files import Header, TensorEntry
from nodes.weights.keymaps import Part
from nodes.weights.taesd import detect_taesd
from tests.nodes.checkpoints import embedded_reference
from tests.nodes.golden import needs_shared, state_dict_shapes
from tests.nodes.running import Bench
from tests.nodes.tiny import fill

ENCODER, DECODER = TaesdConfig("encoder", width=8), TaesdConfig("decoder", width=8)


def write_pair(folder: Path, name: str = "taesd") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for config in (ENCODER, DECODER):
        save_file(fill(build_taesd(config), 4).state_dict(), folder / f"{name}_{config.half}.safetensors")


@pytest.mark.golden
@needs_shared
@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_names_and_shapes_of_real_files(half: str) -> None:
    table = state_dict_shapes(f"taesd_{half}", "")
    header = Header(Path("x"), {key: TensorEntry("F16", tuple(shape), 0, 0) for key, shape in table.items()}, {}, 0)
    config = detect_taesd(header)
    assert config.half == half
    assert {name: list(tensor.shape) for name, tensor in build_taesd(config).state_dict().items()} == table


def test_sizes_and_scale() -> None:
    encoder, decoder = fill(TaesdEncoder(ENCODER), 1), fill(TaesdDecoder(DECODER), 2)
    vae = tiny_vae(SD15, encoder, decoder)
    picture = torch.rand(1, 35, 50, 3)
    latent = encode_image(vae, picture)
    assert latent.shape == (1, 4, 4, 6)
    inside = picture[:, 1:33, 1:49].movedim(-1, 1)
    torch.testing.assert_close(latent * SD15.scale_factor, encoder(inside), atol=1e-5, rtol=1e-4)
    decoded = decode_image(vae, latent)
    assert decoded.shape == (1, 32, 48, 3)
    expected = decoder(latent * SD15.scale_factor).clamp(0, 1).movedim(1, -1)
    torch.testing.assert_close(decoded, expected, atol=1e-5, rtol=1e-4)


def test_extreme_latents_are_bent_into_range() -> None:
    decoder = fill(TaesdDecoder(DECODER), 2)
    huge, larger = (decoder(torch.full((1, 4, 2, 2), value)) for value in (1e3, 1e6))
    torch.testing.assert_close(huge, larger)


class TestFiles:
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        write_pair(tmp_path / "models" / "vae_approx")
        return Bench(tmp_path)

    def test_what_is_offered(self, bench: Bench, tmp_path: Path) -> None:
        assert available_taesd(bench.folders) == ["taesd"]
        assert find_taesd(bench.folders, "taesdxl") is None
        assert find_previewer(bench.folders, SDXL) is None
        write_pair(tmp_path / "models" / "vae_approx", "taesdxl")
        assert available_taesd(bench.folders) == ["taesd", "taesdxl"]
        assert find_previewer(bench.folders, SDXL_REFINER) is not None

    def test_as_a_vae(self, bench: Bench) -> None:
        found = find_taesd(bench.folders, "taesd")
        assert found is not None
        vae, context = Vae(found), Context(services=bench.services)
        latent = vae_encode(pixels=Image(torch.rand(2, 16, 24, 3)), vae=vae, context=context)
        assert latent.samples.shape == (2, 4, 2, 3)
        assert vae_decode(samples=latent, vae=vae, context=context).pixels.shape == (2, 16, 24, 3)
        assert decode_vae(encode_vae(vae)) == vae

    def test_what_the_files_hold_is_part_of_the_key(self, bench: Bench, tmp_path: Path) -> None:
        declared = implementation(vae_loader)
        assert declared is not None

        def digests(name: str) -> dict[str, str]:
            return file_digests("vae", BoundNode(declared.spec, {"vae_name": name}, {}), bench.folders)

        before, other = digests("taesd"), digests("taesdxl")
        decoder = fill(build_taesd(DECODER), 5).state_dict()
        save_file(decoder, tmp_path / "models" / "vae_approx" / "taesd_decoder.safetensors")
        assert digests("taesd") != before
        assert digests("taesdxl") == other == {"vae_name": "missing,missing"}

    def test_other_files_are_refused(self, bench: Bench, tmp_path: Path) -> None:
        save_file({"x": torch.zeros(1)}, tmp_path / "models" / "vae_approx" / "taesd_encoder.safetensors")
        with pytest.raises(GraphError, match=r"taesd_encoder\.safetensors is no half"):
            find_taesd(bench.folders, "taesd")

    def test_halves_of_another_size_are_told_apart(self, bench: Bench) -> None:
        ref = find_previewer(bench.folders, SD15)
        assert ref is not None
        assert ref.config == DECODER
        assert bench.folders is bench.services[Folders]


class Clock:
    """Moves only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class TestPreviews:
    def test_at_most_five_a_second(self) -> None:
        clock = Clock()
        previewer = Previewer(SD15, clock=clock)
        offered = []
        for _ in range(20):
            offered.append(previewer.offer(torch.zeros(1, 4, 2, 2)) is not None)
            clock.now += 0.05
        assert sum(offered) == 5

    @pytest.mark.parametrize("seconds", [0.001, 0.01, 0.3])
    @pytest.mark.parametrize("tiny_decoder", [False, True])
    def test_looking_takes_a_fiftieth_of_the_time(
        self, tiny_decoder: bool, seconds: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Sixty seconds of steps of a twentieth each, somebody looking whenever there is something to see."""
        clock, spent = Clock(), [0.0, 0.0]

        def work(kind: int) -> None:
            spent[kind] += seconds
            clock.now += seconds

        def decode(denoised: torch.Tensor) -> torch.Tensor:
            work(1)
            return torch.ones(1, 3, 16, 16)

        def linear(config: ModelConfig, denoised: torch.Tensor) -> bytes:
            work(0)
            return b""

        monkeypatch.setattr("nodes.previews.linear_preview", linear)
        previewer = Previewer(SD15, decode if tiny_decoder else None, clock)
        while clock.now < 60:
            clock.now += 0.05
            preview = previewer.offer(torch.zeros(1, 4, 2, 2))
            if preview is not None:
                preview()
        assert 0 < sum(spent) <= 0.02 * clock.now
        assert spent[1] > 0 or not tiny_decoder

    def test_the_embedded_model_has_colours(self) -> None:
        assert embedded_reference(Part.UNET).config.preview_rgb is not None

    @pytest.mark.parametrize("config", [SD15, SDXL])
    def test_a_linear_preview_is_a_small_picture(self, config: ModelConfig) -> None:
        with Pillow.open(io.BytesIO(linear_preview(config, torch.zeros(2, 4, 8, 16)))) as picture:
            assert picture.size == (128, 64)
            assert picture.getpixel((3, 3)) == (127, 127, 127)

    def test_a_latent_of_one_colour_is_of_that_colour(self) -> None:
        assert SDXL.preview_rgb is not None
        bright = torch.tensor(SDXL.preview_rgb)[:, 0].sign().reshape(1, 4, 1, 1).expand(1, 4, 4, 4)
        with Pillow.open(io.BytesIO(linear_preview(SDXL, bright))) as picture:
            red, _, _ = picture.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
        assert red > 200


def test_latents_are_decoded_by_the_node(tmp_path: Path) -> None:
    write_pair(tmp_path / "models" / "vae_approx")
    bench = Bench(tmp_path)
    found = find_taesd(bench.folders, "taesd")
    assert found is not None
    picture = vae_decode(
        samples=Latent(torch.zeros(1, 4, 3, 2)), vae=Vae(found), context=Context(services=bench.services)
    )
    assert picture.size == (16, 24)
