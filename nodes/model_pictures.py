"""Pictures beside model files: `fox.png` or `fox.preview.png` shows what `fox.safetensors` makes.

A cover in the header of a model file is not looked for here: that would be to open every file of a folder, thousands of
them, to list it, while what lies beside them is known from the listing of the folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nodes.folders import Folders, files_under

_ENDS: Final = tuple(
    middle + suffix for middle in (".preview", "") for suffix in (".png", ".jpg", ".jpeg", ".webp", ".gif")
)
"""What stands in the name of a picture where the ending of the model stands in its own; the first that is there counts."""


def picture_beside(path: Path, roots: Sequence[Path]) -> Path | None:
    """The picture that goes with a model, not reached through a link out of the roots."""
    real = [root.resolve() for root in roots]
    beside = (path.with_name(path.stem + end) for end in _ENDS)
    return next((one for one in beside if one.is_file() and _is_in(real, one)), None)


def pictured(folders: Folders, folder: str) -> list[str]:
    """The names of a folder of models that have a picture beside them, sorted."""
    named = set(folders.names(folder))
    roots = folders.roots.get(folder, ())
    found: set[str] = set()
    for root in roots:
        files = frozenset(files_under(root))
        for name in named & files:
            stem = name.removesuffix(Path(name).suffix)
            if any(stem + end in files for end in _ENDS) and picture_beside(root / name, roots):
                found.add(name)
        named -= files  # a file of that name in a later root is not the one that is meant
    return sorted(found)


def _is_in(roots: Sequence[Path], path: Path) -> bool:
    real = path.resolve()
    return any(real.is_relative_to(root) for root in roots)
