from pathlib import Path

import pytest

from local.servers.services import settings_environment
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


def test_symbols_of_currencies_coins_pairs_and_futures_are_taken() -> None:
    given = load(symbols="btc-usd,btc/usd,EURUSD=X,GC=F,^GSPC", exchanges="btc/usd:24/7,EURUSD=X:24/5")
    assert given.symbols == ("BTC-USD", "BTC/USD", "EURUSD=X", "GC=F", "^GSPC")
    assert given.exchanges == (("BTC/USD", "24/7"), ("EURUSD=X", "24/5"))


@pytest.mark.parametrize("symbol", ["BTC/", "/USD", "BTC//USD", "BTC/USD/X", "../USD", "BTC/..", "BTC_USD", "BTC/U.S"])
def test_a_slash_stands_between_two_names_of_a_pair_alone(symbol: str) -> None:
    with pytest.raises(BadSetting, match=r"STOCKML_SYMBOLS: .* is no symbol; .* or a pair as BTC/USD"):
        load(symbols=symbol)


def test_a_file_of_a_pair_has_no_slash_in_its_name(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"STOCKML_SYMBOLS: .* for source csv write BTC-USD for BTC/USD"):
        load(source="csv", csv_path=str(tmp_path), symbols="BTC/USD")


def test_a_misspelt_variable_is_refused_with_the_setting_that_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKML_HORZON", "5")
    with pytest.raises(BadSetting, match=r"STOCKML_HORZON is no setting: did you mean STOCKML_HORIZON\?"):
        load(_env_file=None)


def test_a_misspelt_line_of_the_env_file_is_refused_as_well(tmp_path: Path) -> None:
    (file := tmp_path / ".env").write_text("#STOCKML_WINDOWS=1\nstockml_symbol=IBM\nOTHER=1\n")
    with pytest.raises(BadSetting, match=r"STOCKML_SYMBOL is no setting: did you mean STOCKML_SYMBOLS\?"):
        load(_env_file=file)


def test_a_key_with_the_prefix_of_the_others_is_told_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKML_ALPHAVANTAGE_API_KEY", "hidden")
    with pytest.raises(BadSetting, match=r"did you mean ALPHAVANTAGE_API_KEY\?") as error:
        load(_env_file=None)
    assert "hidden" not in str(error.value)


def test_a_name_that_is_like_no_setting_is_refused_without_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKML_XYLOPHONE", "1")
    with pytest.raises(BadSetting, match=r"STOCKML_XYLOPHONE is no setting: \.env\.example lists all"):
        load(_env_file=None)


def test_what_every_program_of_an_installation_gets_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings_environment(load(_env_file=None, window=20))
    for name, value in (given | {"STOCKML_VERSION": "1", "STOCKML_HORZON": ""}).items():
        monkeypatch.setenv(name, value)
    assert load(_env_file=None).window == 20
