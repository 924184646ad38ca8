"""`python -m bench`: every figure the project holds itself to, as a table and as JSON (bench-results/latest.json)."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench import engine, pictures, service, unet
from bench.rows import Row, table
from server.process import calm_collector

SUITES: Final = {"engine": engine.rows, "pictures": pictures.rows, "service": service.rows, "unet": unet.rows}


def main() -> int:
    """Run the suites asked for and print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"any of {', '.join(SUITES)} (default: all)")
    parser.add_argument("--json", type=Path, default=Path("bench-results/latest.json"), metavar="FILE")
    options = parser.parse_args()
    unknown = [name for name in options.suites if name not in SUITES]
    if unknown:
        parser.error(f"there is no suite {unknown[0]!r}")
    calm_collector()  # as every process of ours does
    rows: list[Row] = []
    for name in options.suites or SUITES:
        rows += SUITES[name]()
    print("\n".join(table(rows)))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps([{**asdict(row), "met": row.met} for row in rows], indent=2) + "\n")
    print(f"\n{options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
