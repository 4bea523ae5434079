"""Refuse to start where another program holds a port."""

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


def _told(port: int, setting: str) -> str:
    return f"port {port} is held by {host.holder(port)}: STOCKML_{setting.upper()} changes it"
