"""Commands that only look: `validate`, `nodes`, `cache`. None imports torch; each answers at once."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from graph.comfyui.object_info import object_info
from graph.errors import InputError, Problem, errors_only, nearest
from graph.spec import Catalogue, Choice, Input, Missing, NodeSpec, Number, to_json
from graph.validate import validate as check
from graph.values import Values
from nodes.catalogue import load_catalogue
from server.options import Parser, add_places, one_of, places
from server.source import read_drawn
from server.workspace import Workspace, cache_folder, clear_cache, folders_of, holds_cache


def validate(arguments: Sequence[str]) -> int:
    """Check a workflow and report every problem. Exit code 0 when it can run, 2 when not."""
    parser = Parser(prog="latentgraph validate", description=validate.__doc__)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print the problems as JSON")
    add_places(parser)
    options = parser.parse_args(arguments)
    catalogue = load_catalogue()
    folders = folders_of(places(options))
    nodes = 0
    try:
        source = read_drawn(options.file, catalogue)
        nodes = len(source.document.nodes)
        problems = list(dict.fromkeys([*source.problems, *check(source.document, catalogue, folders)]))
    except InputError as error:
        problems = list(error.problems)
    wrong = errors_only(problems)
    if options.json:
        status = "invalid" if wrong else "valid"
        told = [asdict(one) for one in problems]
        print(json.dumps({"status": status, "valid": not wrong, "problems": told}, indent=2))
    else:
        _print_problems(problems)
        counted = f"{len(wrong)} {'error' if len(wrong) == 1 else 'errors'}"
        print(f"{options.file}: {counted}" if wrong else f"{options.file}: valid, {nodes} nodes")
    return 2 if wrong else 0


def nodes(arguments: Sequence[str]) -> int:
    """List the node types, or describe one."""
    parser = Parser(prog="latentgraph nodes", description=nodes.__doc__)
    parser.add_argument("type", nargs="?", metavar="TYPE", help="describe this node")
    parser.add_argument("--json", action="store_true", help="print the declarations as JSON")
    parser.add_argument("--comfyui", action="store_true", help="print them in the shape of ComfyUI's object_info")
    add_places(parser)
    options = parser.parse_args(arguments)
    where = places(options)
    catalogue: Catalogue = load_catalogue()
    if options.type is not None:
        if options.type not in catalogue:
            hint = nearest(options.type, catalogue) or "`latentgraph nodes` lists them."
            raise InputError([Problem("unknown_type", f"there is no node type {options.type!r}", hint=hint)])
        catalogue = {options.type: catalogue[options.type]}
    if options.comfyui:
        folders = folders_of(where)
        print(json.dumps({name: object_info(spec, folders) for name, spec in catalogue.items()}, indent=2))
    elif options.json:
        print(json.dumps([to_json(spec) for spec in catalogue.values()], indent=2))
    elif options.type is not None:
        print("\n".join(_described(catalogue[options.type])))
    else:
        print("\n".join(_listed(catalogue.values())))
    return 0


def cache(arguments: Sequence[str]) -> int:
    """Show how much is cached on disk, or clear it."""
    parser = Parser(prog="latentgraph cache", description=cache.__doc__)
    parser.add_argument("what", type=one_of("info", "clear"), metavar="info|clear", help="what to do")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_places(parser)
    options = parser.parse_args(arguments)
    folder = cache_folder(places(options))
    if not holds_cache(folder):
        return _tell_cache(folder, None, as_json=options.json)
    with Workspace(places(options)) as workspace:
        if options.what == "clear" and not workspace.problems:
            workspace.cache(Values()).clear()
    if options.what == "clear":
        clear_cache(folder, index=bool(workspace.problems))
    with Workspace(places(options)) as workspace:
        if workspace.problems:
            raise InputError(workspace.problems)
        rows = workspace.index.rows("SELECT COUNT(*), COALESCE(SUM(bytes), 0), COALESCE(SUM(seconds), 0) FROM entries")
    return _tell_cache(folder, rows[0], as_json=options.json)


def _tell_cache(folder: Path, counted: Sequence[Any] | None, *, as_json: bool) -> int:
    """`counted` are results, bytes and seconds; None where there is no cache."""
    entries, nbytes, seconds = counted or (0, 0, 0.0)
    if as_json:
        told = {"folder": str(folder), "exists": counted is not None}
        print(json.dumps({**told, "entries": entries, "bytes": nbytes, "seconds": seconds}))
    elif counted is None:
        print(f"{folder}: there is no cache here")
    else:
        print(f"{folder}: {entries} results, {nbytes:,} bytes, {seconds:.1f} s of computing")
    return 0


def _print_problems(problems: Sequence[Problem]) -> None:
    for problem in problems:
        print(f"{problem.severity}: {problem}")


def _listed(specs: Iterable[NodeSpec]) -> list[str]:
    lines: list[str] = []
    category = None
    ordered = sorted(specs, key=lambda spec: (spec.category, spec.type))
    for spec in ordered:
        if spec.category != category:
            category = spec.category
            lines.append(f"{category}")
        first = spec.description.split("\n")[0]
        lines.append(f"  {spec.type:<32} {first}")
    return lines


def _described(spec: NodeSpec) -> list[str]:
    lines = [f"{spec.type} ({spec.display_name}) in {spec.category}", ""]
    if spec.description:
        lines += [spec.description, ""]
    columns = shutil.get_terminal_size().columns
    for one in spec.inputs:
        lines += textwrap.wrap(f"  {_input_line(one)}", columns, subsequent_indent="      ", break_on_hyphens=False)
    lines += [f"  -> {one.name}: {one.type}{' (list)' if one.is_list else ''}" for one in spec.outputs]
    return lines


def _input_line(one: Input) -> str:
    parts = [f"{one.name}: {one.type}"]
    if not isinstance(one.default, Missing):
        parts.append(f"= {one.default!r}")
    if isinstance(one.widget, Number) and (one.widget.minimum is not None or one.widget.maximum is not None):
        parts.append(f"[{one.widget.minimum}..{one.widget.maximum}]")
    if isinstance(one.widget, Choice):
        first = f"= {one.widget.options[0]!r}, the first of " if _takes_first(one) else ""
        parts.append(f"{first}({', '.join(one.widget.options)})")
    if one.optional:
        parts.append("(optional)")
    elif isinstance(one.default, Missing) and not _takes_first(one):
        parts.append("(required)")
    if one.tooltip:
        parts.append(f"- {one.tooltip}")
    return " ".join(parts)


def _takes_first(one: Input) -> bool:
    """Whether the first choice is taken where none is given, as `graph.bind` does."""
    choices = one.widget.options if isinstance(one.widget, Choice) else ()
    return bool(choices) and isinstance(one.default, Missing) and not one.optional
