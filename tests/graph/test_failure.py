"""What an exception of a node body becomes: a code and a hint, and a trace only where nobody meant it."""

from __future__ import annotations

import pytest

from graph.call import failure
from graph.document import with_inputs
from graph.errors import GraphError
from graph.values import Values
from tests.graph.engine import Engine, document, made, of


class OutOfMemoryError(RuntimeError):
    """As a tensor library calls it."""


@pytest.mark.parametrize(
    ("error", "code", "hint", "traced"),
    [
        (GraphError("no", code="refused", hint="Ask nicely."), "refused", "Ask nicely.", False),
        (ValueError("no"), "node_error", None, True),
        (RuntimeError("shapes differ"), "node_error", None, True),
        (MemoryError(), "out_of_memory", "Use a smaller size", False),
        (OutOfMemoryError("CUDA out of memory."), "out_of_memory", "Use a smaller size", False),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), "out_of_memory", "Use a smaller", False),
    ],
    ids=repr,
)
def test_what_a_failure_says(error: Exception, code: str, hint: str | None, traced: bool) -> None:
    told = failure(error, {"size": 9}, Values())
    assert (told.code, bool(told.trace), told.exception) == (code, traced, type(error).__name__)
    assert told.inputs == {"size": "9"}
    assert told.hint is None if hint is None else (told.hint or "").startswith(hint)


def test_a_number_too_long_to_be_written_is_one_like_any_other() -> None:
    nines = int("9" * 4300)  # two of them are a digit more than Python writes
    graph = document(
        sum=made("Add", a=nines, b=nines),
        odd=made("Odd", value=of("sum")),
        float=made("Scale", value=of("sum")),
    )
    ran = Engine().run(graph, "odd", "float")
    assert ran.value("odd") is False
    failure = ran.outcomes["float"].failure
    assert failure is not None
    assert failure.inputs["value"] == "a whole number of 14,286 bits"
    assert Engine().run(with_inputs(graph, {("sum", "b"): nines - 1}), "odd").value("odd") is True
