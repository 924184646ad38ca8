"""Which nodes of ComfyUI's core exist here, as a page: `docs/coverage.md`, written by `python -m nodes.coverage`.

`comfyui_core.json` lists the type names by the module that declares them there: the module `nodes`, and those of its extras
that matter for Stable Diffusion 1.x, 2.x and XL. A test says when the page is stale.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from nodes.catalogue import read_catalogue
from nodes.model_coverage import model_lines

CORE: Final = Path(__file__).with_name("comfyui_core.json")
PAGE: Final = Path(__file__).parent.parent / "docs" / "coverage.md"

NOT_YET: Final = "not built yet"
OTHER_FAMILY: Final = "belongs to another family of models"

REASONS: Final[Mapping[str, str]] = {
    "ControlNetInpaintingAliMamaApply": OTHER_FAMILY,
    "GITSScheduler": "its table of noise levels is known only from GPL code and unattributed copies of it",
    "ModelSamplingAuraFlow": OTHER_FAMILY,
    "ModelSamplingFlux": OTHER_FAMILY,
    "ModelSamplingSD3": OTHER_FAMILY,
    "ModelSamplingStableCascade": OTHER_FAMILY,
    "SaveSVGNode": "there is no source of vector pictures",
    "StableCascade_EmptyLatentImage": OTHER_FAMILY,
    "StableCascade_StageB_Conditioning": OTHER_FAMILY,
    "StableCascade_StageC_VAEEncode": OTHER_FAMILY,
    "StableCascade_SuperResolutionControlnet": OTHER_FAMILY,
    "TorchCompileModel": "how a model is run is decided by the device policy, not by the graph",
    "UNetTemporalAttentionMultiply": "belongs to video models",
    "WebcamCapture": "needs a browser's camera",
}
"""Why a node is not here, where it is not simply still to come."""


DIFFERENCES: Final = (
    "`VAELoader` does not offer `pixel_space`: it stands for models without an autoencoder.",
    "`TrainLoraNode` does not offer `OFT`; adapters of that kind are read.",
    "`ModelSamplingContinuousEDM` refuses `edm_playground_v2.5` and `cosmos_rflow`: models of theirs are not known here.",
    "`BasicGuider` under a CFG++ sampler takes its one prompt for the negative one, too.",
    "`SamplerLCMUpscale` refuses masks, areas and pictures that a model is shown: they belong to one size.",
    "`HypernetworkLoader` reads safetensors, whose keys are the paths in the dictionaries that training programs pickle.",
    "Hints of how an editor shows a field (`advanced`, `display`) are not given.",
)
"""Where a node that is here is not quite the same, and why."""


def page() -> str:
    """The whole page."""
    core: dict[str, list[str]] = json.loads(CORE.read_text("utf-8"))
    ours = read_catalogue()
    names = [name for module in core.values() for name in module]
    here = sum(name in ours for name in names)
    own = [name for name in ours if name not in names]
    lines = [
        "# Coverage",
        "",
        f"{here} of the {len(names)} nodes of ComfyUI's core for Stable Diffusion 1.x, 2.x and XL exist here, with the same",
        f"names, inputs, defaults and ranges. {len(own)} are ours alone: {', '.join(f'`{name}`' for name in own)}.",
        "This page is written by `python -m nodes.coverage`.",
        "",
        "## Node by node",
        "",
        "| module | here | not here |",
        "|---|---|---|",
        *(_row(module, members, set(ours)) for module, members in core.items()),
        "",
        "Where they differ:",
        "",
        *(f"* {one}" for one in DIFFERENCES),
        "",
        *model_lines(),
    ]
    return "\n".join(lines)


def _row(module: str, members: list[str], ours: set[str]) -> str:
    here = ", ".join(f"`{name}`" for name in members if name in ours)
    return f"| {module} | {here or '-'} | {'; '.join(_absent(members, ours)) or '-'} |"


def _absent(members: list[str], ours: set[str]) -> Iterator[str]:
    for name in members:
        if name not in ours:
            yield f"`{name}`: {REASONS.get(name, NOT_YET)}"


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
