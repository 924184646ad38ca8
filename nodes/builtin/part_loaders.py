"""Loading the parts of a model from files of their own. Nothing is read but the headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Final, Literal

from graph.context import Context
from graph.declare import Advanced, Choices, FileIn, Tooltip, Unlinked, node
from nodes.diffusion.config import SDXL
from nodes.errors import UnsuitableInput
from nodes.folders import FolderError, Folders
from nodes.misplaced import expecting
from nodes.sockets import Clip, Model, Vae
from nodes.taesd import TAESD_CHOICES, find_taesd
from nodes.weights.errors import WeightsWrongFamily
from nodes.weights.keymaps import Part
from nodes.weights.load import Rounding, WeightsRef, open_part
from nodes.weights.taesd import TAESD

_ROUNDED_TO: Final[Mapping[str, Rounding]] = {
    "fp8_e4m3fn": "float8_e4m3fn",
    "fp8_e4m3fn_fast": "float8_e4m3fn",
    "fp8_e5m2": "float8_e5m2",
}
_ONE_ENCODER: Final = (
    "stable_diffusion", "stable_cascade", "sd3", "stable_audio", "mochi", "ltxv", "pixart", "cosmos", "lumina2", "wan",
    "hidream", "chroma", "ace", "omnigen2", "qwen_image", "hunyuan_image",
)  # fmt: skip
_TWO_ENCODERS: Final = ("sdxl", "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image")

EncoderFile = Annotated[str, FileIn("text_encoders")]
Device = Annotated[
    Literal["default", "cpu"],
    Unlinked(),
    Advanced(),
    Tooltip("With cpu, prompts are encoded on the processor and leave the memory of the graphics card alone."),
]
VaeFile = Annotated[str, FileIn("vae", extra=TAESD_CHOICES)]


@node("VAELoader", display_name="Load VAE", category="loaders", returns="VAE", lane="io")
def vae_loader(*, vae_name: VaeFile, context: Context) -> Vae:
    """The autoencoder between pictures and latents, from a file of its own; the tiny ones are in `vae_approx`."""
    folders = context.service(Folders)
    if vae_name not in TAESD:
        return Vae(_ref(folders, "vae", vae_name, Part.VAE))
    tiny = find_taesd(folders, vae_name)
    if tiny is None:
        raise FolderError(
            f"the tiny autoencoder {vae_name!r} is not there",
            code="file_not_found",
            hint=f"Put {vae_name}_encoder.safetensors and {vae_name}_decoder.safetensors into models/vae_approx.",
        )
    return Vae(tiny)


@node("UNETLoader", display_name="Load Diffusion Model", category="advanced/loaders", returns="MODEL", lane="io")
def unet_loader(
    *,
    unet_name: Annotated[str, FileIn("diffusion_models")],
    weight_dtype: Annotated[
        Literal["default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2"],
        Tooltip(
            "The precision that weights are rounded to. fp8_e4m3fn_fast is fp8_e4m3fn: products are never rounded."
        ),
    ],
    context: Context,
) -> Model:
    """A diffusion model from a file of its own. With an fp8 type its weights are rounded to that; it computes as always."""
    ref = _ref(context.service(Folders), "diffusion_models", unet_name, Part.UNET)
    return Model(replace(ref, rounded_to=_ROUNDED_TO.get(weight_dtype)))


@node("CLIPLoader", display_name="Load CLIP", category="advanced/loaders", returns="CLIP", lane="io")
def clip_loader(
    *,
    clip_name: EncoderFile,
    type: Annotated[str, Choices(_ONE_ENCODER)],  # noqa: A002 - the input's name
    device: Device = "default",
    context: Context,
) -> Clip:
    """A text encoder from a file of its own: that of SD 1.x, SD 2.x or the refiner of SDXL, told by its shapes."""
    _expect_type(type, "stable_diffusion")
    return _on(device, Clip((_ref(context.service(Folders), "text_encoders", clip_name, Part.TEXT),)))


@node("DualCLIPLoader", category="advanced/loaders", returns="CLIP", lane="io")
def dual_clip_loader(
    *,
    clip_name1: EncoderFile,
    clip_name2: EncoderFile,
    type: Annotated[str, Choices(_TWO_ENCODERS)],  # noqa: A002 - the input's name
    device: Device = "default",
    context: Context,
) -> Clip:
    """The two text encoders of SDXL from files of their own, in either order."""
    _expect_type(type, "sdxl")
    folders = context.service(Folders)
    refs = [_ref(folders, "text_encoders", name, Part.TEXT) for name in (clip_name1, clip_name2)]
    return _on(device, Clip(sdxl_towers(refs, f"{clip_name1} and {clip_name2}")))


def sdxl_towers(refs: Sequence[WeightsRef], what: str) -> tuple[WeightsRef, WeightsRef]:
    """Two text encoders, given in either order, as SDXL reads them. Raises `WeightsWrongFamily` if they are of one width."""
    first, second = sorted(refs, key=lambda ref: ref.config.text[0].hidden_size)
    narrow, wide = first.config.text[0], second.config.text[0]
    if narrow.hidden_size == wide.hidden_size:
        raise WeightsWrongFamily(
            f"{what} are text encoders of one width, {wide.hidden_size}; SDXL has two kinds",
            hint="Give one CLIP-L and one CLIP-G.",
        )
    # In SDXL both are read one layer before the last, without the final norm.
    config = replace(SDXL, text=(replace(narrow, layer=-2, norm_hidden=False), wide))
    return replace(first, config=config), replace(second, config=config, part=Part.TEXT_2)


def _on(device: str, clip: Clip) -> Clip:
    """The text encoders where they were asked to be."""
    return replace(clip, towers=tuple(replace(tower, on_cpu=device == "cpu") for tower in clip.towers))


_NAMES: Final[Mapping[Part, str]] = {Part.UNET: "diffusion model", Part.VAE: "VAE", Part.TEXT: "text encoder"}


def _ref(folders: Folders, folder: str, name: str, part: Part) -> WeightsRef:
    path = folders.find(folder, name)
    if path is None:
        raise FolderError(f"there is no file {name!r} in {folder!r}", code="file_not_found")
    with expecting(_NAMES[part], folder, path):
        config = open_part(path, part)
    return WeightsRef(path, folders.digest(path), part, config)


def _expect_type(given: str, known: str) -> None:
    if given != known:
        raise UnsuitableInput(
            f"text encoders of the type {given!r} belong to models that are not known here",
            hint=f"Use {known!r}.",
        )
