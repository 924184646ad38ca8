"""Bodies under way: started on their lanes, answering through one inbox that the scheduler reads."""

from __future__ import annotations

import queue
import time
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from graph.call import Result, failure, invoke, invoke_async
from graph.context import Context, Preview
from graph.declare import Implementation
from graph.errors import Cancelled
from graph.events import NodeProgress, NodeStarted
from graph.lanes import Lanes
from graph.record import record
from graph.task import Task
from graph.values import Values

Arguments: TypeAlias = "list[dict[str, object]]"


@record
class Answer:
    """A body is done. `seconds` counts from when its lane took it up."""

    task: Task
    result: Result
    seconds: float


class Bodies:
    """Starts bodies and hands out what they say, in order. `running` is how many still owe an answer."""

    def __init__(self, lanes: Lanes, context: Context, values: Values) -> None:
        self.running = 0
        self._lanes, self._context, self._values = lanes, context, values
        self._inbox: queue.SimpleQueue[NodeStarted | NodeProgress | Answer] = queue.SimpleQueue()

    def here(self, task: Task, implementation: Implementation, arguments: Arguments) -> Answer:
        """Run a body at once, in the calling thread."""
        started = time.perf_counter()
        result = invoke(implementation, arguments, self._context, self._values)
        return Answer(task, result, time.perf_counter() - started)

    def start(self, task: Task, implementation: Implementation, arguments: Arguments) -> None:
        """Run a body on its lane."""
        task.busy = True
        self.running += 1
        spec = implementation.spec
        numbers = f"{spec.type} {spec.version}, {self._context.numbers}"
        context = replace(self._context, node=task.name, numbers=numbers, sink=partial(self._progress, task))
        if spec.asynchronous:
            future = self._lanes.submit_async(self._work_async(task, implementation, arguments, context))
            self._context.cancel.on_cancel(partial(_cancel, future))
        else:
            lane = "cpu" if spec.lane == "inline" else spec.lane
            future = self._lanes.submit(lane, partial(self._work, task, implementation, arguments, context))
        future.add_done_callback(partial(self._answer, task))

    def next(self) -> NodeStarted | NodeProgress | Answer:
        """The next message. Blocks until there is one."""
        message = self._inbox.get()
        if isinstance(message, Answer):
            message.task.busy = False
            self.running -= 1
        return message

    def _work(self, task: Task, implementation: Implementation, arguments: Arguments, context: Context) -> Answer:
        if context.cancel.cancelled:
            return Answer(task, Cancelled(), 0.0)
        self._started(task)
        started = time.perf_counter()
        result = invoke(implementation, arguments, context, self._values)
        return Answer(task, result, time.perf_counter() - started)

    async def _work_async(
        self, task: Task, implementation: Implementation, arguments: Arguments, context: Context
    ) -> Answer:
        self._started(task)
        started = time.perf_counter()
        result = await invoke_async(implementation, arguments, context, self._values)
        return Answer(task, result, time.perf_counter() - started)

    def _answer(self, task: Task, future: Future[Answer]) -> None:
        if future.cancelled():
            answer = Answer(task, Cancelled(), 0.0)
        elif (error := future.exception()) is not None:
            answer = Answer(task, failure(error, {}, self._values), 0.0)
        else:
            answer = future.result()
        self._inbox.put(answer)

    def _started(self, task: Task) -> None:
        self._inbox.put(NodeStarted(task.name, task.display, task.bound.spec.type))

    def _progress(self, task: Task, value: int, maximum: int, preview: Preview | None) -> None:
        self._inbox.put(NodeProgress(task.name, task.display, value, maximum, preview))


def _cancel(future: Future[Answer]) -> None:
    future.cancel()
