"""Values of which a run makes several for every node: frozen for the type checker, plain at run time.

A dataclass that is frozen at run time sets each of its fields through `object.__setattr__`; in a chain of trivial nodes
that was a sixth of all instructions executed. Values made less often are ordinary frozen dataclasses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(made: type[T]) -> type[T]:
    """A dataclass with slots that nobody assigns to: a type checker refuses it."""
    return dataclass(slots=True, unsafe_hash=True)(made)
