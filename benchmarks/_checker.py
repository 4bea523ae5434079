"""Check histories: what an exchange served and what viewers saw, against what an installation stored.

It shares no code with the parts that wrote them: it reads with SQL, HTTP and JSON of its own.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event, Thread
from typing import NamedTuple
from zoneinfo import ZoneInfo

import psycopg
import requests
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

Minute = tuple[str, int]  # symbol, and the open in UTC epoch seconds
Prices = tuple[float, ...]  # open, high, low, close, volume
Forecast = tuple[str, int, int]  # symbol, open of its bar, horizon
BARS = "select symbol, extract(epoch from ts)::bigint, open, high, low, close, volume from bars where not filled"
FORECASTS = """
select symbol, extract(epoch from bar_ts)::bigint, horizon, predicted_close, lower_90, upper_90, model_version,
       extract(epoch from target_ts)::bigint, extract(epoch from made_at)::float8
from forecasts
"""
MINUTE = 60
LOOK = 5.0  # seconds between two looks at the forecasts


class Verdict(NamedTuple):
    """Count what is wrong with bars and forecasts, and how many there are.

    `twice` counts what the topic holds more than once, and bars that nobody served. `early` counts forecasts that were
    made before their bar was over, or for a minute that it covers.
    """

    lost: int
    twice: int
    changed: int
    early: int
    bars: int
    forecasts: int


@dataclass
class ForecastLog:
    """Remember each forecast as it was first seen, from a thread that looks every few seconds."""

    dsn: str
    seen: dict[Forecast, tuple[object, ...]] = field(default_factory=dict)
    _done: Event = field(default_factory=Event)

    def __enter__(self) -> "ForecastLog":
        """Begin to look."""
        self._thread = Thread(target=self._look_forever, name="forecast log")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._done.set()
        self._thread.join()

    def changed(self) -> int:
        """Count the forecasts that are gone, or other than they were seen. Raises psycopg.OperationalError."""
        now = forecasts(self.dsn)
        return sum(now.get(key) != seen for key, seen in self.seen.items())

    def _look_forever(self) -> None:
        while not self._done.wait(LOOK):
            try:
                self.seen = forecasts(self.dsn) | self.seen
            except psycopg.OperationalError:  # PostgreSQL is one of those that are disturbed
                continue


def verdict(
    served: Mapping[Minute, Prices],
    stored: Mapping[Minute, Prices],
    published: Iterable[bytes],
    made: Mapping[Forecast, tuple[object, ...]],
) -> Verdict:
    """Compare what was served with what is stored, of the same span of time."""
    return Verdict(
        lost=len(served.keys() - stored.keys()),
        twice=repeated(published) + len(stored.keys() - served.keys()),
        changed=sum(stored.get(minute, prices) != prices for minute, prices in served.items()),
        early=sum(_is_early(forecast, row) for forecast, row in made.items()),
        bars=len(stored),
        forecasts=len(made),
    )


def stored_bars(dsn: str) -> dict[Minute, Prices]:
    """Return what PostgreSQL holds of the exchange; a filled minute is not the exchange's."""
    with psycopg.connect(dsn, connect_timeout=5) as connection:
        return {(row[0], row[1]): tuple(row[2:]) for row in connection.execute(BARS)}


def served_by_sandbox(url: str, since: Mapping[str, int], until: int) -> dict[Minute, Prices]:
    """Return what the sandbox exchange says now of each symbol's minutes, from its own first one until `until`."""
    asked = {
        (symbol, datetime.fromtimestamp(ts, UTC).strftime("%Y-%m"))
        for symbol, first in since.items()
        for ts in (first, until)
    }
    rows = (row for symbol, month in sorted(asked) for row in _month(url, symbol, month))
    return {minute: prices for minute, prices in rows if since[minute[0]] <= minute[1] < until}


def messages(config: Mapping[str, str | int | float | bool], topic: str) -> Iterator[bytes]:
    """Yield every message of a topic, with a client of its own."""
    reader = Consumer({**config, "group.id": "checker", "enable.auto.commit": False, "enable.partition.eof": False})
    try:
        for number in reader.list_topics(topic, timeout=30).topics[topic].partitions:
            _, end = reader.get_watermark_offsets(TopicPartition(topic, number), timeout=30)
            reader.assign([TopicPartition(topic, number, OFFSET_BEGINNING)])
            yield from _until(reader, end)
    finally:
        reader.close()


def repeated(published: Iterable[bytes]) -> int:
    """Count the versions of bars that stand in the topic more than once."""
    fields = (json.loads(message) for message in published)
    bars = Counter((bar["symbol"], bar["ts"], bar.get("revision", 0)) for bar in fields if "kind" not in bar)
    return sum(count - 1 for count in bars.values())


def _until(reader: Consumer, end: int) -> Iterator[bytes]:
    position = 0
    while position < end:
        message = reader.poll(30)
        if message is None or message.error():
            raise RuntimeError(f"the topic cannot be read up to {end}: {message and message.error()}")
        position = (message.offset() or 0) + 1
        yield message.value() or b"{}"


def _month(url: str, symbol: str, month: str) -> Iterator[tuple[Minute, Prices]]:
    query = {"function": "TIME_SERIES_INTRADAY", "symbol": symbol, "month": month, "interval": "1min"}
    more = {
        "outputsize": "full",
        "datatype": "csv",
        "adjusted": "false",
        "extended_hours": "false",
        "apikey": "checker",
    }
    answer = requests.get(f"{url}/query", params=query | more, timeout=60)
    answer.raise_for_status()
    for row in csv.DictReader(io.StringIO(answer.text)):
        local = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=ZoneInfo("America/New_York"))
        prices = tuple(float(row[name]) for name in ("open", "high", "low", "close", "volume"))
        yield (symbol, int(local.timestamp())), prices


def forecasts(dsn: str) -> dict[Forecast, tuple[object, ...]]:
    """Return every forecast. Raises psycopg.OperationalError where PostgreSQL is away."""
    with psycopg.connect(dsn, connect_timeout=5, options="-c statement_timeout=30000") as connection:
        return {(row[0], row[1], row[2]): tuple(row[3:]) for row in connection.execute(FORECASTS)}


def _is_early(forecast: Forecast, row: tuple[object, ...]) -> bool:
    *_, target, made_at = row
    return float(str(made_at)) < forecast[1] + MINUTE or int(str(target)) <= forecast[1]
