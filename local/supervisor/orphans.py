"""End what a supervisor that was killed left running: the processes of its own session, and no others."""

import os
from pathlib import Path

import psutil

SECONDS = 20
PID = "supervisord.pid"


def leader(state: Path) -> int | None:
    """Return the supervisor's process id, which is its session's number too; None where none was started."""
    return int((state / PID).read_text()) if (state / PID).exists() else None


def end(state: Path, stopped: int | None = None) -> int:
    """End every process that a dead supervisor of this installation left, and return how many there were.

    `stopped` is the supervisor that was just stopped, and deleted its own file.
    """
    left = _orphans(state / PID) if stopped is None or (state / PID).exists() else _in_session(stopped)
    for process in left:
        process.terminate()
    for process in psutil.wait_procs(left, timeout=SECONDS)[1]:
        process.kill()
    psutil.wait_procs(left, timeout=SECONDS)
    (state / PID).unlink(missing_ok=True)
    return len(left)


def _orphans(pid_file: Path) -> list[psutil.Process]:
    if not pid_file.exists() or pid_file.stat().st_mtime < psutil.boot_time():
        return []
    return _in_session(int(pid_file.read_text()))


def _in_session(leader: int) -> list[psutil.Process]:
    # A leader that runs is another program: the system reuses a number only when its session is empty. The session of
    # this process is never a supervisor's, though its leader may have ended.
    if is_running(leader) or leader == os.getsid(0):
        return []
    return [p for p in psutil.process_iter() if _session(p.pid) == leader]


def is_running(pid: int) -> bool:
    """Say whether a process runs; one that ended and was not waited for does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None
