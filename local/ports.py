"""Refuse to start where another program holds a port."""

import socket
from contextlib import ExitStack

from local.program import Program
from stock_ml.adapters import host
from stock_ml.errors import HostError


def check(programs: list[Program], running: set[str]) -> None:
    """Pass where every port of the programs that do not run yet is free.

    Raises HostError naming each taken port, its holder, and the setting that changes it.
    """
    wanted = [(port, setting) for p in programs if p.name not in running for setting, port in p.ports.items()]
    taken = [(port, setting) for port, setting in wanted if not host.port_is_free(port)]
    if taken:
        raise HostError("; ".join(_told(port, setting) for port, setting in taken))


def free(count: int) -> list[int]:
    """Return ports of 127.0.0.1 on which nobody listens now, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _told(port: int, setting: str) -> str:
    return f"port {port} is held by {host.holder(port)}: STOCKML_{setting.upper()} changes it"
