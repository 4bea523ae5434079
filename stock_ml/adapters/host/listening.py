"""Who listens on which port of 127.0.0.1."""

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
    try:
        listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        pids = [c.pid for c in listening if c.laddr and c.laddr[1] == port and c.pid]
        return f"{psutil.Process(pids[0]).name()} (pid {pids[0]})" if pids else "another program"
    except psutil.Error:
        return "another program"
