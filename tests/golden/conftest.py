"""The table of figures that ends a run of the reference workflows."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each case recorded: how far it is from the reference, how long it took, the most memory it held."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call" and report.user_properties
    ]
    if not reports:
        return
    terminalreporter.section("distance from the reference")
    for report in reports:
        figures = ", ".join(f"{name} {value}" for name, value in report.user_properties)
        terminalreporter.write_line(f"{report.outcome:6} {report.nodeid.rpartition('[')[2].rstrip(']')}: {figures}")
