"""Whether a model file is a pickle, told from its first bytes. Imports no torch: whoever lists models asks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PICKLED_SUFFIXES: Final = (".ckpt", ".pt", ".pth", ".bin")
"""How files that PyTorch has pickled are called."""
PICKLE_STARTS: Final = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def is_pickled(path: Path) -> bool:
    """False for what cannot be read, too: what is wrong there is for the loader."""
    try:
        with open(path, "rb") as file:
            return file.read(8).startswith(PICKLE_STARTS)
    except OSError:
        return False
