"""The local service speaks Alpaca's protocol: Alpaca's own client, `alpaca-py`, reads the same bars from it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Thread

import numpy as np
import pytest

from stock_ml.config import load
from stock_ml.sources.alpaca import Alpaca
from stock_ml.sources.parsing import read
from tests.alpaca import KEY, SECRET, Market, alpaca, pushed, send

pytestmark = pytest.mark.filterwarnings("ignore:websockets.legacy is deprecated:DeprecationWarning")
NOW = float(np.datetime64("2024-03-13T15:30:20", "s").astype(int))


@pytest.fixture
def market() -> Market:
    return Market(NOW, page=1000)


@pytest.fixture
def served(market: Market) -> Iterator[dict[str, str]]:
    with alpaca(market) as given:
        yield given


def test_it_reads_the_same_history(served: dict[str, str]) -> None:
    from alpaca.data.enums import DataFeed
    from alpaca.data.historical import StockHistoricalDataClient
    from alpaca.data.requests import StockBarsRequest
    from alpaca.data.timeframe import TimeFrame

    source = Alpaca.connect(load(_env_file=None, source="alpaca", **served))
    source.now = lambda: NOW
    response = source.fetch("GOOGL", "2024-03")
    start, end = (datetime.fromisoformat(response.request[name]) for name in ("start", "end"))
    asked = StockBarsRequest(
        symbol_or_symbols="GOOGL",
        timeframe=TimeFrame.Minute,
        start=start,
        end=end,
        feed=DataFeed.SIP,
        asof="2024-03-13",
    )
    theirs = (
        StockHistoricalDataClient(KEY, SECRET, url_override=served["alpaca_url"]).get_stock_bars(asked).data["GOOGL"]
    )
    rows = read(response)
    assert [int(each.timestamp.timestamp()) for each in theirs] == rows["ts"].tolist()
    for name in ("open", "high", "low", "close", "volume"):
        assert [getattr(each, name) for each in theirs] == rows[name].tolist()


def test_it_reads_the_same_live_bars(market: Market, served: dict[str, str]) -> None:
    from alpaca.data.live import StockDataStream

    url = f"{served['alpaca_stream_url']}/v2/iex"
    stream = StockDataStream(KEY, SECRET, url_override=url)
    found = []

    async def take(bar) -> None:
        found.append(bar)
        if len(found) == 2:
            await stream.stop_ws()

    stream.subscribe_bars(take, "GOOGL")
    stream.subscribe_updated_bars(take, "GOOGL")
    thread = Thread(target=asyncio.run, args=(stream._run_forever(),))
    thread.start()
    socket = market.connections.get(timeout=60)
    send(socket, pushed("GOOGL", int(NOW) // 60 * 60, 100.1), pushed("GOOGL", int(NOW) // 60 * 60, 100.2, "u"))
    thread.join(60)
    assert [(each.symbol, each.timestamp, each.close) for each in found] == [
        ("GOOGL", datetime(2024, 3, 13, 15, 30, tzinfo=UTC), close) for close in (100.1, 100.2)
    ]
