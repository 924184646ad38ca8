"""Which node types belong to models of another family than Stable Diffusion 1.x, 2.x and XL, told by words in their names.

ComfyUI has hundreds of such nodes. Who opens a workflow made of them should read what it is for, not search for a plugin.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_WORDS: Final[Sequence[tuple[str, str]]] = (
    (r"AuraFlow", "AuraFlow and Lumina"),
    (r"Lumina", "Lumina"),
    (r"SD3|TripleCLIP", "Stable Diffusion 3"),
    (r"Flux|Kontext", "Flux"),
    (r"HiDream|QuadrupleCLIP", "HiDream"),
    (r"Hunyuan", "Hunyuan"),
    (r"StableCascade", "Stable Cascade"),
    (r"PixArt", "PixArt"),
    (r"QwenImage|^TextEncodeQwen", "Qwen-Image"),
    (r"OmniGen", "OmniGen"),
    (r"Chroma(?!Key)", "Chroma"),
    (r"^LTXV|^EmptyLTXV", "LTX-Video"),
    (r"Mochi", "Mochi"),
    (r"Cosmos", "Cosmos"),
    (r"^Wan|WanImage|WanVideo", "Wan"),
    (r"^SVD_|ImageOnlyCheckpoint|^VideoLinearCFG|^VideoTriangleCFG|VideoModel|CreateVideo|SaveWEBM|SaveVideo", "video"),
    (r"Audio|^AceStep|EmptyAceStep", "audio"),
    (r"^SV3D|StableZero123|^Hunyuan3D|Voxel|Mesh(?!Graph)|3D", "three-dimensional"),
)


def other_family(node_type: str) -> str | None:
    """The family that a node type serves, in people's words; None if it may serve any."""
    return next((family for words, family in _WORDS if re.search(f"(?:{words})(?![a-z])", node_type)), None)
