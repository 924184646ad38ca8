"""Workflows inside pictures: what a saved picture carries, and reading it back, from ours and from ComfyUI's.

A picture of ours carries our document and, for ComfyUI, the two texts that it writes itself: `prompt` (what ran) and
`workflow` (how it was drawn). Of the three the first that can be read wins: ours, then `workflow`, then `prompt`.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Final

from graph.comfyui.export_prompt import export_prompt
from graph.comfyui.export_ui import export_ui
from graph.comfyui.imported import Imported
from graph.comfyui.picture_texts import picture_texts
from graph.comfyui.prompt import import_prompt
from graph.comfyui.ui import import_ui
from graph.document import Document, parse, to_json
from graph.errors import InputError, Problem
from graph.json import Json, loads
from graph.spec import Catalogue

OWN: Final = "latentgraph"
CANVAS: Final = "workflow"
PROMPT: Final = "prompt"
KEYS: Final = (OWN, CANVAS, PROMPT)
_NOT_JSON: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|(?P<word>-?\bInfinity\b|\bNaN\b)')


def embedded_texts(document: Document, ran: Document, catalogue: Catalogue) -> dict[str, str]:
    """The texts to write into a picture, by key: our document, the API prompt, the canvas file. All are ASCII. `ran` is the
    document as a prompt has it, which leaves no words open whatever is in its texts.

    Raises `InputError` if the document's structure cannot be resolved.
    """
    return {
        OWN: json.dumps(to_json(document), separators=(",", ":")),
        PROMPT: json.dumps(export_prompt(ran, catalogue)),
        CANVAS: json.dumps(export_ui(document, catalogue)),
    }


def import_picture(content: bytes, catalogue: Catalogue, *, source: str = "picture") -> Imported:
    """The workflow that a PNG, WebP or JPEG file carries; a text that cannot be read is reported if another can.

    Raises `InputError`: picture_unknown, picture_without_workflow, picture_text_too_large, or what is wrong with the text.
    """
    texts = picture_texts(content, KEYS)
    failures: list[Problem] = []
    for key in KEYS:
        if key not in texts:
            continue
        try:
            found = _read(key, texts[key], catalogue, f"{source} ({key})")
        except InputError as error:
            failures += error.problems
            continue
        skipped = [Problem(one.code, f"{source}: {one.message}", severity="warning") for one in failures]
        return replace(found, problems=(*skipped, *found.problems))
    if failures:
        raise InputError(failures)
    hint = "Pictures lose it when they are edited, converted, or sent through a chat. Ask for the original file."
    raise InputError([Problem("picture_without_workflow", f"{source} carries no workflow", hint=hint)])


def _read(key: str, text: str, catalogue: Catalogue, source: str) -> Imported:
    data = _lenient(text, source)
    if key == OWN:
        return Imported(parse(data))
    return import_ui(data, catalogue) if key == CANVAS else import_prompt(data, catalogue)


def _lenient(text: str, source: str) -> Json:
    """JSON as ComfyUI writes it: it marks changed nodes with NaN, which JSON does not have."""
    try:
        return loads(text, source=source)
    except InputError as error:
        if error.problems[0].code != "json_number":
            raise
    return loads(_NOT_JSON.sub(lambda found: "null" if found["word"] else found[0], text), source=source)
