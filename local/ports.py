"""Check that no other program listens on a port, and find free ports."""

import socket
from collections.abc import Collection
from contextlib import ExitStack
from itertools import islice, repeat
from random import SystemRandom

from local.supervisor.program import Program
from stock_ml.adapters.host import listeners
from stock_ml.errors import HostError

SERVERS = range(10_000, 32_000)  # below what Linux and macOS give to outgoing connections


def check(programs: list[Program], own: Collection[int] = ()) -> None:
    """Pass where every port of the programs is free, or one of `own`, on which they listen already.

    Raises HostError naming each taken port, its holder, and the setting that changes it.
    """
    assignments = [(port, setting) for p in programs for setting, port in p.ports.items()]
    _check_duplicates(assignments)
    taken = [(port, setting) for port, setting in assignments if port not in own and not listeners.port_is_free(port)]
    if taken:
        raise HostError("; ".join(_conflict(port, setting) for port, setting in taken))


def _check_duplicates(assignments: list[tuple[int, str]]) -> None:
    named: dict[int, list[str]] = {}
    for port, setting in assignments:
        named.setdefault(port, []).append(f"STOCKML_{setting.upper()}")
    twice = [f"port {port} is named by {' and '.join(names)}" for port, names in named.items() if len(names) > 1]
    if twice:
        raise HostError("; ".join(twice) + ": each needs a port of its own")


def free(count: int) -> list[int]:
    """Return ports of 127.0.0.1 on which nobody listens now, all different, by chance: two callers seldom meet.

    None is of those that the system gives to outgoing connections, which may take any of them at any moment.
    """
    with ExitStack() as stack:
        bound = (stack.enter_context(socket.socket()) for _ in repeat(None))
        tried = zip(bound, SystemRandom().sample(SERVERS, len(SERVERS)), strict=False)
        return list(islice((port for probe, port in tried if _can_bind(probe, port)), count))


def _can_bind(probe: socket.socket, port: int) -> bool:
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _conflict(port: int, setting: str) -> str:
    return f"port {port} is held by {listeners.holder(port)}: STOCKML_{setting.upper()} changes it"
