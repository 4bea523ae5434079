"""Start one program and wait until it is ready, or tell why it will not be."""

from pathlib import Path
from typing import Any, Protocol

from local import probes
from local.supervisor.configuration import log_file
from local.supervisor.program import Program
from stock_ml.errors import HostError

TRIES = 3
TAIL = 4096  # bytes of a log in which its last line is looked for


class Starts(Protocol):
    """Start a program and look at it, as the supervisor does."""

    def start(self, name: str) -> None: ...

    def look(self, name: str) -> dict[str, Any]: ...


def start(p: Program, supervisor: Starts, state: Path) -> None:
    """Prepare a program, start it where it does not run, and return when it is ready.

    Raises HostError with the last line of its log where it ends again and again, or is not ready in time.
    """
    p.prepare()
    supervisor.start(p.name)
    tries = Tries(p.name, log_file(state, p.name))
    probes.wait(p.name, lambda: tries.runs(supervisor.look(p.name)) and p.ready(), log=p.name)


class Tries:
    """Count how often a program was started while somebody waited for it."""

    def __init__(self, name: str, log: Path) -> None:
        self._name, self._log = name, log
        self._seen: set[int] = set()

    def runs(self, there: dict[str, Any]) -> bool:
        """Say whether it has stayed up for its first seconds.

        Raises HostError where it ended three times: what is wrong is no chance.
        """
        self._seen.add(int(there["start"]))
        ended = len(self._seen) - (there["statename"] in ("STARTING", "RUNNING"))
        if ended >= TRIES or there["statename"] == "FATAL":
            see = f"see `make logs NAME={self._name}`"
            raise HostError(f"{self._name} ends as soon as it starts: {last_line(self._log)}; {see}")
        return bool(there["statename"] == "RUNNING")


def last_line(log: Path) -> str:
    """Return the last line of a log that says anything."""
    if not log.exists():
        return "it said nothing"
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - TAIL, 0))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
