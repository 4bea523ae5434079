"""Who listens on which port of 127.0.0.1."""

import os
import socket

import psutil


def port_is_free(port: int) -> bool:
    """Say whether a server could listen on 127.0.0.1:port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Return who listens on a port, as "name (pid N)", or "another program" where that cannot be seen."""
    pid = pid_on(port)
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})" if pid else "another program"
    except psutil.Error:
        return "another program"


def pid_on(port: int) -> int | None:
    """Return the process that listens on a port, None where that cannot be seen."""
    try:
        listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    except psutil.Error:  # macOS shows those of all processes to root only
        return next((process.pid for process in psutil.process_iter() if _listens(process, port)), None)
    return next((c.pid for c in listening if c.laddr and c.laddr[1] == port and c.pid), None)


def is_own(port: int) -> bool:
    """Say whether the process that listens on a port belongs to this user."""
    pid = pid_on(port)
    try:
        return pid is not None and psutil.Process(pid).uids().real == os.getuid()
    except psutil.Error:
        return False


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        found = process.net_connections("tcp")
    except psutil.Error:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in found)


def is_under(pid: int, leader: int) -> bool:
    """Say whether a process runs below another one, or in its session."""
    try:
        return pid == leader or os.getsid(pid) == leader or any(p.pid == leader for p in psutil.Process(pid).parents())
    except (OSError, psutil.Error):
        return False
