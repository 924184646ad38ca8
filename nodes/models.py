"""The modules behind the handles on wires, for node bodies: found on disk, borrowed, and on which device.

A handle remembers the path its file had when it was made, and may outlive that (a cached handle is used again after
the file was moved or replaced). What it means is the content, so a path that no longer leads there is looked up anew.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch

from graph.context import Context
from nodes.diffusion.clip import TextEncoder
from nodes.diffusion.tokenizer import Tokenizer
from nodes.diffusion.unet import UNet
from nodes.diffusion.vae import Vae
from nodes.folders import FolderError, Folders
from nodes.memory.residency import Residency
from nodes.weights.load import WeightsRef


@dataclass(frozen=True, slots=True)
class Models:
    """Borrows modules for a node body."""

    folders: Folders
    residency: Residency

    @classmethod
    def of(cls, context: Context) -> Models:
        """From the services of a run."""
        return cls(context.service(Folders), context.service(Residency))

    def unet(self, ref: WeightsRef) -> AbstractContextManager[UNet]:
        return self.residency.unet(self._located(ref))

    def vae(self, ref: WeightsRef) -> AbstractContextManager[Vae]:
        return self.residency.vae(self._located(ref))

    def text_encoder(self, ref: WeightsRef) -> AbstractContextManager[TextEncoder]:
        return self.residency.text_encoder(self._located(ref))

    def tokenizer(self, ref: WeightsRef) -> Tokenizer:
        return self.residency.tokenizer(self._located(ref))

    def device(self, ref: WeightsRef) -> torch.device:
        """Where the module of a reference computes."""
        return torch.device(self.residency.policy.placement(ref.part, ref.config).device)

    def _located(self, ref: WeightsRef) -> WeightsRef:
        """The reference with a path that leads to its content. Raises `FolderError` (`file_changed`) if none is known."""
        try:
            if self.folders.digest(ref.path) == ref.digest:
                return ref
        except OSError:
            pass  # moved or deleted: the content may still be somewhere
        path = self.folders.with_content(ref.digest)
        if path is None:
            raise FolderError(
                f"{ref.path} is not the file that was loaded",
                code="file_changed",
                hint="It was replaced or deleted meanwhile. Put it back, or run again with the file that is there now.",
            )
        return replace(ref, path=path)
