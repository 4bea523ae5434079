"""`python port_takeover.py PORT COMMAND …`: run a program in the place of what a killed one of its kind left.

A program that is killed may leave a child process that still listens on its port, so its next start would fail.
Only processes of the same supervisor are ended.
"""

import os
import sys
from collections.abc import Iterator

import psutil

SECONDS = 10


def end_listener(port: int) -> int:
    """End the processes of our own session that listen on a port, and return how many there were."""
    left = list(_listening(port))
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=SECONDS)
    return len(left)


def _listening(port: int) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and os.getsid(process.pid) == os.getsid(0) and _listens(process, port):
                yield process
        except (OSError, psutil.Error):
            continue  # it ended just now


def _listens(process: psutil.Process, port: int) -> bool:
    found = process.net_connections(kind="tcp")
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in found)


if __name__ == "__main__":
    end_listener(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
