"""A node's declaration in the shape of ComfyUI's `/object_info`, and back.

Their clients build forms and check prompts from this shape, so it keeps their customs: a combo's type is the list of its
choices, `input_order` repeats the order for readers whose objects have none, flags that are false are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, cast

from graph.comfyui.names import Names
from graph.comfyui.shapes import as_list, as_object, as_text
from graph.comfyui.widgets import in_order
from graph.files import Files
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

_FIELD_TYPES: Final = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN"})
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


def object_info(spec: NodeSpec, files: Files) -> JsonObject:
    """One entry of `/object_info`. `files` gives the choices of file inputs as they are on disk now."""
    required = {one.name: _input_info(one, files) for one in in_order(spec) if not one.optional}
    optional = {one.name: _input_info(one, files) for one in in_order(spec) if one.optional}
    inputs: JsonObject = {"required": cast("Json", required)}
    order: JsonObject = {"required": list(required)}
    if optional:
        inputs["optional"] = cast("Json", optional)
        order["optional"] = list(optional)
    info: JsonObject = {
        "input": inputs,
        "input_order": order,
        "is_input_list": spec.takes_lists,
        "output": [one.type for one in spec.outputs],
        "output_is_list": [one.is_list for one in spec.outputs],
        "output_name": [one.name for one in spec.outputs],
        "name": spec.type,
        "display_name": spec.display_name or spec.type,
        "description": spec.description,
        "python_module": spec.module or "nodes",
        "category": spec.category,
        "output_node": spec.effect,
    }
    flags: JsonObject = {"deprecated": spec.deprecated, "experimental": spec.experimental}
    words: JsonObject = {"search_aliases": list(spec.words)} if spec.words else {}
    return info | words | {name: True for name, on in flags.items() if on}


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


def _input_info(one: Input, files: Files) -> Json:
    options: JsonObject = {}
    if not isinstance(one.default, Missing):
        options["default"] = one.default
    kind: Json = one.type
    match one.widget:
        case Choice():
            kind = list(one.widget.options)
        case FileChoice():
            kind = [*files.names(one.widget.folder), *one.widget.extra_names]
            if one.widget.upload:
                options["image_upload"] = True
                if one.widget.folder != "input":
                    options["image_folder"] = one.widget.folder
        case Number():
            options |= _number_options(one.widget)
        case Text():
            flags = {"multiline": one.widget.multiline, "dynamicPrompts": one.widget.dynamic_prompts}
            options |= {name: True for name, on in flags.items() if on}
        case None if one.type in _FIELD_TYPES:
            options["forceInput"] = True
    if one.lazy:
        options["lazy"] = True
    if one.advanced:
        options["advanced"] = True
    if one.tooltip:
        options["tooltip"] = one.tooltip
    return [kind, options] if options else [kind]


def _number_options(widget: Number) -> JsonObject:
    options: JsonObject = {
        "min": widget.minimum,
        "max": widget.maximum,
        "step": widget.step,
        "round": widget.round,
        "control_after_generate": widget.seed or None,
    }
    return {name: value for name, value in options.items() if value is not None}


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
