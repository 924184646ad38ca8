"""`latentgraph`: the entry point. Finds the command, runs it, and turns what went wrong into words and an exit code.

0 done, 1 a node failed, 2 the input was wrong, 130 interrupted.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from typing import Final

from graph.errors import GraphError, InputError, Problem, nearest
from graph.version import __version__
from server.process import calm_collector

COMMANDS: Final = {
    "run": ("server.cli.run", "main", "run a workflow"),
    "train": ("server.cli.train", "main", "run a workflow that trains: at low priority, resumed after any end"),
    "plan": ("server.cli.plan", "main", "show what would run, and why"),
    "validate": ("server.cli.show", "validate", "check a workflow, report every problem"),
    "convert": ("server.cli.convert", "main", "convert between latentgraph and ComfyUI files"),
    "nodes": ("server.cli.show", "nodes", "list the node types, or describe one"),
    "models": ("server.cli.models", "main", "list the model files that can be used, or convert one"),
    "serve": ("server.cli.serve", "main", "answer over HTTP on this machine"),
    "token": ("server.cli.token", "main", "make, list and revoke tokens for the service"),
    "cache": ("server.cli.show", "cache", "show or clear the cached results"),
}
"""Command name to module, function and help: a command imports only what it needs."""

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line. Returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help"):
        print(_usage())
        return 0 if given else 2
    if given[0] == "--version":
        print(f"latentgraph {__version__}")
        return 0
    command = COMMANDS.get(given[0])
    if command is None:
        hint = nearest(given[0], COMMANDS) or f"Commands: {', '.join(COMMANDS)}."
        return _refuse([Problem("unknown_command", f"there is no command {given[0]!r}", hint=hint)], given)
    try:
        os.getcwd()
    except FileNotFoundError:
        hint = "Change into another directory."
        return _refuse([Problem("no_directory", "the working directory is gone", hint=hint)], given)
    try:
        calm_collector()
        module, function, _ = command
        code = getattr(import_module(module), function)(given[1:])
        if sys.stdout is not None:  # None where it was closed before we began
            sys.stdout.flush()
        return int(code)
    except InputError as error:
        return _refuse(error.problems, given)
    except GraphError as error:
        return _refuse([Problem(error.code, str(error), hint=error.hint)], given)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the outermost seam
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            print(f"error: cannot write the output: {error.strerror}", file=sys.stderr)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        traceback.print_exc()
        print(
            "This is a fault in latentgraph, not in your input. Please report it with the lines above.", file=sys.stderr
        )
        return 1


def _refuse(problems: Sequence[Problem], given: Sequence[str]) -> int:
    if "--json" in given:
        print(json.dumps({"status": "invalid", "problems": [asdict(problem) for problem in problems]}, indent=2))
    else:
        for problem in problems:
            print(f"{problem.severity}: {problem}", file=sys.stderr)
    return 2


def _usage() -> str:
    lines = ["usage: latentgraph COMMAND ...", "", "Node graphs for latent diffusion.", "", "commands:"]
    lines += [f"  {name:<10} {help_text}" for name, (_, _, help_text) in COMMANDS.items()]
    return "\n".join([*lines, "", "`latentgraph COMMAND --help` tells more; `latentgraph --version` the version."])


if __name__ == "__main__":
    sys.exit(main())
