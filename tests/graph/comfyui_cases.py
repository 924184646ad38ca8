"""A small catalogue and short ways to write ComfyUI's JSON, for the tests of its import and export."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import cast

import pytest

from graph.json import Json, JsonObject
from graph.spec import Choice, FileChoice, Input, NodeSpec, Number, Output, Text, Toggle
from tests.graph.declared import spec_from_object_info

SHARED = Path(__file__).parents[3] / "shared"

SAMPLERS = ("euler", "heun", "fixed")


def socket(name: str, kind: str, *, optional: bool = False) -> Input:
    return Input(name, kind, optional=optional)


def whole(name: str, default: int = 0, *, seed: bool = False, optional: bool = False) -> Input:
    return Input(name, "INT", Number("INT", 0, 2**64 - 1, seed=seed), default, optional=optional)


def real(name: str, default: float = 1.0, *, optional: bool = False) -> Input:
    return Input(name, "FLOAT", Number("FLOAT", 0, 100), default, optional=optional)


def text(name: str, default: str = "") -> Input:
    return Input(name, "STRING", Text(multiline=True), default)


def choice(name: str, *options: str) -> Input:
    return Input(name, "COMBO", Choice(options), options[0])


def file(name: str, folder: str, *, upload: bool = False) -> Input:
    return Input(name, "COMBO", FileChoice(folder, upload))


def spec(kind: str, inputs: tuple[Input, ...], *outputs: str, effect: bool = False, display_name: str = "") -> NodeSpec:
    """A node whose outputs are named by their types."""
    ports = tuple(Output(one, one) for one in outputs)
    return NodeSpec(kind, "test", inputs, ports, display_name=display_name or kind, effect=effect)


HARMLESS = frozenset({"comfyui_primitive", "comfyui_seed_control", "comfyui_seed_count"})
"""What is told of a file that lost nothing on its way."""

CATALOGUE: Mapping[str, NodeSpec] = {
    one.type: one
    for one in (
        spec("CheckpointLoaderSimple", (file("ckpt_name", "checkpoints"),), "MODEL", "CLIP", "VAE",
             display_name="Load Checkpoint"),
        spec("CLIPTextEncode", (text("text"), socket("clip", "CLIP")), "CONDITIONING"),
        spec("EmptyLatentImage", (whole("width", 512), whole("height", 512), whole("batch_size", 1)), "LATENT"),
        spec("KSampler", (socket("model", "MODEL"), whole("seed", seed=True), whole("steps", 20), real("cfg", 8.0),
                          choice("sampler_name", *SAMPLERS), socket("positive", "CONDITIONING"),
                          socket("negative", "CONDITIONING"), socket("latent_image", "LATENT"), real("denoise")),
             "LATENT"),
        spec("VAEDecode", (socket("samples", "LATENT"), socket("vae", "VAE")), "IMAGE"),
        spec("LoadImage", (file("image", "input", upload=True),), "IMAGE", "MASK"),
        spec("LoadImageMask", (file("image", "input", upload=True), choice("channel", "alpha", "red")), "MASK"),
        spec("ImageInvert", (socket("image", "IMAGE"),), "IMAGE"),
        spec("LoraLoader", (socket("model", "MODEL"), socket("clip", "CLIP"), file("lora_name", "loras"),
                            real("strength_model")), "MODEL", "CLIP"),
        spec("PrimitiveInt", (whole("value", seed=True),), "INT"),
        spec("Options", (Input("late", "BOOLEAN", Toggle(), True, optional=True), whole("early", 3),
                         socket("mask", "MASK", optional=True)), "INT"),
        spec("ForcedLink", (Input("count", "INT"), real("scale")), "FLOAT"),
        spec("SaveImage", (socket("images", "IMAGE"), text("filename_prefix", "ComfyUI")), effect=True),
    )
}  # fmt: skip


def node(
    identity: Json, kind: Json, *, inputs: Json = None, outputs: Json = None, values: Json = None, **more: Json
) -> JsonObject:
    """A node as a canvas file has it."""
    data: JsonObject = {"id": identity, "type": kind, "pos": [10, 20], "size": [200, 100], "flags": {}, "order": 0,
                        "mode": 0, "properties": {}}  # fmt: skip
    data |= {"inputs": inputs if inputs is not None else [], "outputs": outputs if outputs is not None else []}
    return data | {"widgets_values": values if values is not None else []} | more


def slot(name: str, kind: str = "*", link: Json = None, *, widget: bool = False) -> JsonObject:
    """An input as drawn."""
    return {"name": name, "type": kind, "link": link} | ({"widget": {"name": name}} if widget else {})


def canvas(nodes: list[JsonObject], links: Json = None, **more: Json) -> JsonObject:
    """A canvas file of version 0.4."""
    return {"last_node_id": 99, "last_link_id": 99, "nodes": cast("Json", nodes), "links": links or [], "groups": [],
            "config": {}, "extra": {}, "version": 0.4, **more}  # fmt: skip


def definition(identity: str, nodes: list[JsonObject], links: list[list[int]], *, inputs: list[str], outputs: list[str],
               name: str = "", **more: Json) -> JsonObject:  # fmt: skip
    """A subgraph definition; links as tuples without type, from -10 and to -20 at its boundary."""
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
    return {
        "id": identity, "version": 1, "name": name or identity, "nodes": cast("Json", nodes),
        "inputNode": {"id": -10, "bounding": [0, 0, 1, 1]}, "outputNode": {"id": -20, "bounding": [0, 0, 1, 1]},
        "links": [dict(zip(keys, one, strict=True)) for one in links],
        "inputs": [{"id": f"in-{one}", "name": one, "type": "*"} for one in inputs],
        "outputs": [{"id": f"out-{one}", "name": one, "type": "*"} for one in outputs], **more,
    }  # fmt: skip


def sent(prompt: JsonObject, name: str) -> JsonObject:
    """The inputs of a node in an API prompt."""
    return cast("JsonObject", cast("JsonObject", prompt[name])["inputs"])


def drawn(file: JsonObject, identity: Json) -> JsonObject:
    """A node of a canvas file."""
    return next(one for one in cast("list[JsonObject]", file["nodes"]) if one["id"] == identity)


def needs_shared() -> None:
    """Skip the test where the material beside the repository is absent."""
    if not SHARED.is_dir():
        pytest.skip("the shared material is not here")


@cache
def full_catalogue() -> Mapping[str, NodeSpec]:
    """Every node type that the reference table lists."""
    table = json.loads((SHARED / "reference" / "comfyui_nodes.json").read_text())
    return {name: spec_from_object_info(name, one) for name, one in table.items()}


def shared_files(folder: str) -> list[Path]:
    """The JSON files of a shared folder; none where it is absent."""
    return sorted((SHARED / folder).glob("*.json"))
