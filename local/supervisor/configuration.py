"""Supervisord's configuration: its own, and that of each program."""

from collections.abc import Mapping
from pathlib import Path

from local.supervisor.program import Program
from stock_ml.errors import HostError

SETTING_PREFIXES = ("STOCKML_", "ALPHAVANTAGE_", "AIRFLOW", "MLFLOW", "AWS_", "PYTHONPATH")


def log_file(state: Path, name: str) -> Path:
    """Return where a program's output goes."""
    return state / "logs" / f"{name}.log"


def work_folder(state: Path) -> Path:
    """Return where programs run: it holds no `.env`, so their settings come from their environment alone."""
    return state / "work"


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what programs inherit: no setting of the shell that happened to start supervisord."""
    return {name: value for name, value in environ.items() if not name.startswith(SETTING_PREFIXES)}


def configuration(programs: list[Program], state: Path, socket: Path) -> str:
    """Return supervisord's configuration; it holds secrets, so it is private like them."""
    for folder in (state / "logs", work_folder(state)):
        folder.mkdir(parents=True, exist_ok=True)
    return _supervisor_section(state, socket) + "".join(_program_section(p, state) for p in programs)


def _supervisor_section(state: Path, socket: Path) -> str:
    logs = log_file(state, "supervisord")
    return (
        f"[unix_http_server]\nfile={socket}\nchmod=0700\n"
        f"[supervisord]\nlogfile={logs}\npidfile={state / 'supervisord.pid'}\nchildlogdir={state / 'logs'}\n"
        f"directory={work_folder(state)}\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
    )


def _program_section(p: Program, state: Path) -> str:
    values = {
        "command": " ".join(_quoted(word) for word in p.argv),
        "environment": ",".join(f"{name}={_quoted_value(name, value)}" for name, value in sorted(p.env.items())),
        "directory": work_folder(state),
        "autostart": "false",
        "autorestart": "true",
        # what ran once comes back, however long a disk is full: the pause grows by a second a try, to two minutes after
        # two hours and to four after eight; `make up` itself gives up sooner
        "startretries": 1_000_000,
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


def _quoted_value(name: str, value: str) -> str:
    # supervisord knows no escape inside the values of `environment`
    for quote in ('"', "'"):
        if quote not in value and "\n" not in value:
            return f"{quote}{value}{quote}"
    raise HostError(f"{name} holds both kinds of quotes, or a line break: choose another value")
