"""Supervisord runs the programs: restart on failure, one rotated log file each."""

import hashlib
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from local import probes
from local.private import write_private
from local.program import PYTHON, ROOT, Program
from stock_ml.config import Settings
from stock_ml.errors import HostError

LONGEST_SOCKET_PATH = 100
DOWN = (OSError, ConnectionError)


class Supervisor:
    """Talk to the supervisor of one installation."""

    def __init__(self, s: Settings) -> None:
        self._state = s.state
        self._socket = _socket(s.state)

    def is_up(self) -> bool:
        """Say whether the supervisor itself runs."""
        try:
            self._ask("getState")
        except DOWN:
            return False
        except Fault:
            return True  # it is shutting down
        return True

    def run(self, programs: list[Program]) -> None:
        """Let the supervisor know exactly these programs; those whose definition changed are stopped."""
        write_private(self._state / "supervisord.conf", configuration(programs, self._state, self._socket))
        if self.is_up():
            self._update()
        else:
            argv = [PYTHON, "-W", "ignore", "-m", "supervisor.supervisord", "-c", str(self._state / "supervisord.conf")]
            subprocess.run(argv, check=True, capture_output=True, cwd=ROOT)
            probes.wait("supervisord", self.is_up, 20)

    def start(self, name: str) -> None:
        """Start a program that does not run yet."""
        try:
            self._ask("startProcess", name, False)
        except Fault as fault:
            if fault.faultCode != Faults.ALREADY_STARTED:
                raise

    def runs(self, name: str) -> bool:
        """Say whether a program has stayed up for its first seconds.

        Raises HostError where it cannot be started at all.
        """
        state = str(self._ask("getProcessInfo", name)["statename"])
        if state == "FATAL":
            raise HostError(f"{name} does not start: see `make logs NAME={name}`")
        return state == "RUNNING"

    def processes(self) -> list[dict[str, Any]]:
        """Return each process's name, statename, pid, start and description; nothing where the supervisor is down."""
        return list(self._ask("getAllProcessInfo")) if self.is_up() else []

    def halt(self, *names: str) -> None:
        """Stop these programs, as far as they run; the supervisor and the others go on."""
        self._stop_all([p["name"] for p in self.processes() if p["name"] in names and p["pid"]])

    def stop(self, last: tuple[str, ...]) -> None:
        """Stop every process at once, those named `last` after the others, then the supervisor itself."""
        names = [p["name"] for p in self.processes() if p["pid"]]
        self._stop_all([name for name in names if name not in last])
        self._stop_all([name for name in names if name in last])
        self._ask("shutdown")
        probes.wait("the end of supervisord", lambda: not self.is_up(), 90)

    def _stop_all(self, names: list[str]) -> None:
        for name in names:
            self._ask("stopProcess", name, False)
        probes.wait("the end of every process", lambda: not self._pids(names), 90)

    def _pids(self, names: list[str]) -> list[int]:
        return [p["pid"] for p in self.processes() if p["name"] in names and p["pid"]]

    def _ask(self, method: str, *words: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        with ServerProxy("http://127.0.0.1", transport) as proxy:
            return getattr(proxy.supervisor, method)(*words)

    def _update(self) -> None:
        added, changed, removed = self._ask("reloadConfig")[0]
        self._stop_all([p["name"] for p in self.processes() if p["name"] in (*changed, *removed) and p["pid"]])
        for name in (*changed, *removed):
            self._ask("removeProcessGroup", name)
        for name in (*added, *changed):
            self._ask("addProcessGroup", name)


def log_file(state: Path, name: str) -> Path:
    """Return where a program's output goes."""
    return state / "logs" / f"{name}.log"


def configuration(programs: list[Program], state: Path, socket: Path) -> str:
    """Return supervisord's configuration; it holds secrets, so it is private like them."""
    (state / "logs").mkdir(parents=True, exist_ok=True)
    return _own_part(state, socket) + "".join(_program_part(p, state) for p in programs)


def _own_part(state: Path, socket: Path) -> str:
    logs = log_file(state, "supervisord")
    return (
        f"[unix_http_server]\nfile={socket}\nchmod=0700\n"
        f"[supervisord]\nlogfile={logs}\npidfile={state / 'supervisord.pid'}\nchildlogdir={state / 'logs'}\n"
        f"directory={ROOT}\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
    )


def _program_part(p: Program, state: Path) -> str:
    values = {
        "command": " ".join(_quoted(word) for word in p.argv),
        "environment": ",".join(f"{name}={_kept(name, value)}" for name, value in sorted(p.env.items())),
        "directory": ROOT,
        "autostart": "false",
        "autorestart": "true",
        "startretries": 100,
        "startsecs": 2,
        "stopsignal": p.stop_signal,
        "stopwaitsecs": 30,
        "stopasgroup": "false",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": log_file(state, p.name),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": 3,
    }
    lines = (f"{name}={str(value).replace('%', '%%')}\n" for name, value in values.items() if value != "")
    return f"[program:{p.name}]\n{''.join(lines)}"


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _kept(name: str, value: str) -> str:
    # supervisord knows no escape inside the values of `environment`
    for quote in ('"', "'"):
        if quote not in value and "\n" not in value:
            return f"{quote}{value}{quote}"
    raise HostError(f"{name} holds both kinds of quotes, or a line break: choose another value")


def _socket(state: Path) -> Path:
    # the kernel refuses longer paths of unix sockets
    path = state / "supervisor.sock"
    if len(str(path)) <= LONGEST_SOCKET_PATH:
        return path
    return Path(tempfile.gettempdir()) / f"stock_ml-{hashlib.sha256(str(state).encode()).hexdigest()[:16]}.sock"
