"""Calling a node's function: the node boundary.

Every wire carries a list of items. A node runs once per index up to its longest input, shorter ones repeating their last
item (so not at all if one is empty); a node that takes lists runs once. Inputs that are not given are None. This is one of
the few places that catch every exception: whatever a body raises becomes a `Failure` that shows the node's inputs.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Coroutine, Mapping, Sequence
from itertools import chain
from typing import Final, TypeAlias, cast

from graph.context import Context
from graph.declare import Implementation
from graph.errors import Cancelled, GraphError, nearest
from graph.events import Failure
from graph.record import record
from graph.result import Blocked, Expansion, Report
from graph.spec import NodeSpec
from graph.values import Values

Items: TypeAlias = "Sequence[object]"

_ALLOCATION: Final = "can't allocate memory"


@record
class Returned:
    """What one call returned, sorted out: its outputs by position, an expansion, a report; `blocked` is the blocker that
    stopped the call."""

    outputs: tuple[object, ...] = ()
    expansion: Expansion | None = None
    report: Report | None = None
    blocked: Blocked | None = None


Result: TypeAlias = "list[Returned] | Failure | Cancelled"


def calls(implementation: Implementation, inputs: Mapping[str, Items]) -> list[dict[str, object]]:
    """The arguments of each call."""
    nothing: dict[str, object] = dict.fromkeys(implementation.spec.inputs_by_name)
    if implementation.spec.takes_lists:
        return [nothing | {name: list(items) for name, items in inputs.items()}]
    lengths = set(map(len, inputs.values()))
    if 0 in lengths:
        return []
    return [
        nothing | {name: items[min(index, len(items) - 1)] for name, items in inputs.items()}
        for index in range(max(lengths, default=1))
    ]


def needed(implementation: Implementation, arguments: list[dict[str, object]], values: Values) -> set[str] | Failure:
    """The inputs that the node's `needs` names, over all calls that no blocker stops."""
    assert implementation.needs is not None
    names: set[str] = set()
    current: dict[str, object] = {}
    try:
        for current in arguments:
            if _blocked(implementation, current) is None:
                names.update(implementation.needs(**current))
    except Exception as error:  # noqa: BLE001 - the node boundary
        return failure(error, current, values)
    unknown = sorted(names - implementation.spec.inputs_by_name.keys())
    if unknown:
        message = f"{implementation.spec.type} asks for its input {unknown[0]!r}, which does not exist"
        return Failure("unknown_input", message, nearest(unknown[0], implementation.spec.inputs_by_name))
    return names


def invoke(
    implementation: Implementation, arguments: list[dict[str, object]], context: Context, values: Values
) -> Result:
    """Run every call in turn. Never raises."""
    returned: list[Returned] = []
    current: dict[str, object] = {}
    try:
        for current in arguments:  # noqa: B007 - named when a call fails
            blocked = _blocked(implementation, current)
            if blocked is not None:
                returned.append(blocked)
                continue
            context.cancel.check()
            returned.append(
                _sorted_out(implementation, implementation.function(**_arguments(implementation, current, context)))
            )
    except Cancelled as cancelled:
        return cancelled
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the node boundary; some libraries call sys.exit
        return failure(error, current, values)
    return returned


async def invoke_async(
    implementation: Implementation, arguments: list[dict[str, object]], context: Context, values: Values
) -> Result:
    """Run every call at once on the event loop. Never raises but for the loop's own cancellation."""
    function = cast("Callable[..., Coroutine[object, object, object]]", implementation.function)

    async def one(current: dict[str, object]) -> Returned:
        blocked = _blocked(implementation, current)
        if blocked is not None:
            return blocked
        try:
            return _sorted_out(implementation, await function(**_arguments(implementation, current, context)))
        except Cancelled:
            raise asyncio.CancelledError from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the node boundary; SystemExit would end the event loop
            raise _CallError(failure(error, current, values)) from None

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(current)) for current in arguments]
    except asyncio.CancelledError:
        return Cancelled()
    except BaseExceptionGroup as errors:
        return next(error.failure for error in errors.exceptions if isinstance(error, _CallError))
    if any(task.cancelled() for task in tasks):
        return Cancelled()
    return [task.result() for task in tasks]


