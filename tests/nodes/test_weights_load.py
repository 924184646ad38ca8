"""From files to networks: which family, which tensors, and what is said when they do not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from nodes.diffusion.clip import TextEncoder, encode_prompt
from nodes.diffusion.config import (
    OPENCLIP_G,
    OPENCLIP_H,
    SD15,
    SD15_INPAINT,
    SD15_IP2P,
    SD20,
    SD20_INPAINT,
    SD21_V,
    SDXL,
    SDXL_REFINER,
    ModelConfig,
    TextConfig,
)
from nodes.diffusion.prompt import tokenize_prompt
from nodes.diffusion.unet import UNet
from nodes.diffusion.vae import Vae, decode_image
from nodes.weights.detect import FAMILIES, detect, fingerprint_of
from nodes.weights.errors import WeightsConfig, WeightsError, WeightsMissing, WeightsUnknownFamily
from nodes.weights.files import Header, TensorEntry, read_header
from nodes.weights.keymaps import PLACES, Part
from nodes.weights.load import Held, WeightsRef, build, load_part, open_checkpoint
from nodes.weights.metadata import read_config, write_config
from nodes.weights.vocabulary import load_tokenizer
from tests.nodes.checkpoints import embedded_reference, openclip_tensors, reference, tiny_tensors, write_tiny_checkpoint
from tests.nodes.golden import needs_shared, state_dict_shapes
from tests.nodes.tiny import MODEL, MODEL_V, TEXT_PROJECTED, tiny_text_encoder, tiny_unet, tiny_vae

ALL = [SD15, SD15_INPAINT, SD15_IP2P, SD20, SD20_INPAINT, SD21_V, SDXL, SDXL_REFINER, MODEL, MODEL_V]
V_WITNESS = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"


def own_mappings() -> list[str]:
    """The mappings of this process: from-to, ..., and the path of a file."""
    return Path("/proc/self/maps").read_text().splitlines()


def header_of(shapes: dict[str, list[int]], path: Path = Path("model.safetensors")) -> Header:
    """The header of a file with these tensors, without the file."""
    return Header(path, {name: TensorEntry("F16", tuple(shape), 0, 0) for name, shape in shapes.items()}, {}, 0)


class TestDetection:
    @pytest.mark.parametrize("config", FAMILIES, ids=lambda config: config.family)
    def test_every_family_is_known_by_its_own_tensors(self, config: ModelConfig, tmp_path: Path) -> None:
        names = {f"model.diffusion_model.{name}": one for name, one in build(Part.UNET, config).state_dict().items()}
        shapes = {name: list(one.shape) for name, one in names.items() if name != V_WITNESS}
        assert detect(header_of(shapes)) == config

    def test_no_two_families_look_alike(self) -> None:
        assert len({fingerprint_of(config) for config in FAMILIES}) == len(FAMILIES)

    @pytest.mark.parametrize(
        ("family", "config"),
        [("sd15", SD15), ("sd15_inpaint", SD15_INPAINT), ("sdxl_base", SDXL), ("sdxl_refiner", SDXL_REFINER)],
    )
    @pytest.mark.golden
    @needs_shared
    def test_real_tables(self, family: str, config: ModelConfig) -> None:
        assert detect(header_of(state_dict_shapes(family, ""))) == config

    @pytest.mark.parametrize(("spread", "config"), [(0.02, SD20), (0.3, SD21_V)], ids=["noise", "velocity"])
    def test_sd2_predicts_what_the_spread_of_one_bias_says(
        self, spread: float, config: ModelConfig, tmp_path: Path
    ) -> None:
        path = tmp_path / "sd2.safetensors"
        save_file(
            {
                "model.diffusion_model.input_blocks.0.0.weight": torch.zeros(320, 4, 3, 3),
                "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": torch.zeros(320, 1024),
                V_WITNESS: spread * torch.randn(320, generator=torch.Generator().manual_seed(0)),
            },
            path,
        )
        assert detect(read_header(path)) == config

    @pytest.mark.parametrize(
        ("markers", "prediction", "zero_terminal_snr"),
        [((), "eps", False), (("v_pred",), "v", False), (("v_pred", "ztsnr"), "v", True), (("ztsnr",), "eps", False)],
    )
    def test_marker_tensors(self, markers: tuple[str, ...], prediction: str, zero_terminal_snr: bool) -> None:
        shapes = {
            "model.diffusion_model.input_blocks.0.0.weight": [320, 4, 3, 3],
            "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [320, 768],
            **dict.fromkeys(markers, [0]),
        }
        schedule = detect(header_of(shapes)).schedule
        assert (schedule.prediction, schedule.zero_terminal_snr) == (prediction, zero_terminal_snr)

    @pytest.mark.parametrize(
        ("shapes", "words"),
        [
            ({}, "0 tensors, under nothing"),
            ({"lora_unet_down.lora_down.weight": [4, 4]}, "1 tensors, under lora_unet_down"),
            ({"model.diffusion_model.input_blocks.0.0.weight": [7, 5, 3, 3]}, "takes 5 channels, is 7 wide"),
            ({"model.diffusion_model.input_blocks.0.0.weight": [7]}, "1 tensors, under model"),
            ({"blocks.0.weight": [4], "final_layer.weight": [4]}, "blocks, final_layer"),
            ({"double_blocks.0.img_attn.weight": [4], "final_layer.weight": [4]}, "is a Flux model"),
            ({"model.diffusion_model.noise_refiner.0.attention.out.weight": [4]}, "is a Lumina 2 model"),
            ({"edm_mean": [4], "edm_std": [4]}, "is a Playground 2.5 model"),
            ({"cc_projection.weight": [4, 4]}, "is a Stable Zero123 model"),
            ({"model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight": [4]}, "is a Stable Diffusion 3 model"),
        ],
    )
    def test_unknown_models_are_described(self, shapes: dict[str, list[int]], words: str) -> None:
        with pytest.raises(WeightsUnknownFamily, match=words) as raised:
            detect(header_of(shapes))
        assert raised.value.code == "weights_unknown_family"
        assert raised.value.hint


class TestMetadata:
    @pytest.mark.parametrize("config", ALL, ids=lambda config: config.family)
    def test_a_written_configuration_reads_back(self, config: ModelConfig) -> None:
        metadata = {"config": write_config(config), "modelspec.architecture": config.family}
        assert read_config(metadata, "a") == config

    def test_no_configuration_is_no_error(self) -> None:
        assert read_config({"format": "pt"}, "a") is None

    def test_depth_may_be_given_as_in_latent_diffusion(self) -> None:
        document = json.loads(write_config(MODEL))
        document["unet"].update(channel_mult=[1, 2, 3], attention_resolutions=[2, 4], transformer_depth=2)
        config = read_config({"config": json.dumps(document)}, "a")
        assert config is not None
        assert (config.unet.transformer_depth, config.unet.middle_depth) == ((0, 2, 2), 2)

    @pytest.mark.parametrize(
        ("section", "change", "words"),
        [
            ("unet", {"model_channels": "64"}, "model_channels cannot be '64'"),
            ("unet", {"channel_mult": [1, "2"]}, "channel_mult cannot be"),
            ("unet", {"channel_mult": [1, 2, 3, 4]}, "one entry for each level"),
            ("unet", {"num_heads": None}, "exactly one of"),
            ("unet", {"num_heads": 5}, "number of heads is 5, which does not divide 32"),
            ("unet", {"norm_num_groups": 0}, "norm_num_groups is 0"),
            ("vae", {"norm_num_groups": 7}, "norm_num_groups is 7"),
            ("vae", {"ch": 1.5}, "ch cannot be 1.5"),
            ("betas", {"schedule": "cosine"}, "'cosine' is missing or has no known value"),
            ("betas", {"beta_end": "x"}, "a number is expected"),
            (None, {"prediction_type": "flow"}, "'flow'"),
            (None, {"unet": 3}, "an object is expected where 3 stands"),
            (None, {"native_size": [1, 2, 3]}, "too many values"),
            (None, {"preview_rgb": [[1, 2]]}, "three numbers"),
            (None, {"text": [1]}, "an object is expected"),
        ],
    )
    def test_nonsense_is_refused_by_name(self, section: str | None, change: dict[str, object], words: str) -> None:
        document = json.loads(write_config(MODEL))
        (document if section is None else document[section]).update(change)
        with pytest.raises(WeightsConfig, match=words) as raised:
            read_config({"config": json.dumps(document)}, "tiny.safetensors")
        assert raised.value.code == "weights_config"

    @pytest.mark.parametrize("text", ["", "3", "{", "[]", "{}", "[" * 9999])
    def test_text_that_is_no_configuration(self, text: str) -> None:
        with pytest.raises(WeightsConfig):
            read_config({"config": text}, "tiny.safetensors")


class TestLoading:
    @pytest.fixture
    def checkpoint(self, tmp_path: Path) -> Path:
        return write_tiny_checkpoint(tmp_path / "tiny.safetensors")

    def test_a_checkpoint_lists_its_parts(self, checkpoint: Path) -> None:
        opened = open_checkpoint(checkpoint)
        assert opened.parts == {Part.UNET, Part.VAE, Part.TEXT}
        assert opened.config == MODEL

    @pytest.mark.parametrize(
        ("part", "same"), [(Part.UNET, tiny_unet), (Part.VAE, tiny_vae), (Part.TEXT, tiny_text_encoder)]
    )
    def test_a_part_has_the_stored_weights(self, part: Part, same: object, checkpoint: Path) -> None:
        assert callable(same)
        loaded = load_part(reference(checkpoint, part), torch.float32)
        expected = same().state_dict()
        assert loaded.unknown == ()
        assert loaded.module.state_dict().keys() == expected.keys()
        held = torch.float16 if part is Part.TEXT else torch.float32
        assert all(
            torch.equal(one, expected[name].to(held).float()) for name, one in loaded.module.state_dict().items()
        )
        assert not loaded.module.training
        assert not any(parameter.requires_grad for parameter in loaded.module.parameters())

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
    def test_weights_take_the_precision_asked_for(self, dtype: torch.dtype, tmp_path: Path) -> None:
        path = write_tiny_checkpoint(tmp_path / "half.safetensors", dtype=torch.float16)
        module = load_part(reference(path, Part.UNET), dtype).module
        assert {parameter.dtype for parameter in module.parameters()} == {dtype}
        assert not any(parameter.is_meta for parameter in module.parameters())

    def test_only_the_part_asked_for_is_read(self, tmp_path: Path) -> None:
        broken = {name: one for name, one in tiny_tensors().items() if name.startswith("first_stage_model")}
        path = write_tiny_checkpoint(
            tmp_path / "a.safetensors", extra={name: one.fill_(float("nan")) for name, one in broken.items()}
        )
        load_part(reference(path, Part.UNET), torch.float32)
        with pytest.raises(WeightsError, match="NaN"):
            load_part(reference(path, Part.VAE), torch.float32)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
    def test_a_loaded_part_outlives_its_file_s_name(self, dtype: torch.dtype, tmp_path: Path) -> None:
        path = write_tiny_checkpoint(tmp_path / "a.safetensors", dtype=dtype)
        module = load_part(reference(path, Part.UNET), torch.float32).module
        (tmp_path / "b").write_bytes(b"")
        (tmp_path / "b").rename(path)
        expected = tiny_unet().to(dtype).state_dict()
        assert all(torch.equal(one, expected[name].float()) for name, one in module.state_dict().items())

    @pytest.mark.parametrize(
        ("stored", "dtype", "held", "copied"),
        [
            (torch.float32, torch.float32, Held(), 0.0),
            (torch.float16, torch.float32, Held(), 1.0),
            (torch.bfloat16, torch.bfloat16, Held(), 0.0),
            (torch.float16, torch.float32, Held(as_stored=True), 0.02),
        ],
    )
    def test_weights_in_their_stored_precision_are_mapped_and_not_copied(
        self, stored: torch.dtype, dtype: torch.dtype, held: Held, copied: float, tmp_path: Path
    ) -> None:
        path = write_tiny_checkpoint(tmp_path / "a.safetensors", dtype=stored)
        module = load_part(reference(path, Part.UNET), dtype, held).module
        begin = next((int(line.split("-")[0], 16) for line in own_mappings() if line.endswith(str(path))), 0)
        mapped = range(begin, begin + path.stat().st_size)
        parameters = list(module.parameters())
        elsewhere = sum(one.numel() for one in parameters if one.data_ptr() not in mapped)
        assert elsewhere <= copied * sum(one.numel() for one in parameters)
        assert copied == 0.0 or elsewhere > 0

    def test_weights_as_stored_compute_the_same(self, tmp_path: Path) -> None:
        path = write_tiny_checkpoint(tmp_path / "a.safetensors", dtype=torch.float16)
        whole = load_part(reference(path, Part.UNET), torch.float32).module
        streamed = load_part(reference(path, Part.UNET), torch.float32, Held(as_stored=True)).module
        assert isinstance(streamed, UNet)
        assert streamed.dtype is torch.float32
        inputs = torch.randn(2, 4, 8, 8), torch.tensor([500.0, 20.0]), torch.randn(2, 7, 24)
        assert torch.equal(whole(*inputs), streamed(*inputs))

    def test_tensors_nobody_asked_for_are_reported(self, tmp_path: Path) -> None:
        extra = {
            "model.diffusion_model.surprise.weight": torch.ones(1),
            "first_stage_model.loss.logvar": torch.ones(1),
            "cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(77.0)[None],
            "model_ema.decay": torch.ones(1),
        }
        path = write_tiny_checkpoint(tmp_path / "a.safetensors", extra=extra)
        unknown = {part: load_part(reference(path, part), torch.float32).unknown for part in (Part.UNET, Part.VAE)}
        assert unknown == {Part.UNET: ("model.diffusion_model.surprise.weight",), Part.VAE: ()}
        assert load_part(reference(path, Part.TEXT), torch.float32).unknown == ()

    def test_missing_tensors_are_named(self, tmp_path: Path) -> None:
        tensors = tiny_tensors()
        for index in range(7):
            del tensors[[name for name in tensors if "to_k" in name][0 if index else -1]]
        path = self.with_config(tensors, tmp_path)
        with pytest.raises(WeightsMissing, match=r"lacks .*to_k\.weight") as raised:
            load_part(reference(path, Part.UNET), torch.float32)
        assert raised.value.code == "weights_missing"

    def test_a_wrong_shape_is_named(self, tmp_path: Path) -> None:
        tensors = tiny_tensors()
        tensors["first_stage_model.quant_conv.weight"] = torch.ones(8, 4, 1, 1)
        path = self.with_config(tensors, tmp_path)
        with pytest.raises(WeightsMissing, match=r"quant_conv.weight' has shape \[8, 4, 1, 1\].*needs \[8, 8, 1, 1\]"):
            load_part(reference(path, Part.VAE), torch.float32)

    def test_a_part_that_is_not_there(self, tmp_path: Path) -> None:
        tensors = {name: one for name, one in tiny_tensors().items() if not name.startswith("first_stage_model")}
        path = self.with_config(tensors, tmp_path)
        assert Part.VAE not in open_checkpoint(path).parts
        with pytest.raises(WeightsMissing, match="has no VAE"):
            load_part(reference(path, Part.VAE), torch.float32)

    def test_linear_and_one_by_one_convolutions_are_the_same_weights(self, tmp_path: Path) -> None:
        tensors = {name: self.flattened(name, one) for name, one in tiny_tensors().items()}
        module = load_part(reference(self.with_config(tensors, tmp_path), Part.VAE), torch.float32).module
        assert isinstance(module, Vae)
        latent = torch.randn(1, 4, 4, 4)
        assert torch.equal(module.decode(latent), tiny_vae().decode(latent))

    def test_text_encoders_saved_without_their_inner_name_load(self, tmp_path: Path) -> None:
        tensors = {name.replace("transformer.text_model.", "transformer."): one for name, one in tiny_tensors().items()}
        loaded = load_part(reference(self.with_config(tensors, tmp_path), Part.TEXT), torch.float32)
        assert loaded.unknown == ()

    @staticmethod
    def with_config(tensors: dict[str, Tensor], folder: Path) -> Path:
        save_file(tensors, folder / "a.safetensors", metadata={"config": write_config(MODEL)})
        return folder / "a.safetensors"

    @staticmethod
    def flattened(name: str, tensor: Tensor) -> Tensor:
        return tensor[:, :, 0, 0].contiguous() if "attn_1" in name and tensor.ndim == 4 else tensor


class TestOpenClip:
    """Towers stored under OpenCLIP's names, as in SD 2.x and SDXL."""

    @pytest.mark.parametrize(
        ("prefix", "part"),
        [
            ("cond_stage_model.model.", Part.TEXT),
            ("conditioner.embedders.0.model.", Part.TEXT),
            ("conditioner.embedders.1.model.", Part.TEXT_2),
        ],
    )
    def test_weights_arrive_in_their_places(self, prefix: str, part: Part, tmp_path: Path) -> None:
        encoder = tiny_text_encoder(TEXT_PROJECTED)
        tensors = {prefix + name: one for name, one in openclip_tensors(encoder).items()}
        save_file(tensors, tmp_path / "a.safetensors")
        config = replace(MODEL, text=(TEXT_PROJECTED, TEXT_PROJECTED))
        loaded = load_part(WeightsRef(tmp_path / "a.safetensors", "", part, config), torch.float32)
        assert loaded.unknown == ()
        expected = encoder.half().state_dict()
        assert all(torch.equal(one, expected[name].float()) for name, one in loaded.module.state_dict().items())

    @pytest.mark.parametrize(
        ("family", "prefix", "config"),
        [
            ("sd21_v", "cond_stage_model.model.", OPENCLIP_H),
            ("sdxl_base", "conditioner.embedders.1.model.", OPENCLIP_G),
            ("sdxl_refiner", "conditioner.embedders.0.model.", OPENCLIP_G),
            ("sdxl_base", "conditioner.embedders.0.transformer.", SDXL.text[0]),
        ],
    )
    @pytest.mark.golden
    @needs_shared
    def test_every_parameter_has_a_source_in_real_tables(self, family: str, prefix: str, config: TextConfig) -> None:
        shapes = state_dict_shapes(family, prefix)
        part = Part.TEXT_2 if ".1." in prefix else Part.TEXT
        place = next(place for place in PLACES[part] if place.prefix == prefix)
        with torch.device("meta"):
            names = TextEncoder(config).state_dict()
        found = {name: [one for one in place.layout(name) if one.key in shapes] for name in names}
        assert all(found.values())
        for name, wanted in names.items():
            source = found[name][0]
            assert source.read(torch.empty(shapes[source.key], device="meta")).shape == wanted.shape


