"""Run steps in the order of their dependencies, several at once, and report how each goes."""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import NamedTuple, Protocol


@dataclass(frozen=True)
class Step:
    """Name one thing to do, and what must be done before."""

    name: str
    run: Callable[[], object]
    after: tuple[str, ...] = ()


class StepTime(NamedTuple):
    """Hold when a step began and ended, in wall seconds since the epoch."""

    start: float
    end: float


class StepListener(Protocol):
    """Hear when steps start and end."""

    def on_start(self, step: str) -> None: ...

    def on_end(self, step: str, time: StepTime) -> None: ...


def run_all(steps: list[Step], listener: StepListener) -> dict[str, StepTime]:
    """Run every step and return when each began and ended.

    The first error is raised at once, while other steps still run: every step can be run again, and the caller ends.
    """
    by_name = {step.name: step for step in steps}
    order = TopologicalSorter({step.name: [a for a in step.after if a in by_name] for step in steps})
    order.prepare()
    times: dict[str, StepTime] = {}
    running: dict[Future[StepTime], str] = {}
    pool = ThreadPoolExecutor(max_workers=len(steps))
    while order.is_active():
        for name in order.get_ready():
            listener.on_start(name)
            running[pool.submit(_timed, by_name[name].run)] = name
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            name = running.pop(future)
            times[name] = future.result()
            listener.on_end(name, times[name])
            order.done(name)
    return times


def _timed(run: Callable[[], object]) -> StepTime:
    start = time.time()
    run()
    return StepTime(start, time.time())
