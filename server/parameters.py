"""A document's parameters as flags, and `--set node.input=value`.

A parameter named `prompt` becomes `--prompt TEXT`; its type, default and help come from the input it is bound to. The
same declarations make the API's body and the editor's form.
"""

from __future__ import annotations

import argparse
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from graph.document import SUBGRAPH, Document, Link, Parameter, with_inputs
from graph.errors import InputError, Problem, nearest
from graph.interface import find_input, input_names
from graph.json import Json
from graph.spec import Catalogue, Choice, FileChoice, Input, Missing, Number, Text, Toggle
from server.draws import RANDOM


@dataclass(frozen=True, slots=True)
class Flag:
    """A parameter, the option it is given by, the input it sets and the value it has."""

    option: str
    parameter: Parameter
    port: Input | None
    value: Json


def flags(document: Document, catalogue: Catalogue) -> list[Flag]:
    """One flag for each parameter."""
    return [_flag(document, parameter, catalogue) for parameter in document.parameters]


def add_flags(parser: argparse.ArgumentParser, found: Sequence[Flag]) -> None:
    """Offer the flags, in a group of their own. Options the parser already has keep their meaning: a parameter of such a
    name, or of one that another parameter has, is given by `--parameter-NAME`."""
    if not found:
        return
    group = parser.add_argument_group("parameters of this workflow")
    taken = {option for action in parser._actions for option in action.option_strings}  # noqa: SLF001 - no public list
    for flag in found:
        option = next(one for one in _options(flag) if one not in taken)
        taken.add(option)
        group.add_argument(
            option,
            dest=_destination(flag),
            metavar=_metavar(flag.port),
            default=argparse.SUPPRESS,
            help=_help(flag),
        )


def apply_flags(document: Document, found: Sequence[Flag], given: argparse.Namespace) -> Document:
    """The document with the given flags' values. Raises InputError for a value its input cannot read."""
    changes: dict[tuple[str, str], Json] = {}
    problems: list[Problem] = []
    for flag in found:
        text = getattr(given, _destination(flag), None)
        if text is None:
            continue
        try:
            value = read_value(text, flag.port)
        except ValueError as error:
            hint = f"Give it {_example(flag.port)}."
            problems.append(Problem("parameter_value", f"{flag.option}: {error}", hint=hint))
            continue
        binds = [bind for bind in flag.parameter.binds if bind[0] in document.nodes]
        if not binds:
            message = f"{flag.option} sets nothing: no node that it is bound to is there"
            hint = "Mend its `binds` in the workflow, or set an input with --set NODE.INPUT=VALUE."
            problems.append(Problem("parameter_unbound", message, hint=hint))
        changes |= dict.fromkeys(binds, value)
    if problems:
        raise InputError(problems)
    return with_inputs(document, changes)


def apply_settings(document: Document, settings: Sequence[str], catalogue: Catalogue) -> Document:
    """The document with each `node.input=value` applied. Raises InputError with every fault."""
    changes: dict[tuple[str, str], Json] = {}
    problems: list[Problem] = []
    for setting in settings:
        try:
            place, value = _setting(document, setting, catalogue)
            changes[place] = value
        except _SettingError as error:
            problems.append(Problem("setting", f"--set {setting}: {error}", hint=error.hint))
    if problems:
        raise InputError(problems)
    return with_inputs(document, changes)


def read_value(text: str, port: Input | None) -> Json:
    """A value from its text, by the field it is for; `random` stays for a seed, to be drawn. Raises ValueError."""
    match port.widget if port else None:
        case Number(seed=True) if text == RANDOM:
            return RANDOM
        case Number(kind="INT"):
            return _read(int, text, "a whole number")
        case Number():
            return _finite(_read(float, text, "a number"), text)
        case Toggle():
            known = {
                "true": True,
                "yes": True,
                "1": True,
                "on": True,
                "false": False,
                "no": False,
                "0": False,
                "off": False,
            }
            if text.lower() not in known:
                raise ValueError(f"expects true or false, not {text!r}")
            return known[text.lower()]
        case _:
            return _text(text)


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not text in the terminal's encoding (is the locale UTF-8?)") from None
    return text


def _read(kind: type[int] | type[float], text: str, word: str) -> int | float:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"expects {word}, not {text!r}") from None


def _finite(value: float, text: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"expects a finite number, not {text!r}")
    return value


def _example(port: Input | None) -> str:
    """What may be written for an input, for somebody who wrote something else."""
    match port.widget if port else None:
        case Number(takes=takes):
            return takes
        case Toggle():
            return "true or false"
        case _:
            return "a text"


