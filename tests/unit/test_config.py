from pathlib import Path

import pytest

from stock_ml.config import Settings, load
from stock_ml.errors import BadSetting

NAMES = ("kafka_topic", "mlflow_model", "mlflow_experiment")


def named(**given: object) -> tuple[object, ...]:
    s = Settings(_env_file=None, **given)  # type: ignore[arg-type]  # as the environment gives them
    return tuple(getattr(s, name) for name in NAMES)


def test_what_is_started_here_holds_one_source_and_needs_no_name_of_it() -> None:
    assert named(source="sandbox") == named(source="alpha_vantage") == ("stockml", "stock-close", "stock_ml")


@pytest.mark.parametrize(("source", "suffix"), [("sandbox", "sandbox"), ("alpha_vantage", "alpha-vantage")])
def test_on_brought_servers_each_source_has_names_of_its_own(source: str, suffix: str) -> None:
    assert named(source=source, kafka_servers="k:9092") == (f"stockml-{suffix}", "stock-close", "stock_ml")
    own = ("stockml", f"stock-close-{suffix}", f"stock_ml-{suffix}")
    assert named(source=source, mlflow_url="http://m") == own


def test_a_name_that_is_given_is_taken() -> None:
    given = {"kafka_topic": "bars", "mlflow_model": "m", "mlflow_experiment": "e"}
    brought = {"kafka_servers": "k:9092", "mlflow_url": "http://m", "csv_path": Path("bars.csv")}
    assert named(source="csv", **given, **brought) == ("bars", "m", "e")


@pytest.mark.parametrize(
    ("given", "delay"),
    [
        ({}, 0),
        ({"alphavantage_entitlement": "realtime"}, 0),
        ({"alphavantage_entitlement": "delayed"}, 900),
        ({"alphavantage_entitlement": "delayed", "feed_delay": "1200"}, 1200),
        ({"source": "yahoo", "feed_delay": "900"}, 900),
        ({"source": "yahoo", "alphavantage_entitlement": "delayed"}, 0),  # it is of another service
    ],
)
def test_a_plan_of_delayed_bars_says_by_how_much(given: dict[str, str], delay: int) -> None:
    s = Settings(_env_file=None, **{"source": "alpha_vantage", **given})  # type: ignore[arg-type]
    assert s.feed_delay == delay


def test_symbols_of_currencies_coins_and_futures_are_taken_and_a_slash_is_explained() -> None:
    given = load(symbols="btc-usd,EURUSD=X,GC=F,^GSPC", exchanges="btc-usd:24/7,EURUSD=X:24/5")
    assert given.symbols == ("BTC-USD", "EURUSD=X", "GC=F", "^GSPC")
    assert given.exchanges == (("BTC-USD", "24/7"), ("EURUSD=X", "24/5"))
    with pytest.raises(BadSetting, match=r"STOCKML_SYMBOLS: .* would part keys in S3 .*: write BTC-USD for BTC/USD"):
        load(symbols="BTC/USD")
