"""Node declarations from ComfyUI's `/object_info`: what tests of its workflows know its nodes by, and a second opinion on
what is written in that shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from graph.comfyui.names import Names
from graph.comfyui.shapes import as_list, as_object, as_text
from graph.json import Json, JsonObject
from graph.spec import (
    MISSING,
    Choice,
    ExtraName,
    FileChoice,
    Input,
    Missing,
    NodeSpec,
    Number,
    Output,
    Text,
    Toggle,
    Widget,
)

_UPLOADS: Final = ("image_upload", "video_upload", "audio_upload", "file_upload")
_FOLDERS: Final[Mapping[str, str]] = {
    "ckpt_name": "checkpoints",
    "clip_name": "text_encoders",
    "clip_name1": "text_encoders",
    "clip_name2": "text_encoders",
    "control_net_name": "controlnet",
    "gligen_name": "gligen",
    "hypernetwork_name": "hypernetworks",
    "lora_name": "loras",
    "style_model_name": "style_models",
    "unet_name": "diffusion_models",
    "vae_name": "vae",
}
"""Their declarations list a folder's files without naming the folder; the input's name tells it. The rest is `input`."""


def spec_from_object_info(name: str, data: JsonObject) -> NodeSpec:
    """The declaration of a node from its `/object_info` entry. What the entry does not say takes its usual value."""
    sections = as_object(data.get("input")) or {}
    order = as_object(data.get("input_order")) or {}
    inputs = [
        _input_from_info(one, declared, optional=section == "optional")
        for section in ("required", "optional")
        for one, declared in _ordered(sections.get(section), order.get(section))
    ]
    return NodeSpec(
        type=name,
        category=as_text(data.get("category")) or "",
        inputs=tuple(inputs),
        outputs=_outputs_from_info(data),
        display_name=as_text(data.get("display_name")) or name,
        description=as_text(data.get("description")) or "",
        effect=data.get("output_node") is True,
        takes_lists=data.get("is_input_list") is True,
        deprecated=data.get("deprecated") is True,
        experimental=data.get("experimental") is True,
        words=tuple(word for word in as_list(data.get("search_aliases")) if isinstance(word, str)),
        module=as_text(data.get("python_module")) or as_text(data.get("module")) or "",
    )


def _ordered(section: Json, order: Json) -> list[tuple[str, Json]]:
    """A section's inputs in the declared order, then those the order forgot."""
    given = as_object(section) or {}
    names = [name for name in as_list(order) if isinstance(name, str) and name in given]
    return [(name, given[name]) for name in dict.fromkeys([*names, *given]) if name]


def _input_from_info(name: str, declared: Json, *, optional: bool) -> Input:
    parts = as_list(declared)
    kind = parts[0] if parts else "*"
    options = (as_object(parts[1]) if len(parts) > 1 else None) or {}
    widget = _widget_from_info(name, kind, options)
    default: Json | Missing = options.get("default", MISSING) if widget is not None else MISSING
    if isinstance(widget, Number) and not isinstance(default, Missing):
        default = _in_kind(widget.kind, default)
    return Input(
        name=name,
        type="COMBO" if isinstance(widget, Choice | FileChoice) else as_text(kind) or "*",
        widget=widget,
        default=MISSING if default is None else default,
        optional=optional,
        lazy=options.get("lazy") is True,
        advanced=options.get("advanced") is True,
        tooltip=as_text(options.get("tooltip")),
    )


def _widget_from_info(name: str, kind: Json, options: JsonObject) -> Widget | None:
    if options.get("forceInput") is True:
        return None
    if isinstance(kind, list) or kind == "COMBO":
        choices = kind if isinstance(kind, list) else as_list(options.get("options"))
        return _combo(name, choices, upload=any(options.get(one) is True for one in _UPLOADS))
    match kind:
        case "INT" | "FLOAT":
            return _number(kind, options)
        case "STRING":
            return Text(options.get("multiline") is True, options.get("dynamicPrompts") is True)
        case "BOOLEAN":
            return Toggle()
    return None


def _combo(name: str, choices: list[Json], *, upload: bool) -> Widget:
    """The choices of a file input are the files of that moment; a list without any is a folder that was empty."""
    options = tuple(str(one) for one in choices if isinstance(one, str | int | float))
    if upload or not options or name in _FOLDERS:
        return FileChoice(_FOLDERS.get(name, "input"), upload, tuple(ExtraName(one) for one in options))
    return Choice(options)


def _number(kind: Literal["INT", "FLOAT"], options: JsonObject) -> Number:
    bounds = {one: _in_kind(kind, options.get(one)) for one in ("min", "max", "step")}
    precision = _in_kind("FLOAT", options.get("round"))
    return Number(
        kind=kind,
        minimum=bounds["min"],
        maximum=bounds["max"],
        step=bounds["step"],
        round=precision or None,
        seed=options.get("control_after_generate") is True,
    )


def _in_kind(kind: Literal["INT", "FLOAT"], value: Json) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if kind == "INT" else float(value)


def _outputs_from_info(data: JsonObject) -> tuple[Output, ...]:
    types = as_list(data.get("output"))
    names = as_list(data.get("output_name"))
    lists = as_list(data.get("output_is_list"))
    outputs: list[Output] = []
    taken = Names()
    for index, kind in enumerate(types):
        word = as_text(kind) or ("COMBO" if isinstance(kind, list) else "*")
        given = as_text(names[index]) if index < len(names) else None
        outputs.append(Output(taken.take(given or word), word, index < len(lists) and lists[index] is True))
    return tuple(outputs)