class _CallError(Exception):
    """One of several calls failed: the others are cancelled."""

    def __init__(self, failed: Failure) -> None:
        super().__init__(failed.message)
        self.failure = failed


def failure(error: BaseException, inputs: Mapping[str, object], values: Values) -> Failure:
    """An exception as a failure. What the project raises on purpose (`GraphError`, or any exception with a `code`) comes
    without a trace: it is the message."""
    shown = {name: values.describe(value) for name, value in inputs.items()}
    code = getattr(error, "code", None)
    if isinstance(error, GraphError) or isinstance(code, str):
        hint = getattr(error, "hint", None)
        return Failure(str(code), str(error), hint if isinstance(hint, str) else None, shown, "", type(error).__name__)
    if _is_out_of_memory(error):
        hint = "Use a smaller size or batch, or a lower precision."
        return Failure("out_of_memory", "not enough memory", hint, shown, "", type(error).__name__)
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    trace = "".join(traceback.format_exception(error))
    return Failure("node_error", message, None, shown, trace, type(error).__name__)


def _is_out_of_memory(error: BaseException) -> bool:
    """Told by name and by words where it is a tensor library that has no memory: the engine imports none."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and _ALLOCATION in str(error)


def collect(spec: NodeSpec, returned: Sequence[Returned]) -> dict[str, tuple[object, ...]]:
    """The items of each output over all calls: lists are joined, single values follow each other."""
    outputs: dict[str, tuple[object, ...]] = {}
    for position, port in enumerate(spec.outputs):
        values = [one.outputs[position] for one in returned]
        outputs[port.name] = _joined(values) if port.is_list else tuple(values)
    return outputs


def _joined(values: Sequence[object]) -> tuple[object, ...]:
    return tuple(chain.from_iterable(one if isinstance(one, list | tuple) else (one,) for one in values))


def reports(returned: Sequence[Returned]) -> Report | None:
    """What all calls report together."""
    return (
        sum((one.report for one in returned if one.report), Report()) if any(one.report for one in returned) else None
    )


def _arguments(implementation: Implementation, current: dict[str, object], context: Context) -> dict[str, object]:
    """What the function is called with. Raises GraphError where the node's own check complains."""
    complaint = implementation.check(**current) if implementation.check is not None else None
    if complaint:
        raise GraphError(complaint, code="check_failed")
    return {**current, implementation.context: context} if implementation.context is not None else current


def _blocked(implementation: Implementation, arguments: Mapping[str, object]) -> Returned | None:
    """A blocked argument makes every output blocked, from here on without another report."""
    for value in arguments.values():
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, Blocked):
                passed_on = Blocked(item.message, told=True)
                return Returned((passed_on,) * len(implementation.spec.outputs), blocked=item)
    return None


def _sorted_out(implementation: Implementation, value: object) -> Returned:
    outputs = len(implementation.spec.outputs)
    if isinstance(value, Expansion):
        return Returned(expansion=value)
    if isinstance(value, Blocked):
        return Returned((value,) * outputs)
    report: Report | None = None
    parts: tuple[object, ...]
    if type(value) is tuple:  # a named tuple is one value
        report = next((part for part in value if isinstance(part, Report)), None)
        parts = tuple(part for part in value if not isinstance(part, Report))
    elif isinstance(value, Report):
        report, parts = value, ()
    else:
        parts = () if value is None and outputs == 0 else (value,)
    if len(parts) != outputs:
        raise TypeError(f"{implementation.spec.type} returned {len(parts)} values for its {outputs} outputs")
    return Returned(parts, None, report)
