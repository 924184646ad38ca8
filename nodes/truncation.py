"""Whether a safetensors file was cut off, told from its header alone. Imports no torch: whoever plans a run asks.

The digest of a file takes seconds for some gigabytes, which nobody should wait for to read that a download stopped early.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from graph.errors import InputError
from graph.json import loads

_SUFFIXES: Final = (".safetensors", ".sft")
_LENGTH: Final = 8
_MAX_HEADER_BYTES: Final = 100_000_000


def is_cut_off(path: Path) -> bool:
    """Whether the file ends before the bytes that its header announces. Raises OSError.

    False for whatever is no safetensors file, or has a header that makes no sense: what is wrong there is for the loader.
    """
    if path.suffix not in _SUFFIXES:
        return False
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        if not 2 <= length <= _MAX_HEADER_BYTES:
            return False
        if _LENGTH + length > size:
            return True
        text = file.read(length)
    try:
        header = loads(text, source=path.name, max_bytes=_MAX_HEADER_BYTES)
    except InputError:
        return False
    return isinstance(header, dict) and _LENGTH + length + max(map(_end, header.values()), default=0) > size


def _end(entry: object) -> int:
    match entry:
        case {"data_offsets": [int(), int(end)]}:
            return end
        case _:
            return 0
