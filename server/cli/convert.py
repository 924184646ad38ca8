"""`latentgraph convert IN OUT --to FORM`: between our documents and ComfyUI's two forms."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from graph.comfyui.write import write_workflow
from graph.errors import InputError, Problem, errors_only
from nodes.catalogue import load_catalogue
from server.cli.prepare import print_problems
from server.options import Parser
from server.source import read_source


def main(arguments: Sequence[str]) -> int:
    parser = Parser(prog="latentgraph convert", description=__doc__)
    parser.add_argument("input", type=Path, metavar="IN", help="any workflow file, or a picture that carries one")
    parser.add_argument("output", metavar="OUT", help="the file to write, - for standard output")
    parser.add_argument(
        "--to",
        choices=["latentgraph", "comfyui", "comfyui-api"],
        default="latentgraph",
        metavar="FORM",
        help="latentgraph (default), comfyui (for its editor) or comfyui-api (for its /prompt)",
    )
    options = parser.parse_args(arguments)
    catalogue = load_catalogue()
    source = read_source(options.input, catalogue)
    if errors_only(source.problems):
        raise InputError(source.problems)
    print_problems(source.problems)
    text = json.dumps(write_workflow(source.document, options.to, catalogue), indent=2, ensure_ascii=False) + "\n"
    if options.output == "-":
        sys.stdout.write(text)
    else:
        write_whole(Path(options.output), text)
    return 0


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is either the old one or the whole new one. Raises InputError when it cannot be."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise InputError([Problem("cannot_write", f"cannot write {path}: {error.strerror or error}")]) from None
