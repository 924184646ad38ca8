"""What a job asks its worker to run: kept as JSON text by the store, which never looks into it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from graph.document import Document, parse, to_json
from graph.json import JsonObject


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A workflow to run. `targets` None runs every node with an effect; `scope` names the workflow across runs, for
    reasons; `texts` are further texts for saved pictures, by key. `prompt` and `extra` are as a ComfyUI client sent them,
    to be shown to such clients again."""

    document: Document
    targets: tuple[str, ...] | None = None
    scope: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    prompt: JsonObject = field(default_factory=dict)
    extra: JsonObject = field(default_factory=dict)

    def to_text(self) -> str:
        """As the store keeps it."""
        fields = {name: getattr(self, name) for name in ("targets", "scope", "texts", "prompt", "extra")}
        return json.dumps(fields | {"document": to_json(self.document)}, separators=(",", ":"))


def request_from_text(text: str) -> JobRequest:
    """What `to_text` wrote."""
    data = json.loads(text)
    targets = data["targets"]
    return JobRequest(
        document=parse(data["document"]),
        targets=None if targets is None else tuple(targets),
        scope=data["scope"],
        texts=data["texts"],
        prompt=data["prompt"],
        extra=data["extra"],
    )


def document_in(text: str) -> JsonObject:
    """The document of a kept request, as it was written."""
    return cast("JsonObject", json.loads(text)["document"])


def shown(text: str) -> tuple[JsonObject, JsonObject, list[str]]:
    """The prompt, extra data and targets of a kept request, without reading its document."""
    data = json.loads(text)
    return cast("JsonObject", data["prompt"]), cast("JsonObject", data["extra"]), list(data["targets"] or [])
