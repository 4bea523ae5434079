"""Start one program and wait until it is ready, or raise why it will not be."""

from pathlib import Path
from typing import Protocol

from local import probes
from local.supervisor.configuration import log_file
from local.supervisor.program import Program
from local.supervisor.supervisor import ProcessInfo
from stock_ml.errors import HostError

ATTEMPTS = 3
TAIL = 4096  # bytes at the end of a log that hold its last line


class ProcessControl(Protocol):
    """Start a program and return its state, as the supervisor does."""

    def start(self, name: str) -> None: ...

    def process(self, name: str) -> ProcessInfo: ...


def start(p: Program, supervisor: ProcessControl, state: Path) -> None:
    """Prepare a program, start it where it does not run, and return when it is ready.

    Raises HostError with the last line of its log where it ends again and again, or is not ready in time.
    """
    p.prepare()
    supervisor.start(p.name)
    attempts = StartAttempts(p.name, log_file(state, p.name))
    probes.wait(p.name, lambda: attempts.is_running(supervisor.process(p.name)) and p.ready(), log=p.name)


class StartAttempts:
    """Count how often a program was started while a caller waited for it."""

    def __init__(self, name: str, log: Path) -> None:
        self._name, self._log = name, log
        self._starts: set[int] = set()

    def is_running(self, process: ProcessInfo) -> bool:
        """Say whether it has stayed up for its first seconds.

        Raises HostError where it ended three times: the fault is permanent.
        """
        self._starts.add(process["start"])
        ended = len(self._starts) - (process["statename"] in ("STARTING", "RUNNING"))
        if ended >= ATTEMPTS or process["statename"] == "FATAL":
            hint = f"see `make logs NAME={self._name}`"
            raise HostError(f"{self._name} ends as soon as it starts: {last_line(self._log)}; {hint}")
        return process["statename"] == "RUNNING"


def last_line(log: Path) -> str:
    """Return the last line of a log that says anything."""
    if not log.exists():
        return "it said nothing"
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - TAIL, 0))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
