"""Look at every program again and again, and restart those that hang."""

import fcntl
import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from local.supervisor.supervisor import ProcessInfo
from local.watchdog.deadline import Deadline
from local.watchdog.probes import Probes
from local.watchdog.restart import GRACE, end
from local.watchdog.rule import Judge, Look, Verdict
from stock_ml.errors import HostError

log = logging.getLogger(__name__)
EVERY = 10.0  # seconds from look to look
STILL = 90  # seconds without a look after which the watchdog itself hangs


class Processes(Protocol):
    """Return the state of every program, as the supervisor does."""

    def processes(self) -> list[ProcessInfo]: ...


class Reports(Protocol):
    """Report verdicts, and that the watchdog looks."""

    def report(self, verdict: Verdict) -> None: ...

    def write(self) -> None: ...


class Watchdog:
    """Judge what the probes find, and restart what hangs; it has `grace` seconds to end in order."""

    def __init__(self, judge: Judge, probes: Probes, supervisor: Processes, reports: Reports) -> None:
        self._judge, self._probes, self._supervisor, self._reports = judge, probes, supervisor, reports
        self.grace = GRACE
        self._pool = ThreadPoolExecutor(4, "restart")
        self._ending: dict[str, Future[None]] = {}

    def look(self) -> None:
        """Look once. Raises HostError where the supervisor does not answer."""
        look = self._look()
        for verdict in self._judge.judge(look):
            self._reports.report(verdict)
            if verdict.action == "restart":
                program = str(verdict.target.program)
                self._ending[program] = self._pool.submit(end, look.pids[program], self.grace)
        self._reports.write()

    def note(self) -> None:
        """Note who gives a sign of life, and restart nothing. Raises HostError as `look` does."""
        self._judge.note(self._look())

    def _look(self) -> Look:
        faults = self._probes.faults()
        return Look(boot_seconds(), faults, self._pids())

    def _pids(self) -> dict[str, int]:
        self._ending = {name: ending for name, ending in self._ending.items() if not ending.done()}
        running = [p for p in self._supervisor.processes() if p["statename"] == "RUNNING"]
        return {p["name"]: p["pid"] for p in running if p["name"] not in self._ending}


def boot_seconds() -> float:
    """Return a time that also counts while the machine sleeps, where the system has such a clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_REALTIME)
    return time.clock_gettime(clock)


def is_up_at_work(lock: Path) -> bool:
    """Say whether a `make up` is at work: what it starts may be slow."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def run(watchdog: Watchdog, lock: Path) -> None:
    """Look until killed, as is a watchdog that stands still.

    A supervisor that does not answer is logged: there is nothing to restart a program with.
    """
    deadline = Deadline(STILL)
    while True:
        deadline.renew()
        begun = time.monotonic()
        try:
            if is_up_at_work(lock):
                watchdog.note()
            else:
                watchdog.look()
        except HostError as error:
            log.warning("%s", error)
        time.sleep(max(EVERY - (time.monotonic() - begun), 1.0))
