"""Run steps as soon as what they need is done, several at once, and tell how each goes."""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter


@dataclass(frozen=True)
class Step:
    """Name one thing to do, and what must be done before."""

    name: str
    run: Callable[[], None]
    after: tuple[str, ...] = ()


Tell = Callable[[str, str, float], None]  # step, "runs" or "done", seconds since the first step began


def run_all(steps: list[Step], tell: Tell) -> dict[str, float]:
    """Run every step and return the seconds that each took.

    The first error is raised at once, while other steps still run: every step can be run again, and the caller ends.
    """
    by_name = {step.name: step for step in steps}
    order = TopologicalSorter({step.name: [a for a in step.after if a in by_name] for step in steps})
    order.prepare()
    begun, took = time.monotonic(), {}
    running: dict[Future[float], str] = {}
    pool = ThreadPoolExecutor(max_workers=len(steps))
    while order.is_active():
        for name in order.get_ready():
            tell(name, "runs", time.monotonic() - begun)
            running[pool.submit(_timed, by_name[name].run)] = name
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            name = running.pop(future)
            took[name] = future.result()
            tell(name, "done", time.monotonic() - begun)
            order.done(name)
    return took


def _timed(run: Callable[[], None]) -> float:
    begun = time.monotonic()
    run()
    return time.monotonic() - begun
