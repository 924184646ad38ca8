"""Which format a JSON file is in: ours, ComfyUI's canvas, or ComfyUI's API prompt."""

from __future__ import annotations

from typing import Final, Literal

from graph.comfyui.imported import quoted
from graph.comfyui.prompt import is_prompt
from graph.document import FORMAT
from graph.errors import InputError, Problem
from graph.json import Json

Format = Literal["latentgraph", "comfyui", "comfyui-api"]


_FORMS: Final = "Give a latentgraph document, a workflow saved by ComfyUI, or a ComfyUI API prompt."


def recognise(data: Json) -> Format:
    """The format of a workflow. Raises `InputError` (unknown_format) with what the file seems to be."""
    if not isinstance(data, dict):
        raise _unknown(f"a workflow is a JSON object, not {quoted(data)}", _FORMS)
    declared = data.get("format")
    if isinstance(declared, str) and declared.startswith("latentgraph/"):
        return "latentgraph"
    if isinstance(data.get("nodes"), list) and "edges" not in data:
        return "comfyui"
    if is_prompt(data):
        return "comfyui-api"
    raise _unknown("this is no workflow in a format that is known here", _advice(data))


def _advice(data: dict[str, Json]) -> str:
    nodes = data.get("nodes")
    if isinstance(nodes, dict):
        return f'If it is one of ours, it lacks its first line: "format": "{FORMAT}".'
    if "edges" in data:
        return "It looks like a workflow of another program (nodes and edges)."
    if isinstance(data.get("workflow"), dict):
        return "The workflow seems to be inside, under `workflow`. Save that part as its own file."
    return _FORMS


def _unknown(message: str, hint: str) -> InputError:
    return InputError([Problem("unknown_format", message, path="$", hint=hint)])