class TestEmbeddedModel:
    def test_it_opens_by_its_metadata(self) -> None:
        config = embedded_reference(Part.UNET).config
        assert config.unet.norm_num_groups == 8
        assert config.unet.transformer_depth == (0, 1, 1)
        assert config.schedule.prediction == "v"
        assert config.native_size == (128, 128)
        assert config.text[0].vocab_size == 2048

    def test_it_has_its_own_words(self) -> None:
        ref = embedded_reference(Part.TEXT)
        tokenizer = load_tokenizer(ref.path)
        (chunk,) = tokenize_prompt("a red fox", tokenizer, ref.config.text[0])
        assert len(tokenizer.encode("a red fox")) == 3
        assert max(chunk.ids) < 2048

    def test_text_to_picture_is_finite(self) -> None:
        ref = embedded_reference(Part.TEXT)
        encoder = load_part(ref, torch.float32).module
        unet = load_part(embedded_reference(Part.UNET), torch.float32).module
        vae = load_part(embedded_reference(Part.VAE), torch.float32).module
        assert isinstance(encoder, TextEncoder)
        assert isinstance(unet, UNet)
        assert isinstance(vae, Vae)
        chunks = tokenize_prompt("a (red:1.3) fox", load_tokenizer(ref.path), ref.config.text[0])
        context = encode_prompt(encoder, chunks).context
        x = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
        velocity = unet(x, torch.tensor([999.0]), context)
        assert velocity.isfinite().all()
        image = decode_image(vae, -velocity / ref.config.scale_factor)
        assert image.shape == (1, 128, 128, 3)
        assert image.isfinite().all()
        assert image.std() > 0.01

    @pytest.mark.parametrize("part", [Part.UNET, Part.VAE, Part.TEXT])
    def test_nothing_in_it_is_unknown(self, part: Part) -> None:
        assert load_part(embedded_reference(part), torch.float32).unknown == ()
