"""May this output feed that input? A yes, or a no with a reason people can read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

ANY = "*"
CONTENT_TYPES = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "SIGMAS"})
"""Types whose values are small: consumers are keyed by the value itself, so an equal value stops a change there."""

_WIDENS = frozenset({("INT", "FLOAT"), ("STRING", "COMBO"), ("COMBO", "STRING")})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a link is allowed and, if not, why."""

    ok: bool
    reason: str = ""


_YES = Verdict(True)


@lru_cache(maxsize=4096)
def accepts(input_type: str, output_type: str) -> Verdict:
    """Whether an input of `input_type` takes an output of `output_type` (each a type, several with commas, or `*`)."""
    if input_type == output_type or ANY in (input_type, output_type):
        return _YES
    wanted, given = set(input_type.split(",")), set(output_type.split(","))
    if wanted & given or ANY in wanted | given:
        return _YES
    if any((one, other) in _WIDENS for one in given for other in wanted):
        return _YES
    return Verdict(False, f"{_either(output_type)} does not fit {_either(input_type)}")


def by_content(output_type: str) -> bool:
    """Whether consumers of this output are keyed by its value."""
    return output_type in CONTENT_TYPES


def _either(types: str) -> str:
    return " or ".join(types.split(","))
