"""End a program that hangs, with all its children: supervisord starts it again, as it starts all that ends."""

import signal
from contextlib import suppress

import psutil

GRACE = 20.0  # seconds to end in order: what hangs will not, and what is only slow puts its data away
CHILDREN = 5.0  # seconds in which children see that their parent is gone


def end(pid: int, grace: float = GRACE) -> None:
    """End a process by SIGINT, which PostgreSQL does not delay, or in the end by SIGKILL; then its children.

    A child that stands still as well would keep what the next start needs: a port, or PostgreSQL's shared memory.
    """
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        children = process.children(recursive=True)
        process.send_signal(signal.SIGINT)
        if psutil.wait_procs([process], grace)[1]:
            process.kill()
        _end_all(children)


def _end_all(processes: list[psutil.Process]) -> None:
    for process in psutil.wait_procs(processes, CHILDREN)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
