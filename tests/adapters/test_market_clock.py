"""The sandbox's time over real HTTP."""

import os
import signal

import psutil
import pytest
import requests

from local import ports
from local.servers.services import programs
from stock_ml.adapters.market_clock import MarketClock
from stock_ml.errors import SourceUnavailable
from tests.adapters.conftest import move_clock
from tests.servers import running, settings_in


def test_a_paused_clock_is_read_as_it_stands(sandbox):
    at = move_clock(sandbox, 60)
    clock = MarketClock.connect(sandbox)
    assert clock.now() == at
    assert clock.reading().paused


def test_within_a_second_no_more_than_one_request_is_made(sandbox):
    clock = MarketClock.connect(sandbox)
    asked = []
    clock._session.hooks["response"].append(lambda response, **_: asked.append(response.url))
    for _ in range(50):
        clock.now()
    assert len(asked) == 1


def test_a_sandbox_that_is_away_is_a_typed_error():
    with pytest.raises(SourceUnavailable, match="does not answer"):
        MarketClock(f"http://127.0.0.1:{ports.free(1)[0]}").now()


def test_a_killed_sandbox_goes_on_from_at_most_a_second_before(tmp_path):
    s = settings_in(tmp_path)
    program = next(p for p in programs(s) if p.name == "sandbox")
    with running(program, s) as process:
        MarketClock.connect(s).now()
        before = requests.get(f"{s.sandbox}/clock", timeout=30).json()
        os.killpg(process.pid, signal.SIGKILL)
    with running(program, s):
        after = requests.get(f"{s.sandbox}/clock", timeout=30).json()
    assert before["market"] - 1.5 * s.sandbox_speed <= after["market"]
    # it stood still while it was away: no more passed than since it came back
    assert after["market"] <= before["market"] + 5 * s.sandbox_speed


def test_a_killed_sandbox_lets_its_port_go_though_a_client_stays_connected(tmp_path):
    s = settings_in(tmp_path)
    program = next(p for p in programs(s) if p.name == "sandbox")
    with running(program, s) as process, requests.Session() as client:
        client.get(f"{s.sandbox}/clock", timeout=30)
        (worker,) = psutil.Process(process.pid).children()
        process.kill()
        assert psutil.wait_procs([worker], 20)[1] == []
