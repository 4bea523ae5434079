"""A program takes the place of what a killed one left on its port."""

from types import SimpleNamespace

import psutil
import pytest

from local.servers import port_takeover


class Process:
    """Stand for a process that may listen on a port."""

    def __init__(self, pid: int, session: int, port: int | None) -> None:
        self.pid, self.session, self.port, self.killed = pid, session, port, False

    def net_connections(self, kind: str) -> list[SimpleNamespace]:
        if self.port is None:
            raise psutil.AccessDenied(self.pid)
        return [SimpleNamespace(status=psutil.CONN_LISTEN, laddr=SimpleNamespace(port=self.port))]

    def kill(self) -> None:
        self.killed = True


def test_only_who_listens_there_in_the_same_session_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    left, other_port, other_session = Process(11, 1, 80), Process(12, 1, 81), Process(13, 2, 80)
    hidden, myself = Process(14, 1, None), Process(15, 1, 80)
    every = [left, other_port, other_session, hidden, myself]
    sessions = {process.pid: process.session for process in every} | {0: 1}
    monkeypatch.setattr("os.getsid", sessions.__getitem__)
    monkeypatch.setattr("os.getpid", lambda: 15)
    monkeypatch.setattr(psutil, "process_iter", lambda: iter(every))
    monkeypatch.setattr(psutil, "wait_procs", lambda *_, **__: ([], []))
    assert port_takeover.end_listener(80) == 1
    assert [process.killed for process in every] == [True, False, False, False, False]
