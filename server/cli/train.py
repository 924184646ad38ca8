"""`latentgraph train FILE`: execute a workflow that trains, at the lowest priority, with a line of progress now and then.

Ctrl-C keeps a checkpoint, and so does a kill every half minute: the same command goes on from there.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from server.cli.progress import Log, Silent, Watcher, watcher
from server.cli.run import EXIT, parser, perform

_LOWEST = 19


def main(arguments: Sequence[str]) -> int:
    made = parser("latentgraph train", __doc__)
    made.add_argument("--full-priority", action="store_true", help="compete with everything else on this machine")
    code = perform(made, arguments, _watching)
    if code == EXIT["cancelled"]:
        print("stopped; the same command goes on from the last checkpoint", file=sys.stderr)
    return code


def _watching(options: argparse.Namespace) -> Watcher:
    """Called when the command line was understood and before anything is computed."""
    if not options.full_priority:
        with contextlib.suppress(OSError, AttributeError):  # a system without priorities
            os.nice(_LOWEST)
    if options.quiet:
        return Silent()
    return watcher(sys.stderr, quiet=False) if sys.stderr.isatty() else Log(sys.stderr)