class _SettingError(Exception):
    """What is wrong with a `--set`, and what to write."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def _flag(document: Document, parameter: Parameter, catalogue: Catalogue) -> Flag:
    option = "--" + (re.sub(r"[\W_]+", "-", parameter.name).strip("-") or "parameter")
    for name, input_name in parameter.binds:
        node = document.nodes.get(name)
        if node is None:
            continue
        port = find_input(node.type, input_name, document.subgraphs, catalogue)
        value = node.inputs.get(input_name)
        if value is None and port is not None and not isinstance(port.default, Missing):
            value = port.default
        return Flag(option, parameter, port, None if isinstance(value, Link) else value)
    return Flag(option, parameter, None, None)


def _setting(document: Document, setting: str, catalogue: Catalogue) -> tuple[tuple[str, str], Json]:
    place, equals, text = setting.partition("=")
    node, dot, input_name = place.rpartition(".")
    if not equals or not dot:
        hint = f"Write --set {place if dot else _place_of(place, document, catalogue)}=VALUE."
        raise _SettingError("has no value" if not equals else "names no node", hint)
    if node not in document.nodes:
        raise _no_such_node(node, document, catalogue)
    kind = document.nodes[node].type
    port = find_input(kind, input_name, document.subgraphs, catalogue)
    if port is None:
        known = input_names(kind, document.subgraphs, catalogue)
        raise _SettingError(
            f"{kind} has no input {input_name!r}", nearest(input_name, known) or _listed("It has", known)
        )
    try:
        return (node, input_name), read_value(text, port)
    except ValueError as error:
        raise _SettingError(str(error), f"Give it {_example(port)}.") from None


def _place_of(word: str, document: Document, catalogue: Catalogue) -> str:
    """What somebody may have meant who named a node or an input alone."""
    if word in document.nodes:
        return f"{word}.INPUT"
    nodes = (
        name for name, node in document.nodes.items() if find_input(node.type, word, document.subgraphs, catalogue)
    )
    found = next(nodes, None)
    return f"{found}.{word}" if found else "NODE.INPUT"


def _no_such_node(node: str, document: Document, catalogue: Catalogue) -> _SettingError:
    instance = document.nodes.get(node.split(":")[0])
    if instance is not None and instance.type.startswith(SUBGRAPH):
        known = list(input_names(instance.type, document.subgraphs, catalogue))
        message = f"{node!r} is inside a subgraph, which is set by its own inputs: {', '.join(known) or 'none'}"
        return _SettingError(message, f"Write --set {node.split(':')[0]}.{known[0] if known else 'INPUT'}=VALUE.")
    hint = nearest(node, document.nodes) or _listed("Its nodes are", document.nodes)
    return _SettingError(f"there is no node {node!r}", hint)


def _listed(what: str, names: Iterable[str], most: int = 8) -> str:
    """Some of the names there are, for a hint."""
    known = list(names)
    more = f", ... ({len(known)} in all)" if len(known) > most else ""
    return f"{what} {', '.join(known[:most]) or 'none'}{more}."


def _options(flag: Flag) -> Iterator[str]:
    """The options a parameter may be given by, the best first."""
    longer = f"--parameter-{flag.option.removeprefix('--')}"
    yield from (flag.option, longer)
    yield from (f"{longer}-{number}" for number in itertools.count(2))


def _destination(flag: Flag) -> str:
    return f"parameter:{flag.parameter.name}"


def _metavar(port: Input | None) -> str:
    match port.widget if port else None:
        case Number(kind=kind):
            return kind
        case Choice() | FileChoice():
            return "NAME"
        case Toggle():
            return "BOOL"
        case Text() | None:
            return "TEXT"
        case _:
            return "VALUE"


def _help(flag: Flag) -> str:
    default = ""
    parts = [flag.parameter.help or (flag.port.tooltip if flag.port else None) or ""]
    if flag.port is not None and isinstance(flag.port.widget, Choice) and len(flag.port.widget.options) <= 12:
        parts.append(f"one of {', '.join(flag.port.widget.options)}")
    elif flag.port is not None and isinstance(flag.port.widget, Number) and flag.port.widget.seed:
        parts.append("a whole number, or `random`")
    if flag.value is not None:
        shown = str(flag.value) or "empty"
        default = f" (default: {shown if len(shown) < 60 else shown[:57] + '...'})"
    return ("; ".join(part.removesuffix(".") for part in parts if part) + default).strip().replace("%", "%%")
