"""The editor judges links by the engine's rule. `python -m tests.server.test_editor_rules` writes its table of cases."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Final

from graph.ports import accepts

FILE: Final = Path(__file__).parent.parent.parent / "web" / "tests" / "unit" / "port_verdicts.json"
TYPES: Final = (
    *(
        "*",
        "BOOLEAN",
        "CLIP",
        "COMBO",
        "CONDITIONING",
        "FLOAT",
        "GUIDER",
        "IMAGE",
        "INT",
        "LATENT",
        "MASK",
        "MODEL",
        "NOISE",
    ),
    *(
        "SAMPLER",
        "SCALED_LATENT",
        "SIGMAS",
        "STRING",
        "VAE",
        "IMAGE,MASK",
        "INT,FLOAT",
        "MODEL,*",
        "STRING,INT",
        "MASK,LATENT",
    ),
)


def cases() -> str:
    """Every pair of these types, judged."""
    judged = [(given, wanted, accepts(wanted, given)) for given, wanted in product(TYPES, TYPES)]
    lines = [
        json.dumps({"input": wanted, "output": given, "ok": verdict.ok, "reason": verdict.reason})
        for given, wanted, verdict in judged
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def test_the_editors_table_is_this_rules() -> None:
    assert FILE.read_text() == cases(), "stale: python -m tests.server.test_editor_rules"


if __name__ == "__main__":
    FILE.write_text(cases())
