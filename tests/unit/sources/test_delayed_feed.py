from stock_ml.config import load
from stock_ml.sources.delayed_feed import DelayedFeed
from stock_ml.sources.parsing import Response
from stock_ml.sources.registry import open_source


class Whole:
    """Answer everything at one moment."""

    name = "yahoo"

    def fetch(self, symbol: str, month: str | None) -> Response:
        return Response(self.name, symbol, month, {}, 2000.0, b"body", "application/json")

    def newest(self, symbol: str) -> Response:
        return self.fetch(symbol, None)


def test_a_response_is_as_of_the_feeds_own_time_and_else_as_it_came() -> None:
    feed = DelayedFeed(Whole(), 900)
    for response, month in ((feed.fetch("GOOGL", "2024-03"), "2024-03"), (feed.newest("GOOGL"), None)):
        assert response == Response("yahoo", "GOOGL", month, {}, 1100.0, b"body", "application/json")
    assert feed.name == "yahoo"


def test_only_a_feed_that_is_stated_to_be_delayed_is_taken_for_one() -> None:
    assert not isinstance(open_source(load(source="sandbox")), DelayedFeed)
    assert isinstance(open_source(load(source="sandbox", feed_delay=900)), DelayedFeed)
