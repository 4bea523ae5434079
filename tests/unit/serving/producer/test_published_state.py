from serving.common.decode_bars import decode_each
from serving.producer.published_state import recent
from stock_ml.adapters.broker import encode_bar, encode_official_close
from stock_ml.domain.official_close import OfficialClose
from tests.unit.serving.streams import CONFIG, day, minute

BARS = day()


def test_a_message_that_the_consumer_would_reject_was_not_published() -> None:
    foreign = [
        BARS[50]._replace(source="alpha_vantage"),
        BARS[51]._replace(symbol="MSFT"),
        BARS[0]._replace(ts=minute(-5)),
    ]
    values = [encode_bar(bar) for bar in (*BARS[:3], *foreign)]
    found = recent(decode_each([*values, b"{}", None], CONFIG), CONFIG, minute(300))
    assert {symbol: known.newest for symbol, known in found.items()} == {"GOOGL": minute(2), "AAPL": None}


def test_a_bar_of_the_future_was_not_published_by_the_producer() -> None:
    found = recent([*BARS[:3], BARS[200]], CONFIG, minute(3))
    assert found["GOOGL"].newest == minute(2)
    assert recent(BARS[:3], CONFIG, minute(3) - 1)["GOOGL"].newest == minute(1)


def test_the_order_of_the_messages_does_not_matter() -> None:
    found = recent([BARS[7], BARS[5], BARS[5], *BARS[2:4]], CONFIG, minute(300))["GOOGL"]
    assert [i for i in range(10) if found.unpublished(BARS[i])] == [4, 6, 8, 9]


def test_an_official_close_that_was_published_is_known_beside_the_bars() -> None:
    close = OfficialClose("GOOGL", minute(390), 101.0, 0.0, "sandbox")
    values = [*(encode_bar(bar) for bar in BARS[380:]), encode_official_close(close)]
    found = recent(decode_each(values, CONFIG), CONFIG, minute(391))["GOOGL"]
    assert (found.newest, found.newest_close) == (minute(389), minute(390))
    assert not found.is_unpublished_close(close, first=0)
    assert recent([close], CONFIG, minute(391) - 1)["GOOGL"].newest_close is None
