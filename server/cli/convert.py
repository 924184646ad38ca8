"""`latentgraph convert IN OUT --to FORM`: between our documents and ComfyUI's two forms."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from graph.errors import InputError, Problem, errors_only
from graph.files import write_durably
from nodes.catalogue import load_catalogue
from server.cli.prepare import print_problems
from server.options import Parser, one_of
from server.source import read_drawn, written


def main(arguments: Sequence[str]) -> int:
    parser = Parser(prog="latentgraph convert", description=__doc__)
    parser.add_argument("input", type=Path, metavar="IN", help="any workflow file, or a picture that carries one")
    parser.add_argument("output", metavar="OUT", help="the file to write, - for standard output")
    parser.add_argument(
        "--to",
        type=one_of("latentgraph", "comfyui", "comfyui-api"),
        default="latentgraph",
        metavar="FORM",
        help="latentgraph (default), comfyui (for its editor) or comfyui-api (for its /prompt)",
    )
    options = parser.parse_args(arguments)
    catalogue = load_catalogue()
    source = read_drawn(options.input, catalogue)
    if errors_only(source.problems):
        raise InputError(source.problems)
    print_problems(source.problems)
    text = json.dumps(written(source, options.to, catalogue), indent=2, ensure_ascii=False) + "\n"
    if options.output == "-":
        sys.stdout.write(text)
    else:
        _write(Path(options.output), text)
    return 0


def _write(path: Path, text: str) -> None:
    try:
        if path.exists() and not path.is_file():  # a pipe or a device takes text, and must not be replaced by a file
            path.write_text(text, encoding="utf-8")
        else:
            write_durably(path.resolve(), (text.encode(),))
    except OSError as error:
        message, hint = f"cannot write {path}: {error.strerror or error}", "Give another OUT, or - for standard output."
        raise InputError([Problem("cannot_write", message, hint=hint)]) from None
