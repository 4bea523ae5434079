"""Supervisord runs the programs: restart on failure, one rotated log file each."""

import os
from http.client import HTTPException
from typing import Any, TypedDict
from xmlrpc.client import Fault, ProtocolError, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from local import probes
from local.commands import run_command
from local.secrets import write_private
from local.supervisor.configuration import configuration, inherited, work_folder
from local.supervisor.program import PYTHON, Program
from local.supervisor.socket_path import socket_of
from stock_ml.config import Settings
from stock_ml.errors import HostError

LOG = "supervisord"
LOG_HINT = f"see `make logs NAME={LOG}`"
STOPPABLE = ("STARTING", "RUNNING", "BACKOFF")  # states


class SupervisorUnavailable(HostError):
    """Report that supervisord does not answer."""


class SupervisorRefused(HostError):
    """Report the call that supervisord refused, with the code that it gave."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class ProcessInfo(TypedDict):
    """Hold the state of one program; `start` is when it was last started, in whole epoch seconds; `pid` 0 for none."""

    name: str
    statename: str
    pid: int
    start: int


class Supervisor:
    """Talk to the supervisor of one installation; raises SupervisorUnavailable and SupervisorRefused."""

    def __init__(self, s: Settings) -> None:
        self._state = s.state
        self._socket = socket_of(s.state)

    def is_up(self) -> bool:
        """Say whether the supervisor itself runs."""
        try:
            self._call("getState")
        except SupervisorUnavailable:
            return False
        except SupervisorRefused:
            return True  # it is shutting down
        return True

    def load(self, programs: list[Program]) -> None:
        """Make the supervisor manage exactly these programs; those whose definition changed are stopped."""
        write_private(self._state / "supervisord.conf", configuration(programs, self._state, self._socket))
        if self.is_up():
            self._update()
        else:
            self._launch()
            probes.wait("supervisord", self.is_up, 20, log=LOG)

    def start(self, name: str) -> None:
        """Start a program that does not run yet."""
        self._call_unless(Faults.ALREADY_STARTED, "startProcess", name, False)

    def process(self, name: str) -> ProcessInfo:
        """Return the state of one program."""
        found: ProcessInfo = self._call("getProcessInfo", name)
        return found

    def processes(self) -> list[ProcessInfo]:
        """Return the state of every program, none where the supervisor is down."""
        return list(self._call("getAllProcessInfo")) if self.is_up() else []

    def stop_programs(self, *names: str) -> None:
        """Stop these programs, as far as they run; the supervisor and the others continue."""
        self._stop_all(list(names))

    def stop(self, last: tuple[str, ...], first: str = "") -> None:
        """Stop `first`, then every process at once, those named `last` after the others, then the supervisor itself."""
        names = [p["name"] for p in self.processes()]
        self._stop_all([name for name in names if name == first])
        self._stop_all([name for name in names if name not in last])
        self._stop_all([name for name in names if name in last])
        self._call("shutdown")
        probes.wait("the end of supervisord", lambda: not self.is_up(), 90, log=LOG)

    def _launch(self) -> None:
        argv = [PYTHON, "-W", "ignore", "-m", "supervisor.supervisord", "-c", str(self._state / "supervisord.conf")]
        run_command(argv, "supervisord did not start", cwd=work_folder(self._state), env=inherited(os.environ))

    def _stop_all(self, names: list[str]) -> None:
        probes.wait("the end of every process", lambda: self._have_stopped(names), 90, log=LOG)

    def _have_stopped(self, names: list[str]) -> bool:
        states = {p["name"]: p["statename"] for p in self.processes() if p["name"] in names}
        for name in (name for name, state in states.items() if state in STOPPABLE):
            self._call_unless(Faults.NOT_RUNNING, "stopProcess", name, False)
        return not {*STOPPABLE, "STOPPING"} & set(states.values())

    def _call_unless(self, harmless: int, method: str, *words: object) -> None:
        try:
            self._call(method, *words)
        except SupervisorRefused as refused:
            if refused.code != harmless:
                raise

    def _call(self, method: str, *words: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        call = " ".join(str(word) for word in (method, *words[:1]))
        try:
            with ServerProxy("http://127.0.0.1", transport) as proxy:
                return getattr(proxy.supervisor, method)(*words)
        except Fault as fault:
            problem = f"refuses {call}: {fault.faultString}; {LOG_HINT}"
            raise SupervisorRefused(f"supervisord {problem}", fault.faultCode) from fault
        except (OSError, HTTPException, ProtocolError) as error:
            problem = f"does not answer {call}: {error}; {LOG_HINT}"
            raise SupervisorUnavailable(f"supervisord at {self._socket} {problem}") from error

    def _update(self) -> None:
        added, changed, removed = self._call("reloadConfig")[0]
        gone = [*changed, *removed]
        self._stop_all(gone)
        for name in gone:
            self._call("removeProcessGroup", name)
        for name in (*added, *changed):
            self._call("addProcessGroup", name)
