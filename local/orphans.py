"""End what a supervisor that was killed left running: only processes that carry this installation's mark."""

from pathlib import Path

import psutil

MARK = "STOCKML_INSTALLATION"


def end(state: Path) -> int:
    """End every process of the installation, and return how many there were."""
    left = [p for p in psutil.process_iter() if _mark(p) == str(state)]
    for process in left:
        process.terminate()
    for process in psutil.wait_procs(left, timeout=20)[1]:
        process.kill()
    return len(left)


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None
