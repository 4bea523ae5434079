"""A feed that is 15 minutes delayed: the real sandbox exchange, producer and consumer over the end of a session."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import psycopg
import pytest
import requests

from local import ports
from local.servers.services import programs
from stock_ml.adapters.broker import ensure_topics
from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE
from tests.adapters.conftest import move_clock
from tests.adapters.test_producer import at_source, closed_sessions, consuming, newest, on_topic, producing, state, wait
from tests.servers import running, tables

DELAY = 900
COUNTS = """
select count(*) filter (where not late)::int, count(*)::int from forecasts
where symbol = any(%s) and bar_ts > to_timestamp(%s) and bar_ts <= to_timestamp(%s)
"""


class Seen(NamedTuple):
    """Hold what a session came to: forecasts in time, all of them, requests, and when it was announced."""

    in_time: int
    made: int
    requests_a_minute: float  # for each symbol
    announced_after: float  # market seconds after the close


@pytest.fixture(params=[DELAY, 0], ids=["stated", "learned"])
def delayed(
    request: pytest.FixtureRequest, kafka: Settings, postgres: Settings, s3: Settings, tmp_path: Path
) -> Settings:
    """Settings of an exchange of one's own, its bars 15 minutes delayed; the delay is stated or not."""
    names = ("sandbox_port", "producer_port", "consumer_port")
    given = dict(zip(names, ports.free(len(names)), strict=True)) | {"home": tmp_path, "window": 16}
    given |= {"kafka_topic": f"t{uuid4().hex[:8]}", "symbols": tuple(f"D{uuid4().hex[:6].upper()}" for _ in range(2))}
    entitled = {"alphavantage_entitlement": "delayed", "feed_delay": request.param, "feed_gap_minutes": 5}
    own = kafka.model_copy(update=given | entitled)
    tables(own)
    ensure_topics(own)
    Lake.connect(own).ensure_bucket()
    Lake.connect(own).write_convention("start")
    return own


@pytest.fixture
def exchange(delayed: Settings) -> Iterator[Settings]:
    """The exchange running; its clock goes on after the close until the last bar is shown, as its setting says."""
    with running(programs(delayed.model_copy(update={"feed_delay": DELAY}))[0], delayed):
        yield delayed


def clock(s: Settings) -> float:
    return float(requests.get(f"{s.sandbox}/clock", timeout=30).json()["market"])


def count(s: Settings, first: float, last: float) -> tuple[int, int]:
    with psycopg.connect(s.postgres()) as connection:
        found = connection.execute(COUNTS, [list(s.symbols), first, last]).fetchone()
    return found or (0, 0)


def session(s: Settings, begin: float) -> Seen:
    """Run the exchange at 60 market seconds a second from a time to the announcement of its session's end."""
    calendar, sent = s.calendars.of(""), requests_sent(s)
    close, before = float(calendar.closes[calendar.upcoming(begin)]), len(closed_sessions(s))
    requests.post(f"{s.sandbox}/clock", json={"paused": False, "speed": 60}, timeout=30)
    wait(lambda: clock(s) >= close - 5 * MINUTE, 500)
    asked = (requests_sent(s) - sent) / len(s.symbols) / ((clock(s) - begin) / MINUTE)
    wait(lambda: len(closed_sessions(s)) > before, 120)
    at = clock(s)
    wait(lambda: count(s, begin - DELAY, close)[1] > 0)
    return Seen(*count(s, begin - DELAY + MINUTE, close), asked, at - close)


def requests_sent(s: Settings) -> int:
    return sum(requests.get(f"{s.sandbox}/answered", timeout=30).json().values())


def test_forecasts_count_and_each_minute_is_asked_for_once_and_the_session_is_whole_when_it_is_announced(
    exchange: Settings,
) -> None:
    s = exchange
    # a delay is learned in ten minutes, and the consumer reads it every ten seconds: ten minutes more of this clock
    move_clock(s, (365 if s.feed_delay else 300) * MINUTE)
    with producing(s), consuming(s):
        wait(lambda: len(newest(s)) == len(s.symbols))
        if not s.feed_delay:  # learned from the first minutes
            requests.post(f"{s.sandbox}/clock", json={"paused": False, "speed": 60}, timeout=30)
            wait(lambda: state(s).get("feed_delay", {}).get(s.exchange, 0) >= DELAY)
        begin = clock(s)
        seen = session(s, begin)
        assert DELAY <= state(s)["feed_delay"][s.exchange] <= DELAY + 3 * MINUTE
    assert seen.in_time >= 0.8 * seen.made > 0
    assert seen.requests_a_minute <= 2
    assert DELAY <= seen.announced_after <= DELAY + 3 * MINUTE
    # until the delay is learned, a bar is published while it forms, and then corrected
    first = [bar for bar in on_topic(s) if bar.revision == 0]
    times = {symbol: [bar.ts for bar in first if bar.symbol == symbol] for symbol in s.symbols}
    close = int(s.calendars.of("").closes[s.calendars.of("").upcoming(begin)])
    for symbol, published in times.items():
        assert published == [ts for ts in at_source(s, symbol, published[0]) if ts < close]
