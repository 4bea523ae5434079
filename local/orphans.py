"""End what a supervisor that was killed left running: the processes of its own session, and no others."""

import os
from pathlib import Path

import psutil

SECONDS = 20
PID = "supervisord.pid"


def end(state: Path) -> int:
    """End every process that a dead supervisor of this installation left, and return how many there were."""
    left = _left(state / PID)
    for process in left:
        process.terminate()
    for process in psutil.wait_procs(left, timeout=SECONDS)[1]:
        process.kill()
    psutil.wait_procs(left, timeout=SECONDS)
    (state / PID).unlink(missing_ok=True)
    return len(left)


def _left(pid_file: Path) -> list[psutil.Process]:
    if not pid_file.exists() or pid_file.stat().st_mtime < psutil.boot_time():
        return []
    leader = int(pid_file.read_text())
    # one that lives is another program's: a number is given away again only when its session is empty; and our own
    # session is never a supervisor's, though its leader may have ended
    if _lives(leader) or leader == os.getsid(0):
        return []
    return [p for p in psutil.process_iter() if _session(p.pid) == leader]


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None
