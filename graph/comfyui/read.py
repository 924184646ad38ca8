"""The one door for workflow files: our documents, ComfyUI's two formats, and pictures that carry any of them."""

from __future__ import annotations

from graph.comfyui.imported import Imported
from graph.comfyui.metadata import import_picture
from graph.comfyui.picture_texts import is_picture
from graph.comfyui.prompt import import_prompt
from graph.comfyui.recognise import recognise
from graph.comfyui.ui import import_ui
from graph.document import parse, parse_known
from graph.json import Json, loads
from graph.spec import Catalogue


def read_workflow(content: bytes, catalogue: Catalogue, *, source: str = "file") -> Imported:
    """The workflow in a file's bytes, whatever its format. Raises `InputError`."""
    if is_picture(content):
        return import_picture(content, catalogue, source=source)
    return import_known(loads(content, source=source), catalogue)


def import_known(data: Json, catalogue: Catalogue) -> Imported:
    """As `import_workflow`, but keys that our documents do not have are problems beside what else is found. Raises
    `InputError`."""
    return Imported(*parse_known(data)) if recognise(data) == "latentgraph" else import_workflow(data, catalogue)


def import_workflow(data: Json, catalogue: Catalogue) -> Imported:
    """The workflow in a JSON value, whatever its format. Raises `InputError`."""
    match recognise(data):
        case "latentgraph":
            return Imported(parse(data))
        case "comfyui":
            return import_ui(data, catalogue)
        case "comfyui-api":
            return import_prompt(data, catalogue)
