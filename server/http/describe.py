"""Writes our OpenAPI document to `web/openapi.json`, for the types of the editor: `python -m server.http.describe`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from server.http.app import OURS
from server.http.routes import document

FILE: Final = Path(__file__).parent.parent.parent / "web" / "openapi.json"


def description() -> str:
    """The document without the saved workflows of any one machine, as text."""
    return json.dumps(document(OURS, {}), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(description(), encoding="utf-8")
