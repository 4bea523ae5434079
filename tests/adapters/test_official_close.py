"""A night over the official close, from the sandbox's feed through Kafka to PostgreSQL: the same bits as in batch."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sandbox.exchange.feed import Feed, FeedQuery
from sandbox.exchange.injected_bars import InjectedBars
from sandbox.exchange.responses import in_json
from sandbox.market import Day, Market
from sandbox.market.auction import Auction
from serving.common.shutdown import until_available
from serving.producer.bar_stream import BarStream
from serving.producer.live import in_order
from serving.producer.published_state import recently_published
from serving.producer.publisher import NEVER, log_waiting
from stock_ml.adapters.broker import Publisher
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.cleaning.rules import CleanBars, CleaningParameters, clean
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from stock_ml.domain.gaps import Minutes
from stock_ml.domain.official_close import NO_CLOSES, OfficialClose, OfficialCloses
from stock_ml.model import features
from stock_ml.model.scorer import prices
from stock_ml.sources.parsing import Response, parse, place
from tests.adapters.test_consumer import Fixed, consuming, rows, s, wait  # noqa: F401 - `s` is a fixture
from tests.unit.serving.streams import SCORER
from tests.walks import NYSE

FIRST = int(np.searchsorted(NYSE.dates, np.datetime64("2024-03-04")))
OPENS, CLOSES = NYSE.opens[FIRST : FIRST + 2].tolist(), NYSE.closes[FIRST : FIRST + 2].tolist()
FRIDAY = int(NYSE.closes[FIRST - 1])
Forecast = tuple[float, float]


@dataclass
class FeedSource:
    """Answer with the sandbox's rows at a time that a test sets."""

    feed: Feed
    now: float = 0.0
    name: str = "csv"

    def newest(self, symbol: str) -> Response:
        return self._answer(symbol, None, self.feed.newest(FeedQuery(symbol, self.now)))

    def fetch(self, symbol: str, month: str) -> Response:
        return self._answer(symbol, month, self.feed.month(FeedQuery(symbol, self.now, extended=True), month))

    def _answer(self, symbol: str, month: str | None, day: Day) -> Response:
        body = in_json(symbol, self.feed.stamps(day.ts), day.values, "full")
        return Response(self.name, symbol, month, {}, self.now, body, "application/json")


def produce(s: Settings, source: FeedSource, *times: float) -> list[Bar | OfficialClose]:  # noqa: F811 - a fixture
    """Publish as a producer that starts now what the feed shows at some times."""
    stream, publisher = BarStream(source, "start", lambda _: NYSE, 0.0, wall=lambda: 0.0), Publisher.connect(s)
    with closing(ForecastStore.connect(s)) as store:
        stream.restore(until_available(lambda: recently_published(s, store, times[0]), NEVER, log_waiting))
    sent: list[Bar | OfficialClose] = []
    for source.now in times:
        sent += in_order(stream.new_bars(source.now), stream.take_official_closes())
    for each in sent:
        publisher.bar(each) if isinstance(each, Bar) else publisher.official_close(each)
    assert publisher.flush(30) == 0
    return sent


def cleaned(s: Settings, source: FeedSource, since: int) -> CleanBars:  # noqa: F811 - a fixture
    received = place(parse(source.fetch(s.symbols[0], "2024-03").body, "a month"), "start", NYSE)
    received = received[(received["ts"] >= since) & (received["ts"] < CLOSES[1] + 3600)]
    return clean(received, s.symbols[0], s.source, CleaningParameters(NYSE, s.feed_gap_minutes, source.now))


def forecast(bars: pd.DataFrame, s: Settings, closes: OfficialCloses) -> dict[int, Forecast]:  # noqa: F811 - a fixture
    table = features.table(Minutes.of_frame(bars), NYSE, SCORER.schema, s.feed_gap_minutes, closes)
    table = table[NYSE.period(table["bar_ts"].to_numpy() + 60) >= 0]
    last = table["last_close"].to_numpy()
    made = prices(last, SCORER.predict(table[list(features.FEATURES)].to_numpy()))
    pairs = zip(last.tolist(), made.predicted_close.tolist(), strict=True)
    return dict(zip(table["bar_ts"].tolist(), pairs, strict=True))


def stored(s: Settings) -> dict[int, Forecast]:  # noqa: F811 - a fixture
    return {int(row.bar_ts.timestamp()): (row.last_close, row.predicted_close) for row in rows(s, "forecasts")}


@pytest.mark.parametrize("auction", ["largest", "unknown"])
def test_batch_and_stream_agree_over_a_night_and_a_restart(s: Settings, auction: Auction) -> None:  # noqa: F811
    source = FeedSource(Feed(Market(7, NYSE), InjectedBars(Path("none")), auction))
    first = produce(s, source, *range(OPENS[0] + 600, CLOSES[0] + 180, 600), CLOSES[0], CLOSES[0] + 90)
    with consuming(s, Fixed()):
        wait(lambda: len(received(s)) == sum(isinstance(each, Bar) for each in first))
    again = produce(s, source, CLOSES[0] + 120)  # a producer that starts anew
    second = produce(s, source, OPENS[1] + 60, OPENS[1] + 120, *range(OPENS[1] + 600, CLOSES[1], 600), CLOSES[1] + 90)
    messages = [*first, *again, *second]
    assert [each.ts for each in messages if isinstance(each, OfficialClose)] == [FRIDAY, *CLOSES]
    with consuming(s, Fixed()):
        wait(lambda: len(received(s)) == sum(isinstance(each, Bar) for each in messages))
    batch = cleaned(s, source, first[0].ts)
    closes = OfficialCloses.of_bars(batch.bars, NYSE)
    official = [(int(row.ts.timestamp()), row.close, str(row.session)) for row in rows(s, "official_closes")]
    dates = ["2024-03-01", "2024-03-04", "2024-03-05"]
    assert official == list(zip(closes.ts.tolist(), closes.close.tolist(), dates, strict=True))
    expected = forecast(batch.bars, s, closes)
    assert stored(s) == expected
    without = forecast(batch.bars, s, NO_CLOSES)
    changed = {ts for ts in expected if expected[ts] != without[ts]}
    assert changed
    assert changed <= {ts + 60 * minute for ts in OPENS for minute in range(60)}


def received(s: Settings) -> list[object]:  # noqa: F811 - a fixture
    return [row for row in rows(s, "bars") if not row.filled]
