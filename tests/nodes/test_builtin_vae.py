"""Pictures shown to models that edit: what conditioning carries, and what is sampled on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from graph.context import Context
from nodes.builtin import vae as nodes
from nodes.diffusion.conditioning import ConditioningEntry
from nodes.folders import Folders
from nodes.sockets import Conditioning, Image, Vae
from nodes.weights.keymaps import Part
from tests.nodes.checkpoints import reference, write_tiny_checkpoint
from tests.nodes.running import Bench

PROMPT = Conditioning((ConditioningEntry(torch.zeros(1, 3, 4)),))


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(services=Bench(tmp_path).services)


@pytest.fixture
def vae(tmp_path: Path, context: Context) -> Vae:
    path = write_tiny_checkpoint(tmp_path / "tiny.safetensors")
    return Vae(replace(reference(path, Part.VAE), digest=context.service(Folders).digest(path)))


def test_editing_by_instruction_shows_the_picture_and_starts_from_nothing(vae: Vae, context: Context) -> None:
    picture = Image(torch.rand(2, 19, 35, 3))
    positive, negative, latent = nodes.instruct_pix_to_pix_conditioning(
        positive=PROMPT, negative=PROMPT, vae=vae, pixels=picture, context=context
    )
    encoded = nodes.vae_encode(pixels=picture, vae=vae, context=context)
    for side in (positive, negative):
        shown = side.entries[0].concat
        assert shown is not None
        assert shown.mask is None
        assert torch.equal(shown.latent, encoded.samples)
    assert latent.samples.shape == (2, 4, 2, 4)
    assert not latent.samples.any()
