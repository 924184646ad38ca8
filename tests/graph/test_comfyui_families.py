"""Which family of models a node type is made for."""

from __future__ import annotations

import pytest

from graph.comfyui.families import other_family


@pytest.mark.parametrize(
    ("node_type", "family"),
    [
        ("EmptySD3LatentImage", "Stable Diffusion 3"),
        ("ModelSamplingFlux", "Flux"),
        ("WanImageToVideo", "Wan"),
        ("ChromaRadianceOptions", "Chroma"),
        ("EmptyHunyuanLatentVideo", "Hunyuan"),
        # somebody's plugins, of no family
        ("ImageChromaKey", None),
        ("WanderNode", None),
        ("MeshGraphormer-DepthMapPreprocessor", None),
        ("KSampler", None),
    ],
)
def test_a_family_is_told_by_whole_words(node_type: str, family: str | None) -> None:
    assert other_family(node_type) == family
