"""What the engine must know of a value on a wire, without knowing its type: its size, its bytes, its description.

Numbers and texts are known here. Everything else (latents, pictures, model handles) is described by a `ValueType` that
`nodes/sockets/table.py` provides; `Values` is the table a run is given. A value whose type is not in the table lives in
memory only and counts as next to nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar, cast

from graph.json import Json, canonical
from graph.result import Blocked

T = TypeVar("T")

PLACE: Final = "@place"
"""In the JSON of a value at rest: where something is found. It is kept, and is no part of what the value is."""

_WRITABLE: Final = 10_000
"""Bits of a whole number that Python writes in decimal: it refuses some more, since that takes it so long."""


@dataclass(frozen=True, slots=True)
class RawTensor:
    """A tensor as bytes: `dtype` in safetensors' spelling (F32, BF16, ...), row-major data."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value at rest: JSON beside named tensors."""

    data: Json = None
    tensors: Mapping[str, RawTensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ValueType(Generic[T]):
    """How to treat values of one Python class. `decode` raises ValueError for what `encode` never wrote."""

    kind: type[T]
    name: str
    nbytes: Callable[[T], int]
    encode: Callable[[T], Encoded]
    decode: Callable[[Encoded], T]
    describe: Callable[[T], str]


class ChangedPlace(ValueError):
    """A value was kept with the place of a file, and that file is elsewhere now, or another: it is to be made again."""


class UnknownTypeError(Exception):
    """A value at rest is of a type that this table does not have. Another process may have it."""


class Values:
    """The table of value types. Lookup is by exact class."""

    def __init__(self, types: Iterable[ValueType[object]] = ()) -> None:
        known = [*_PLAIN, *types]
        self._by_kind = {one.kind: one for one in known}
        self._by_name = {one.name: one for one in known}

    def nbytes(self, value: object) -> int:
        found = self._by_kind.get(type(value))
        return found.nbytes(value) if found else 64

    def describe(self, value: object) -> str:
        """One line for an error message: shape, dtype, range; or the type's name."""
        found = self._by_kind.get(type(value))
        return found.describe(value) if found else type(value).__name__

    def encodable(self, value: object) -> bool:
        return type(value) in self._by_kind

    def encode(self, value: object) -> tuple[str, Encoded]:
        """The type's name and the value at rest. Raises KeyError for an unknown type."""
        found = self._by_kind[type(value)]
        return found.name, found.encode(value)

    def decode(self, name: str, encoded: Encoded) -> object:
        """The inverse of `encode`. Raises UnknownTypeError for a name that is not in the table, ValueError for bytes that
        do not fit."""
        found = self._by_name.get(name)
        if found is None:
            raise UnknownTypeError(name)
        return found.decode(encoded)

    def digest(self, value: object) -> str:
        """A digest of the value itself, for outputs whose consumers are keyed by content: equal wherever its files are."""
        if isinstance(value, int) and value.bit_length() > _WRITABLE:
            return hashlib.blake2b(canonical(["int", hex(value)]), digest_size=16).hexdigest()
        if isinstance(value, float) and not math.isfinite(value):
            return hashlib.blake2b(canonical(["float", repr(value)]), digest_size=16).hexdigest()
        if isinstance(value, str | int | float | bool) or value is None:
            return hashlib.blake2b(canonical([type(value).__name__, value]), digest_size=16).hexdigest()
        name, encoded = self.encode(value)
        hasher = hashlib.blake2b(canonical([name, _without_places(encoded.data)]), digest_size=16)
        for key, tensor in sorted(encoded.tensors.items()):
            hasher.update(canonical([key, tensor.dtype, list(tensor.shape)]))
            hasher.update(tensor.data)
        return hasher.hexdigest()

    def digest_items(self, items: Sequence[object]) -> str | None:
        """A digest of all items on a wire. None where one is of a type that is not in the table."""
        if len(items) == 1:
            return self.digest(items[0]) if self.encodable(items[0]) else None
        if not all(map(self.encodable, items)):
            return None
        return hashlib.blake2b(canonical(["items", *map(self.digest, items)]), digest_size=16).hexdigest()


def _without_places(data: Json) -> Json:
    match data:
        case dict():
            return {key: _without_places(part) for key, part in data.items() if key != PLACE}
        case list():
            return [_without_places(part) for part in data]
        case _:
            return data


def value_type(
    kind: type[T],
    *,
    name: str,
    nbytes: Callable[[T], int],
    encode: Callable[[T], Encoded],
    decode: Callable[[Encoded], T],
    describe: Callable[[T], str],
) -> ValueType[object]:
    """A `ValueType`, with its class forgotten so that different ones fit one table."""
    return cast("ValueType[object]", ValueType(kind, name, nbytes, encode, decode, describe))


def _plain(kind: type[T], name: str) -> ValueType[object]:
    def decode(encoded: Encoded) -> T:
        if not isinstance(encoded.data, kind) or isinstance(encoded.data, bool) != (kind is bool):
            raise ValueError(f"not a {name}: {encoded.data!r}")
        return encoded.data

    return value_type(
        kind,
        name=name,
        nbytes=lambda value: 32 + (len(value) if isinstance(value, str) else 0),
        encode=lambda value: Encoded(cast("Json", value)),
        decode=decode,
        describe=_shown,
    )


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > _WRITABLE:
        return f"a whole number of {value.bit_length():,} bits"
    text = repr(value)
    return text if len(text) < 80 else f"{text[:77]}..."


def _decode_float(encoded: Encoded) -> float:
    if isinstance(encoded.data, float):
        return encoded.data
    if encoded.data in ("nan", "inf", "-inf"):
        return float(encoded.data)
    raise ValueError(f"not a float: {encoded.data!r}")


def _decode_blocked(encoded: Encoded) -> Blocked:
    match encoded.data:
        case [str() | None as message, bool(told)]:
            return Blocked(message, told)
        case _:
            raise ValueError("not a blocker")


_PLAIN: tuple[ValueType[object], ...] = (
    _plain(int, "int"),
    value_type(
        float,
        name="float",
        nbytes=lambda _: 32,
        encode=lambda value: Encoded(value if math.isfinite(value) else repr(value)),
        decode=_decode_float,
        describe=repr,
    ),
    _plain(str, "str"),
    _plain(bool, "bool"),
    value_type(
        type(None),
        name="none",
        nbytes=lambda _: 16,
        encode=lambda _: Encoded(None),
        decode=lambda _: None,
        describe=lambda _: "None",
    ),
    value_type(
        Blocked,
        name="blocked",
        nbytes=lambda _: 64,
        encode=lambda value: Encoded([value.message, value.told]),
        decode=_decode_blocked,
        describe=lambda value: f"blocked: {value.message}" if value.message else "blocked",
    ),
)
