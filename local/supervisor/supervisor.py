"""Supervisord runs the programs: restart on failure, one rotated log file each."""

import os
import subprocess
from http.client import HTTPException
from typing import Any
from xmlrpc.client import Fault, ProtocolError, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from local import probes
from local.secrets import write_private
from local.supervisor.configuration import configuration, inherited, work_folder
from local.supervisor.program import PYTHON, Program
from local.supervisor.socket_path import socket_of
from stock_ml.config import Settings
from stock_ml.errors import HostError

LOG = "supervisord"
RUNS = ("STARTING", "RUNNING", "BACKOFF")  # what can be told to stop


class SupervisorAway(HostError):
    """Report that supervisord does not answer."""


class Refused(HostError):
    """Report what supervisord refused, with the code that it gave."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Supervisor:
    """Talk to the supervisor of one installation; raises SupervisorAway and Refused."""

    def __init__(self, s: Settings) -> None:
        self._state = s.state
        self._socket = socket_of(s.state)

    def is_up(self) -> bool:
        """Say whether the supervisor itself runs."""
        try:
            self._ask("getState")
        except SupervisorAway:
            return False
        except Refused:
            return True  # it is shutting down
        return True

    def run(self, programs: list[Program]) -> None:
        """Let the supervisor know exactly these programs; those whose definition changed are stopped."""
        write_private(self._state / "supervisord.conf", configuration(programs, self._state, self._socket))
        if self.is_up():
            self._update()
        else:
            self._begin()
            probes.wait("supervisord", self.is_up, 20, log=LOG)

    def start(self, name: str) -> None:
        """Start a program that does not run yet."""
        self._unless(Faults.ALREADY_STARTED, "startProcess", name, False)

    def look(self, name: str) -> dict[str, Any]:
        """Return a process's name, statename, pid, and when it was last started, in whole epoch seconds."""
        return dict(self._ask("getProcessInfo", name))

    def processes(self) -> list[dict[str, Any]]:
        """Return each process as `look` does; nothing where the supervisor is down."""
        return list(self._ask("getAllProcessInfo")) if self.is_up() else []

    def halt(self, *names: str) -> None:
        """Stop these programs, as far as they run; the supervisor and the others go on."""
        self._stop_all(list(names))

    def stop(self, last: tuple[str, ...]) -> None:
        """Stop every process at once, those named `last` after the others, then the supervisor itself."""
        names = [p["name"] for p in self.processes()]
        self._stop_all([name for name in names if name not in last])
        self._stop_all([name for name in names if name in last])
        self._ask("shutdown")
        probes.wait("the end of supervisord", lambda: not self.is_up(), 90, log=LOG)

    def _begin(self) -> None:
        argv = [PYTHON, "-W", "ignore", "-m", "supervisor.supervisord", "-c", str(self._state / "supervisord.conf")]
        env = inherited(os.environ)
        done = subprocess.run(argv, cwd=work_folder(self._state), env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise HostError(f"supervisord did not start: {(done.stdout + done.stderr).strip()[-500:]}")

    def _stop_all(self, names: list[str]) -> None:
        probes.wait("the end of every process", lambda: self._ended(names), 90, log=LOG)

    def _ended(self, names: list[str]) -> bool:
        there = {p["name"]: p["statename"] for p in self.processes() if p["name"] in names}
        for name in (name for name, state in there.items() if state in RUNS):
            self._unless(Faults.NOT_RUNNING, "stopProcess", name, False)
        return not {*RUNS, "STOPPING"} & set(there.values())

    def _unless(self, harmless: int, method: str, *words: object) -> None:
        try:
            self._ask(method, *words)
        except Refused as refused:
            if refused.code != harmless:
                raise

    def _ask(self, method: str, *words: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        asked = " ".join(str(word) for word in (method, *words[:1]))
        try:
            with ServerProxy("http://127.0.0.1", transport) as proxy:
                return getattr(proxy.supervisor, method)(*words)
        except Fault as fault:
            raise Refused(f"supervisord refuses {asked}: {fault.faultString}; {_see()}", fault.faultCode) from fault
        except (OSError, HTTPException, ProtocolError) as error:
            raise SupervisorAway(f"supervisord at {self._socket} does not answer {asked}: {error}; {_see()}") from error

    def _update(self) -> None:
        added, changed, removed = self._ask("reloadConfig")[0]
        gone = [*changed, *removed]
        self._stop_all(gone)
        for name in gone:
            self._ask("removeProcessGroup", name)
        for name in (*added, *changed):
            self._ask("addProcessGroup", name)


def _see() -> str:
    return f"see `make logs NAME={LOG}`"
