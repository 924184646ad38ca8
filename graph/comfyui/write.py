"""The one door out: a document in any format, the mirror of `read.py`."""

from __future__ import annotations

from graph.comfyui.export_prompt import export_prompt
from graph.comfyui.export_ui import export_ui
from graph.comfyui.recognise import Format
from graph.document import Document, to_json
from graph.json import Json
from graph.spec import Catalogue


def write_workflow(document: Document, form: Format, catalogue: Catalogue) -> Json:
    """The document in this format. Raises `InputError` where its structure cannot be resolved."""
    match form:
        case "comfyui":
            return export_ui(document, catalogue)
        case "comfyui-api":
            return export_prompt(document, catalogue)
        case "latentgraph":
            return to_json(document)
