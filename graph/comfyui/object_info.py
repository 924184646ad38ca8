"""A node's declaration in the shape of ComfyUI's `/object_info`.

Their clients build forms and check prompts from this shape, so it keeps their customs: a combo's type is the list of its
choices, `input_order` repeats the order for readers whose objects have none, flags that are false are left out.
"""

from __future__ import annotations

from typing import Final, cast

from graph.comfyui.widgets import in_order
from graph.files import Files
from graph.json import Json, JsonObject
from graph.spec import (
    Choice,
    FileChoice,
    Input,
    Missing,
    NodeSpec,
    Number,
    Text,
)

_FIELD_TYPES: Final = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN"})


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
