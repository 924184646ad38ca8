"""`VALUE_TYPES`: for each kind of value its size in memory, its form at rest, and one line for error messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import torch
from torch import Tensor

from graph.values import Encoded, ValueType, value_type
from nodes.sockets import encoding, model_encoding, reference_encoding
from nodes.sockets.datasets import (
    Dataset,
    LatentDataset,
    TokenizerTable,
    decode_dataset,
    decode_latent_dataset,
    decode_tokenizer_table,
    encode_dataset,
    encode_latent_dataset,
    encode_tokenizer_table,
)
from nodes.sockets.handles import Clip, Conditioning, Guider, Model, Noise, Sampler, Vae
from nodes.sockets.networks import (
    ClipVision,
    ClipVisionOutput,
    ControlNet,
    Gligen,
    PhotoMaker,
    StyleModel,
    UpscaleModel,
    decode_clip_vision,
    decode_clip_vision_output,
    decode_control_net,
    decode_upscale_model,
    encode_clip_vision,
    encode_clip_vision_output,
    encode_control_net,
    encode_upscale_model,
)
from nodes.sockets.operations import LatentOperation, decode_latent_operation, encode_latent_operation
from nodes.sockets.states import SamplingState, decode_sampling_state, encode_sampling_state
from nodes.sockets.tensors import Image, Latent, Mask, ScaledLatent, Sigmas
from nodes.sockets.training import (
    LoraModel,
    LossMap,
    decode_lora_model,
    decode_loss_map,
    encode_lora_model,
    encode_loss_map,
)
from nodes.training.sources import FolderSource
from nodes.weights.load import WeightsRef
from nodes.weights.networks import open_gligen, open_photomaker, open_style_model

T = TypeVar("T")

_HANDLE_BYTES = 1024


def describe_tensor(tensor: Tensor) -> str:
    """`[1,4,16,16] float32 -1.20..3.41`, with the device if it is not the CPU, and with NaN and infinities named."""
    kind = f"{str(list(tensor.shape)).replace(' ', '')} {str(tensor.dtype).removeprefix('torch.')}"
    if tensor.device.type != "cpu":
        kind += f" {tensor.device}"
    if not tensor.numel():
        return kind
    values = tensor.detach().float()
    broken = [name for name, test in (("NaN", torch.isnan), ("infinity", torch.isinf)) if bool(test(values).any())]
    if broken:
        return f"{kind} with {' and '.join(broken)}"
    return f"{kind} {float(values.min()):.4g}..{float(values.max()):.4g}"


def _nbytes(tensors: Iterable[Tensor | None]) -> int:
    return sum(tensor.nbytes for tensor in tensors if tensor is not None)


def _conditioning_tensors(conditioning: Conditioning) -> Iterable[Tensor | None]:
    for entry in conditioning.entries:
        yield from (entry.embedding, entry.pooled, entry.mask, *(hint.image for hint in entry.controls))
        yield from (hint.embeddings for hint in entry.pictures)
        yield from (box.phrase for box in (entry.grounding.boxes if entry.grounding else ()))
        yield entry.token_bias
        if entry.concat is not None:
            yield from (entry.concat.latent, entry.concat.mask)


def _describe_latent(latent: Latent) -> str:
    mask = "" if latent.noise_mask is None else f", noise mask {describe_tensor(latent.noise_mask)}"
    return f"LATENT {describe_tensor(latent.samples)}{mask}"


def _describe_conditioning(conditioning: Conditioning) -> str:
    entries = ", ".join(describe_tensor(entry.embedding) for entry in conditioning.entries)
    return f"CONDITIONING {entries}"


def _describe_vae(vae: Vae) -> str:
    if isinstance(vae.weights, WeightsRef):
        return _describe_weights("VAE", vae.weights)
    return f"VAE tiny {vae.config.family} from {vae.weights.decoder.path.name}"


def _describe_weights(kind: str, ref: WeightsRef) -> str:
    return f"{kind} {ref.config.family} from {ref.path.name}"


def _type(
    kind: type[T],
    encode: Callable[[T], Encoded],
    decode: Callable[[Encoded], T],
    *,
    nbytes: Callable[[T], int] = lambda _: _HANDLE_BYTES,
    describe: Callable[[T], str],
) -> ValueType[object]:
    name = str(getattr(kind, "socket_type"))  # noqa: B009 - every socket class has one
    return value_type(kind, name=name, nbytes=nbytes, encode=encode, decode=encoding.checked(decode), describe=describe)


VALUE_TYPES: Final[tuple[ValueType[object], ...]] = (
    _type(
        Image,
        encoding.encode_image,
        encoding.decode_image,
        nbytes=lambda image: image.pixels.nbytes,
        describe=lambda image: f"IMAGE {describe_tensor(image.pixels)}",
    ),
    _type(
        Mask,
        encoding.encode_mask,
        encoding.decode_mask,
        nbytes=lambda mask: mask.values.nbytes,
        describe=lambda mask: f"MASK {describe_tensor(mask.values)}",
    ),
    _type(
        Latent,
        encoding.encode_latent,
        encoding.decode_latent,
        nbytes=lambda latent: _nbytes((latent.samples, latent.noise_mask)),
        describe=_describe_latent,
    ),
    _type(
        ScaledLatent,
        encoding.encode_scaled_latent,
        encoding.decode_scaled_latent,
        nbytes=lambda latent: latent.samples.nbytes,
        describe=lambda latent: f"SCALED_LATENT {describe_tensor(latent.samples)}",
    ),
    _type(
        Conditioning,
        encoding.encode_conditioning,
        encoding.decode_conditioning,
        nbytes=lambda conditioning: _nbytes(_conditioning_tensors(conditioning)),
        describe=_describe_conditioning,
    ),
    _type(
        Sigmas,
        encoding.encode_sigmas,
        encoding.decode_sigmas,
        nbytes=lambda sigmas: sigmas.values.nbytes,
        describe=lambda sigmas: f"SIGMAS {describe_tensor(sigmas.values)}",
    ),
    _type(
        Model,
        model_encoding.encode_model,
        model_encoding.decode_model,
        describe=lambda model: _describe_weights("MODEL", model.weights),
    ),
    _type(
        Clip,
        model_encoding.encode_clip,
        model_encoding.decode_clip,
        describe=lambda clip: _describe_weights("CLIP", clip.towers[0]),
    ),
    _type(
        Vae,
        encoding.encode_vae,
        encoding.decode_vae,
        describe=_describe_vae,
    ),
    _type(
        Noise,
        encoding.encode_noise,
        encoding.decode_noise,
        describe=lambda noise: "NOISE none" if noise.seed is None else f"NOISE seed {noise.seed}",
    ),
    _type(
        Sampler,
        encoding.encode_sampler,
        encoding.decode_sampler,
        describe=lambda sampler: f"SAMPLER {sampler.name}",
    ),
    _type(
        Guider,
        model_encoding.encode_guider,
        model_encoding.decode_guider,
        nbytes=lambda guider: _nbytes(
            (*_conditioning_tensors(guider.positive), *_conditioning_tensors(guider.negative))
        ),
        describe=lambda guider: f"GUIDER {guider.model.config.family} cfg {guider.cfg}",
    ),
    _type(
        LatentOperation,
        encode_latent_operation,
        decode_latent_operation,
        describe=lambda operation: f"LATENT_OPERATION {operation.function}",
    ),
    _type(
        SamplingState,
        encode_sampling_state,
        decode_sampling_state,
        nbytes=lambda state: state.nbytes,
        describe=lambda state: f"SAMPLING_STATE after step {state.steps[-1].index}",
    ),
    _type(
        UpscaleModel,
        encode_upscale_model,
        decode_upscale_model,
        describe=lambda model: f"UPSCALE_MODEL from {model.network.path.name}",
    ),
    _type(
        ControlNet,
        encode_control_net,
        decode_control_net,
        describe=lambda control_net: f"CONTROL_NET from {control_net.network.path.name}",
    ),
    _type(
        Gligen,
        lambda network: encoding.pack(reference_encoding.encode_network(network.network)),
        lambda encoded: Gligen(reference_encoding.decode_network(encoded.data, open_gligen)),
        describe=lambda network: f"GLIGEN from {network.network.path.name}",
    ),
    _type(
        PhotoMaker,
        lambda encoder: encoding.pack(reference_encoding.encode_network(encoder.network)),
        lambda encoded: PhotoMaker(reference_encoding.decode_network(encoded.data, open_photomaker)),
        describe=lambda encoder: f"PHOTOMAKER from {encoder.network.path.name}",
    ),
    _type(
        StyleModel,
        lambda model: encoding.pack(reference_encoding.encode_network(model.network)),
        lambda encoded: StyleModel(reference_encoding.decode_network(encoded.data, open_style_model)),
        describe=lambda model: f"STYLE_MODEL from {model.network.path.name}",
    ),
    _type(
        ClipVision,
        encode_clip_vision,
        decode_clip_vision,
        describe=lambda tower: f"CLIP_VISION from {tower.network.path.name}",
    ),
    _type(
        ClipVisionOutput,
        encode_clip_vision_output,
        decode_clip_vision_output,
        nbytes=lambda output: _nbytes((output.encoding.embeddings, output.encoding.last, output.encoding.penultimate)),
        describe=lambda output: f"CLIP_VISION_OUTPUT {describe_tensor(output.encoding.embeddings)}",
    ),
    _type(
        LossMap,
        encode_loss_map,
        decode_loss_map,
        nbytes=lambda loss: loss.losses.nbytes,
        describe=lambda loss: f"LOSS_MAP of {len(loss.losses)} steps",
    ),
    _type(
        LoraModel,
        encode_lora_model,
        decode_lora_model,
        describe=lambda lora: f"LORA_MODEL from {lora.adapter.path.name}",
    ),
    _type(
        Dataset,
        encode_dataset,
        decode_dataset,
        nbytes=lambda dataset: (
            1024 * dataset.source.count if isinstance(dataset.source, FolderSource) else _HANDLE_BYTES
        ),
        describe=lambda dataset: f"DATASET of {dataset.source.count} pictures",
    ),
    _type(
        LatentDataset,
        encode_latent_dataset,
        decode_latent_dataset,
        nbytes=lambda dataset: dataset.latents.nbytes,
        describe=lambda dataset: f"LATENT_DATASET {describe_tensor(dataset.latents)}",
    ),
    _type(
        TokenizerTable,
        encode_tokenizer_table,
        decode_tokenizer_table,
        describe=lambda table: f"TOKENIZER of {len(table.merges)} merges",
    ),
)
