"""What Python's types say of sockets: of which type they are, whether they are lists, what a node gives.

A class is a socket type by its attribute `socket_type`. `declare.py` reads parameters and results of nodes with this.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable
from typing import Annotated, Union, get_args, get_origin

from graph.errors import DeclarationError
from graph.result import Blocked, Expansion, Report
from graph.spec import Missing, Output


def socket_type(annotation: object, place: str) -> str:
    """The socket type of a Python type: `int` is INT, `object` is `*`, `Image | Mask` is `IMAGE,MASK`."""
    if annotation in _PRIMITIVES:
        return _PRIMITIVES[typing.cast("type", annotation)]
    if _is_union(annotation):
        return ",".join(socket_type(one, place) for one in get_args(annotation))
    name = getattr(annotation, "socket_type", None)
    if isinstance(name, str):
        return name
    raise DeclarationError(f"{place}: {annotation!r} is not a socket type (give the class a `socket_type`)")


_PRIMITIVES: dict[object, str] = {int: "INT", float: "FLOAT", str: "STRING", bool: "BOOLEAN", object: "*"}


def outputs_of(annotation: object, returns: str | tuple[str, ...], name: str) -> tuple[tuple[Output, ...], bool]:
    """What a function with this return annotation gives, named by `returns`, and whether it may give a graph instead.

    Raises `DeclarationError`, naming the function `name`, where the two do not go together.
    """
    if isinstance(annotation, Missing):
        raise DeclarationError(f"{name}: has no return annotation")
    parts = [part for part in _union(annotation) if part not in (Blocked, type(None))]
    expands = Expansion in parts
    parts = [part for part in parts if part is not Expansion]
    if len(parts) > 1:
        raise DeclarationError(f"{name}: returns one type or one tuple of types, not {annotation!r}")
    values = [] if not parts else list(get_args(parts[0])) if get_origin(parts[0]) is tuple else [parts[0]]
    values = [value for value in values if value is not Report]
    names = (returns,) if isinstance(returns, str) else returns
    if len(names) != len(values) or len(set(names)) != len(names):
        raise DeclarationError(f"{name}: `returns` gives {len(names)} distinct names for {len(values)} outputs")
    return tuple(_output(output, value, name) for output, value in zip(names, values, strict=True)), expands


def _output(output: str, annotation: object, name: str) -> Output:
    place = f"{name} -> {output}"
    parts = [part for part in _union(annotation) if part is not Blocked]
    annotation = parts[0] if len(parts) == 1 else Union[tuple(parts)]  # noqa: UP007 - built at run time
    is_list = get_origin(annotation) is list
    if is_list:
        (annotation,) = get_args(annotation)
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return Output(output, socket_type(annotation, place), is_list)


def _is_union(annotation: object) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _union(annotation: object) -> Iterable[object]:
    return get_args(annotation) if _is_union(annotation) else (annotation,)


def without_none(annotation: object) -> tuple[object, bool]:
    """The annotation without None, and whether it had it."""
    parts = tuple(part for part in _union(annotation) if part is not type(None))
    if len(parts) == len(tuple(_union(annotation))):
        return annotation, False
    return (parts[0] if len(parts) == 1 else Union[parts]), True  # noqa: UP007 - built at run time
