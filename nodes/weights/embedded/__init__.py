"""Files that ship inside the package: the embedded model and CLIP's vocabulary. See NOTICE.md for their licences."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_HERE = Path(__file__).parent

EMBEDDED_CHECKPOINT = "tiny-sd-128.safetensors"
CLIP_MERGES = _HERE / "clip_bpe_16e6.txt.gz"


def embedded_checkpoints() -> Mapping[str, Path]:
    """Checkpoints offered by name without any set-up."""
    return {EMBEDDED_CHECKPOINT: _HERE / EMBEDDED_CHECKPOINT}
