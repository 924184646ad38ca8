"""Make `sprites/` from the published packages. Run once; the result is committed.

    npm install @lobehub/fluent-emoji-3d@1.1.0 @iconify-json/fluent-emoji-flat@1.2.6
    python -m nodes.training_data.vendor_sprites node_modules nodes/training_data/sprites

The 3D package also carries drawings that are not Microsoft's. A sprite is taken only when its code point is
in the flat set, which is built straight from microsoft/fluentui-emoji; anything else is refused.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image

from nodes.training_data.objects import object_kinds

LONGEST_SIDE = 160
_QUALITY = 86


def vendor_sprites(packages: Path, destination: Path) -> int:
    """Write every sprite of the object table; returns the bytes written.

    Raises ValueError where an object fails the provenance rule.
    """
    drawings = _files_by_code(packages / "@lobehub" / "fluent-emoji-3d" / "assets")
    origin = packages / "@iconify-json" / "fluent-emoji-flat" / "chars.json"
    upstream = {_bare(code) for code in json.loads(origin.read_text(encoding="utf-8"))}
    destination.mkdir(parents=True, exist_ok=True)
    written = 0
    for thing in object_kinds():
        if thing.code not in upstream or thing.code not in drawings:
            raise ValueError(f"{thing.code} ({thing.noun}) is not in microsoft/fluentui-emoji")
        target = destination / f"{thing.code}.webp"
        cropped(Image.open(drawings[thing.code])).save(target, quality=_QUALITY, method=6)
        written += target.stat().st_size
    return written


def cropped(picture: Image.Image) -> Image.Image:
    """The picture cut to its visible part and fitted into `LONGEST_SIDE`."""
    sprite = picture.convert("RGBA")
    visible = sprite.getchannel("A").point(lambda alpha: 255 if alpha > 8 else 0)
    sprite = sprite.crop(visible.getbbox())
    scale = LONGEST_SIDE / max(sprite.size)
    size = (max(1, round(sprite.width * scale)), max(1, round(sprite.height * scale)))
    return sprite.resize(size, Image.Resampling.LANCZOS)


def _files_by_code(folder: Path) -> dict[str, Path]:
    return {_bare(path.stem): path for path in sorted(folder.glob("*.webp"))}


def _bare(code: str) -> str:
    """A code point sequence without variation selectors, which the packages use inconsistently."""
    return code.replace("-fe0f", "")


if __name__ == "__main__":
    print(vendor_sprites(Path(sys.argv[1]), Path(sys.argv[2])), "bytes")
