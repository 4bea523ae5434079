"""`make up` asks the source before it starts anything: real HTTP, against the sandbox exchange and a chart server."""

import time
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console

from local.source_start import LAST_START, ask_first, gives_bars
from local.up import up
from stock_ml import errors
from stock_ml.cli.installation import CURRENT
from stock_ml.config import Settings
from tests.alpaca import Market, alpaca
from tests.http import answering
from tests.servers import settings_in, tables
from tests.yahoo import serving

NOWHERE = "http://nowhere.invalid"  # such a name is never given to a host


def keyed(sandbox: Settings, key: str, **given: object) -> Settings:
    """Return settings of source alpha_vantage, whose service is the sandbox; a key's name may be a fault's."""
    own = {"source": "alpha_vantage", "alphavantage_api_key": SecretStr(key), "requests_per_minute": 60_000}
    return sandbox.model_copy(update=own | {"alphavantage_url": f"{sandbox.sandbox}/query"} | given)


@pytest.mark.parametrize(
    ("key", "error", "told"),
    [
        ("bad-key", errors.BadKey, "see ALPHAVANTAGE_API_KEY"),
        ("premium", errors.PremiumEndpoint, "use a paid key"),
        ("garbage", errors.InvalidResponse, "neither with JSON nor with CSV"),
    ],
)
def test_what_the_service_refuses_starts_nothing_and_is_told(
    sandbox: Settings, tmp_path: Path, key: str, error: type[errors.SourceError], told: str
) -> None:
    s = keyed(sandbox, key, home=tmp_path)
    with pytest.raises(error, match=rf"(?s){told}.*Nothing was started") as raised:
        up(s, Console())
    assert "SECRET" not in str(raised.value)
    assert not (tmp_path / CURRENT).exists()
    assert not list(s.state.glob("*secrets*"))


def test_a_machine_without_a_network_starts_no_new_installation(tmp_path: Path) -> None:
    with pytest.raises(errors.NoNetwork, match=r"cannot be resolved.*SOURCE=sandbox needs neither"):
        up(settings_in(tmp_path, source="yahoo", yahoo_url=NOWHERE), Console())
    assert not (tmp_path / CURRENT).exists()


def test_symbols_that_the_source_does_not_know_are_named(tmp_path: Path) -> None:
    with answering(serving(time.time())) as address:
        s = settings_in(tmp_path, source="yahoo", yahoo_url=address, symbols="GOOGL,TSLAA")
        with pytest.raises(errors.BadSymbol, match=r"nothing of TSLAA: see SYMBOLS=.*knows no such symbol"):
            ask_first(s, Console())


def test_a_source_that_answers_is_told_in_a_sentence(
    sandbox: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask_first(keyed(sandbox, "SECRETKEY0123456", home=tmp_path, symbols=("GOOGL", "AAPL")), Console(width=500))
    assert capsys.readouterr().out.startswith("source alpha_vantage answers; GOOGL: ")


def test_a_spent_day_stops_nothing(sandbox: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask_first(keyed(sandbox, "daily-limit", home=tmp_path), Console(width=500))
    assert "gives no bars now, and is asked again by itself" in capsys.readouterr().out


def test_a_source_that_pushes_is_connected_to_with_all_symbols_before_anything_is_started(tmp_path: Path) -> None:
    with alpaca(Market(time.time(), limit=2)) as given:
        s = settings_in(tmp_path, source="alpaca", symbols="GOOGL,SPY,THIN", **given)
        with pytest.raises(errors.PremiumEndpoint, match=r"does not allow 3 symbols.*Nothing was started"):
            up(s, Console())
    assert not (tmp_path / CURRENT).exists()


def test_a_connection_that_another_program_has_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with alpaca(market := Market(time.time())) as given:
        market.in_use.set()
        ask_first(settings_in(tmp_path, source="alpaca", symbols="GOOGL", **given), Console(width=500))
    assert "gives no bars now, and is asked again by itself: another program uses" in capsys.readouterr().out


def test_an_installation_that_has_bars_starts_without_a_network_and_says_so(
    postgres: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = {"source": "alpha_vantage", "alphavantage_url": NOWHERE, "alphavantage_api_key": SecretStr("x")}
    s = postgres.model_copy(update={**own, "home": tmp_path})
    tables(s)
    s.state.mkdir(parents=True)
    (s.state / LAST_START).write_text("{}")
    ask_first(s, Console())
    assert capsys.readouterr().out == ""
    assert not gives_bars(s, s.symbols, Console(width=500))
    assert "cannot be resolved" in (told := capsys.readouterr().out)
    assert "What is stored is shown" in told


def test_a_new_symbol_that_is_unknown_is_told_and_the_others_go_on(
    postgres: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables(postgres)
    with answering(serving(time.time())) as address:
        own = {"source": "yahoo", "yahoo_url": address, "symbols": ("GOOGL", "TSLAA"), "home": tmp_path}
        s = postgres.model_copy(update=own)
        assert gives_bars(s, ("GOOGL",), Console(width=500))
        assert "source yahoo has nothing of TSLAA" in capsys.readouterr().out
        assert gives_bars(s, ("GOOGL", "TSLAA"), Console(width=500))
        assert capsys.readouterr().out == ""
