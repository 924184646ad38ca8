"""What is told of a file that much can be told of: as much as anyone reads, and errors before all else."""

from __future__ import annotations

import pytest

from graph.comfyui.imported import MOST_PROBLEMS, Findings

E, W = "error", "warning"


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ([W, E, W], [W, E, W]),
        ([W] * 300, [W] * MOST_PROBLEMS),
        ([E] * 300, [E] * MOST_PROBLEMS),
        ([W] * MOST_PROBLEMS + [E, E], [W] * (MOST_PROBLEMS - 2) + [E, E]),
        ([W] * 300 + [E] + [W] * 300, [W] * (MOST_PROBLEMS - 1) + [E]),
        ([E] * (MOST_PROBLEMS - 1) + [W, E, E, W], [E] * MOST_PROBLEMS),
    ],
)
def test_a_warning_gives_way_to_an_error(told: list[str], kept: list[str]) -> None:
    findings = Findings()
    for number, severity in enumerate(told):
        tell = findings.error if severity == E else findings.warn
        tell("code", str(number), "$")
    assert [one.severity for one in findings.problems] == kept
    assert [int(one.message) for one in findings.problems] == sorted(int(one.message) for one in findings.problems)
