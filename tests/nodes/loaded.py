"""A tiny model as nodes see it: handles from the loader, and a context with everything bodies ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from graph.cache.budget import Budget
from graph.cache.tiered import Cache
from graph.context import CancelToken, Context, Preview
from graph.result import Blocked
from graph.states import States
from graph.values import Values
from nodes.builtin.clip import clip_text_encode
from nodes.builtin.loaders import checkpoint_loader_simple
from nodes.builtin.sampling import ksampler
from nodes.folders import Folders, standard_folders
from nodes.services import services
from nodes.sockets import VALUE_TYPES, Clip, Conditioning, Latent, Model, Vae
from tests.nodes.checkpoints import write_tiny_checkpoint

NAME = "tiny.safetensors"


@dataclass
class Progress:
    """What a body reported, and when to cancel it: after so many reports."""

    seen: list[tuple[int, int]] = field(default_factory=list)
    previews: list[Preview | None] = field(default_factory=list)
    token: CancelToken = field(default_factory=CancelToken)
    cancel_at: int | None = None

    def __call__(self, value: int, maximum: int, preview: Preview | None) -> None:
        self.seen.append((value, maximum))
        self.previews.append(preview)
        if value == self.cancel_at:
            self.token.cancel()


@dataclass(frozen=True)
class Loaded:
    """The parts of a checkpoint, and the context they are used in."""

    model: Model
    clip: Clip
    vae: Vae
    context: Context
    folders: Folders

    def prompt(self, text: str, clip: Clip | None = None) -> Conditioning:
        """A prompt encoded."""
        return clip_text_encode(text=text, clip=clip or self.clip, context=self.context)[0]

    def sampled(
        self,
        positive: Conditioning,
        latent: Latent,
        *,
        negative: Conditioning | None = None,
        model: Model | None = None,
    ) -> Latent:
        """A latent after two steps of sampling, of this model if none is given."""
        return ksampler(
            model=model or self.model,
            seed=3,
            steps=2,
            cfg=2.0,
            sampler_name="euler",
            scheduler="normal",
            positive=positive,
            negative=negative or self.prompt("bad"),
            latent_image=latent,
            context=self.context,
        )

    @contextmanager
    def watched(self, *, cancel_at: int | None = None) -> Iterator[tuple[Context, Progress]]:
        """A context that notes progress."""
        progress = Progress(cancel_at=cancel_at)
        yield replace(self.context, sink=progress, cancel=progress.token), progress


def context_in(base: Path) -> Context:
    """Folders below `base`, models on the CPU in float32, and nothing remembered of earlier runs."""
    folders = standard_folders(base)
    provided = services(folders, Budget(2**31), device="cpu", precision="fp32")
    return Context(services={States: States(Cache([]), Values(VALUE_TYPES)), **provided})


def load_tiny(base: Path) -> Loaded:
    """Write a tiny checkpoint below `base` and load it as a workflow would."""
    path = base / "models" / "checkpoints" / NAME
    path.parent.mkdir(parents=True)
    write_tiny_checkpoint(path)
    context = context_in(base)
    parts = checkpoint_loader_simple(ckpt_name=NAME, context=context)
    model, clip, vae = (part for part in parts if not isinstance(part, Blocked))
    assert isinstance(model, Model)
    assert isinstance(clip, Clip)
    assert isinstance(vae, Vae)
    return Loaded(model, clip, vae, context, context.service(Folders))
