"""`python -m tests.torture [--full] [ROW ...]`: rows, as a table and as JSON (torture-results/latest.json).

Rows may be measured one at a time: the file keeps what it says of others. `--merge FILE` takes over rows of another file;
`--readme` makes the README's table of `docs/torture.json`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.torture.results import KEPT, README, figures, merge, read, result, with_table
from tests.torture.rows import ROWS, Row


def main() -> int:
    """0 if everything promised held."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"any of {', '.join(row.id for row in ROWS)}")
    parser.add_argument("--full", action="store_true", help="the full numbers of trials, which take hours")
    parser.add_argument("--json", type=Path, default=Path("torture-results/latest.json"), metavar="FILE")
    parser.add_argument("--merge", type=Path, action="append", default=[], metavar="FILE", help="measure nothing")
    parser.add_argument("--readme", action="store_true", help="measure nothing")
    options = parser.parse_args()
    if options.readme:
        README.write_text(with_table(README.read_text(), read(KEPT)))
        return 0
    if options.merge:
        for path in options.merge:
            merge(options.json, read(path))
        return 0
    print("| row | what is promised | trials | did not hold | figures |\n|---|---|---:|---:|---|", flush=True)
    chosen = [row for row in ROWS if not options.rows or row.id in options.rows]
    held = [_measured(row, options.json, full=options.full) for row in chosen]
    print(f"\n{options.json}")
    return 0 if all(held) else 1


def _measured(row: Row, path: Path, *, full: bool) -> bool:
    """Measure a row and put it into the file. Whether its promise held."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = row(Path(folder), row.full if full else row.quick, timed=full)
    told = f"{outcome.n} | {len(outcome.faults)} | {figures(outcome.figures)}"
    print(f"| {row.id} | {row.promise} | {told} |", flush=True)
    for fault in outcome.faults[:20]:
        print(f"    {fault}", flush=True)
    merge(path, [result(row.id, row.promise, outcome, full=full)])
    return not outcome.faults


if __name__ == "__main__":
    sys.exit(main())
