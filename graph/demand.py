"""Who wants what of which node, and who still holds its value: the book-keeping of a run.

A task asks its sources for a level and waits; when the source reaches it, the task is put back to work. A value is let go
when the last task that holds it has ended. Should it be wanted again after that, the level rises again, and the run gets
it from the cache or computes it anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from graph.task import KNOWN, Level, Task


class Demand:
    """`work` holds the tasks that can go on."""

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        self.tasks = tasks
        self.work: deque[Task] = deque()

    def ask(self, task: Task, level: Level) -> None:
        """Have `task` come to `level`, at least."""
        if level > task.level:
            task.level = level
            if not task.busy:
                self.work.append(task)

    def wait(self, task: Task, sources: Sequence[Task], level: Level) -> bool:
        """Have `task` wait for those sources that are not yet at `level`. False when there is nothing to wait for."""
        return self.wait_each(task, [(source, level) for source in sources])

    def wait_each(self, task: Task, wanted: Sequence[tuple[Task, Level]]) -> bool:
        """The same, with a level for each source."""
        before = task.missing
        for source, level in wanted:
            if not source.reached(level):
                task.missing += 1
                source.waiters.append((level, task))
                self.ask(source, level)
        return task.missing > before

    def wake(self, task: Task) -> None:
        """Put those to work that waited for what `task` has reached."""
        if not task.waiters:
            return
        still: list[tuple[Level, Task]] = []
        for level, waiter in task.waiters:
            if not task.reached(level):
                still.append((level, waiter))
                continue
            waiter.missing -= 1
            if waiter.missing == 0:
                self.work.append(waiter)
        task.waiters = still

    def hold(self, task: Task) -> None:
        """Keep the values that `task` is linked to until it ends. Holding twice is holding once."""
        if not task.holding:
            task.holding = True
            for link in task.bound.links.values():
                self.tasks[link.node].uses += 1

    def let_go_of_sources(self, task: Task) -> None:
        if task.holding:
            task.holding = False
            for link in task.bound.links.values():
                self.release(self.tasks[link.node])

    def release(self, source: Task) -> None:
        """One that held `source` holds it no more."""
        source.uses -= 1
        if source.uses == 0:
            self.let_go(source)

    def let_go(self, task: Task) -> None:
        """Forget the value, unless it could not be had again."""
        if task.entry is not None and task.repeatable:
            task.entry = None
            task.level = min(task.level, KNOWN)
