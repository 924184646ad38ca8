"""Pictures beside model files: `fox.png` or `fox.preview.png` shows what `fox.safetensors` makes.

A cover in the header of a model file is not looked for here: that would be to open every file of a folder, thousands of
them, to list it, while what lies beside them is known from the listing of the folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from nodes.folders import PIPELINES, Folders, files_under, is_offered

_ENDS: Final = tuple(
    middle + suffix for middle in (".preview", "") for suffix in (".png", ".jpg", ".jpeg", ".webp", ".gif")
)
"""What stands in the name of a picture where the ending of the model stands in its own; the first that is there counts."""


def picture_beside(path: Path, roots: Sequence[Path]) -> Path | None:
    """The picture that goes with a model, not reached through a link out of the roots."""
    beside = [one for end in _ENDS if (one := path.with_name(path.stem + end)).is_file()]
    real = [root.resolve() for root in roots] if beside else []
    return next((one for one in beside if _is_in(real, one)), None)


def pictured(folders: Folders, folder: str) -> list[str]:
    """The names of a folder of models that have a picture beside them, sorted."""
    if folder == PIPELINES:
        return []  # what is named there are folders
    roots = folders.roots.get(folder, ())
    real = [root.resolve() for root in roots]
    found: set[str] = set()
    seen: set[str] = set()
    for root in roots:
        files = frozenset(files_under(root))
        named = {name for name in files if is_offered(folder, name)} - seen
        found |= {name for name in named if any(_is_in(real, root / one) for one in _names_beside(name, files))}
        seen |= named  # a file of that name in a later root is not the one that is meant
    return sorted(found)


def _names_beside(name: str, files: frozenset[str]) -> Iterator[str]:
    """The pictures beside a model by their names, of those files that are there."""
    stem = name.removesuffix(Path(name).suffix)
    return (stem + end for end in _ENDS if stem + end in files)


def _is_in(roots: Sequence[Path], path: Path) -> bool:
    real = path.resolve()
    return any(real.is_relative_to(root) for root in roots)
