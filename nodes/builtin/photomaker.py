"""A person's face in a prompt (PhotoMaker)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import torch

from graph.context import Context
from graph.declare import FileIn, node
from graph.result import Report
from nodes.diffusion.clip_vision import prepare_image
from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.photomaker import PhotoMaker as PhotoMakerEncoder
from nodes.diffusion.tokenizer import Tokenizer
from nodes.errors import UnsuitableInput
from nodes.models import Models, named_network
from nodes.prompting import Prompt, encode
from nodes.sockets import Clip, Conditioning, Image, PhotoMaker
from nodes.weights.networks import open_photomaker

_TRIGGER: Final = "photomaker"


@node("PhotoMakerLoader", category="_for_testing/photomaker", returns="PHOTOMAKER", lane="io", experimental=True)
def photomaker_loader(*, photomaker_model_name: Annotated[str, FileIn("photomaker")], context: Context) -> PhotoMaker:
    """A network that turns pictures of a person into a word of SDXL's prompt."""
    return PhotoMaker(
        named_network(context, "photomaker", photomaker_model_name, "PhotoMaker encoder", open_photomaker)
    )


@node(
    "PhotoMakerEncode",
    category="_for_testing/photomaker",
    returns="CONDITIONING",
    lane="device",
    experimental=True,
)
def photomaker_encode(
    *,
    photomaker: PhotoMaker,
    image: Image,
    clip: Clip,
    text: Prompt = "photograph of photomaker",
    context: Context,
) -> tuple[Conditioning, Report]:
    """A prompt about the person in some pictures: the word before `photomaker` becomes them, as in `a man photomaker`."""
    models = Models.of(context)
    phrase = _phrase(text, len(image.pixels), models.tokenizer(clip.towers[0]))
    encoded = encode(clip, [phrase.text] * len(clip.towers), context)
    report = encoded.report
    embedding = encoded.embedding
    if not phrase.places:
        report += Report(text=(f"no word stands before {_TRIGGER!r}: the pictures are left out of the prompt",))
    else:
        pixels = image.rgb
        with models.network(photomaker.network, PhotoMakerEncoder) as network, torch.inference_mode():
            if embedding.shape[2] != network.width:
                raise UnsuitableInput(
                    f"{photomaker.network.path.name} speaks in words of width {network.width}, and this CLIP's are "
                    f"{embedding.shape[2]} wide",
                    hint="Use the CLIP of an SDXL checkpoint.",
                )
            prepared = prepare_image(pixels, network.config.image_size, crop=True).to(models.network_device)
            identities = network.identities(prepared)
            places = torch.tensor(phrase.places, device=identities.device)
            embedding = network.fuse(embedding.to(identities.device), places, identities).float().cpu().clone()
    return Conditioning((ConditioningEntry(embedding, pooled=encoded.pooled),)), report


@dataclass(frozen=True, slots=True)
class _Phrase:
    """The prompt without the trigger, and the places of the tokens that become pictures."""

    text: str
    places: tuple[int, ...]


def _phrase(text: str, pictures: int, tokenizer: Tokenizer) -> _Phrase:
    """The word before the trigger once for each picture, and where the last token of each is. The first token is a start."""
    words = text.split(" ")
    if _TRIGGER not in words[1:]:
        return _Phrase(" ".join(word for word in words if word != _TRIGGER), ())
    index = words.index(_TRIGGER, 1)
    before, word = words[: index - 1], words[index - 1]
    repeated = [*before, *[word] * pictures]
    counted = [len(tokenizer.encode(" ".join(repeated[: len(before) + number + 1]))) for number in range(pictures)]
    return _Phrase(" ".join([*repeated, *words[index + 1 :]]), tuple(counted))
