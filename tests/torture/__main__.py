"""`python -m tests.torture [--full] [ROW ...]`: every row, as a table and as JSON (torture-results/latest.json)."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.torture.rows import ROWS


def main() -> int:
    """0 if everything promised held."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"any of {', '.join(row.id for row in ROWS)}")
    parser.add_argument("--full", action="store_true", help="the full numbers of trials, which take hours")
    parser.add_argument("--json", type=Path, default=Path("torture-results/latest.json"), metavar="FILE")
    options = parser.parse_args()
    written = []
    print("| row | what is promised | trials | did not hold | figures |\n|---|---|---:|---:|---|", flush=True)
    for row in ROWS:
        if options.rows and row.id not in options.rows:
            continue
        with tempfile.TemporaryDirectory() as folder:
            outcome = row(Path(folder), row.full if options.full else row.quick)
        figures = ", ".join(f"{name} {value:g}" for name, value in outcome.figures.items())
        print(f"| {row.id} | {row.promise} | {outcome.n} | {len(outcome.faults)} | {figures} |", flush=True)
        written.append({"row": row.id, "promise": row.promise, **asdict(outcome)})
    made = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "full": options.full, "rows": written}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(made, indent=2) + "\n")
    print(f"\n{options.json}")
    return int(any(one["faults"] for one in written))


if __name__ == "__main__":
    sys.exit(main())
