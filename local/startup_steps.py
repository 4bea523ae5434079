"""Run steps as soon as what they need is done, several at once, and tell how each goes."""

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


class Took(NamedTuple):
    """Hold when a step began and ended, in wall seconds since the epoch."""

    began: float
    ended: float


class Show(Protocol):
    """Show a person how steps go."""

    def began(self, step: str) -> None: ...

    def ended(self, step: str, took: Took) -> None: ...


def run_all(steps: list[Step], show: Show) -> dict[str, Took]:
    """Run every step and return when each began and ended.

    The first error is raised at once, while other steps still run: every step can be run again, and the caller ends.
    """
    by_name = {step.name: step for step in steps}
    order = TopologicalSorter({step.name: [a for a in step.after if a in by_name] for step in steps})
    order.prepare()
    took: dict[str, Took] = {}
    running: dict[Future[Took], str] = {}
    pool = ThreadPoolExecutor(max_workers=len(steps))
    while order.is_active():
        for name in order.get_ready():
            show.began(name)
            running[pool.submit(_timed, by_name[name].run)] = name
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            name = running.pop(future)
            took[name] = future.result()
            show.ended(name, took[name])
            order.done(name)
    return took


def _timed(run: Callable[[], object]) -> Took:
    began = time.time()
    run()
    return Took(began, time.time())
