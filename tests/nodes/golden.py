"""Reference results beside the repository, for tests marked `golden`; they skip where the folder is absent."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).parents[3] / "shared"

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the reference folder is not beside the repository")


def golden_json(name: str) -> Any:
    """A JSON file of `shared/golden`."""
    return json.loads((SHARED / "golden" / name).read_bytes())


def state_dict_shapes(family: str, prefix: str) -> dict[str, list[int]]:
    """Key and shape of every tensor under a prefix of a real checkpoint, the prefix removed."""
    packed = (SHARED / "reference" / "state_dicts" / "state_dicts.json.gz").read_bytes()
    tables: dict[str, dict[str, list[int]]] = json.loads(gzip.decompress(packed))
    return {name.removeprefix(prefix): shape for name, shape in tables[family].items() if name.startswith(prefix)}
