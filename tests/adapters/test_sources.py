"""What holds for every source, each in its real form: the sandbox over HTTP, files, answers as Yahoo and Alpaca."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr

from stock_ml import errors
from stock_ml.cleaning.rules import CleaningParameters, clean
from stock_ml.config import Settings
from stock_ml.domain.bars import COLUMNS, epoch, validate
from stock_ml.domain.calendar import Sessions, sessions
from stock_ml.source_plugins import BUILT_IN
from stock_ml.sources.alpaca import Alpaca
from stock_ml.sources.crypto import Crypto
from stock_ml.sources.parsing import detect_convention, place, read
from stock_ml.sources.plugin import Source
from stock_ml.sources.registry import open_source
from stock_ml.sources.yahoo import Yahoo
from tests import crypto, yahoo
from tests.alpaca import KEY, SECRET, Market
from tests.http import answering

XNYS = sessions("XNYS")
NOW = float(np.datetime64("2024-03-13T15:30:20", "s").astype(int))


@dataclass(frozen=True)
class Form:
    """Hold a source that answers, a symbol and month that it has, and a symbol and month without bars."""

    source: Source
    has: tuple[str, str]
    lacks: tuple[str, str]
    calendar: Sessions = XNYS


def sandbox_form(s: Settings, _: Path, __: str) -> Form:
    return Form(open_source(s), ("GOOGL", "2024-02"), ("GOOGL", "2031-02"))


def alpha_vantage_form(s: Settings, _: Path, __: str) -> Form:
    own = {"source": "alpha_vantage", "alphavantage_api_key": SecretStr("a key"), "requests_per_minute": 60_000}
    source = open_source(s.model_copy(update=own | {"alphavantage_url": f"{s.sandbox}/query"}))
    return Form(source, ("GOOGL", "2024-02"), ("GOOGL", "2031-02"))


def csv_form(s: Settings, folder: Path, _: str) -> Form:
    response = open_source(s.model_copy(update={"alphavantage_datatype": "csv"})).fetch("AAPL", "2024-02")
    (folder / "AAPL_2024-02.csv").write_bytes(response.body)
    source = open_source(s.model_copy(update={"source": "csv", "csv_path": folder}))
    return Form(source, ("AAPL", "all"), ("MSFT", "all"))


def yahoo_form(s: Settings, _: Path, address: str) -> Form:
    source = open_source(s.model_copy(update={"source": "yahoo", "yahoo_url": address}))
    assert isinstance(source, Yahoo)
    source.now = lambda: NOW
    return Form(source, ("GOOGL", "2024-03"), ("GOOGL", "2023-02"))


def alpaca_form(s: Settings, _: Path, address: str) -> Form:
    own = {"source": "alpaca", "alpaca_key": SecretStr(KEY), "alpaca_secret": SecretStr(SECRET)}
    source = open_source(s.model_copy(update=own | {"alpaca_url": address}))
    assert isinstance(source, Alpaca)
    source.now = lambda: NOW
    return Form(source, ("GOOGL", "2024-03"), ("GOOGL", "2031-02"))


def crypto_form(s: Settings, _: Path, address: str) -> Form:
    own = {"source": "crypto", "crypto_url": address, "exchange": "24/7", "symbols": ("BTC/USD",)}
    source = open_source(s.model_copy(update=own))
    assert isinstance(source, Crypto)
    source.now = lambda: NOW
    return Form(source, ("BTC/USD", "2024-03"), ("BTC/USD", "2031-02"), sessions("24/7"))


def charts_and_candles(request: BaseHTTPRequestHandler) -> None:
    """Answer as Yahoo, Alpaca and Coinbase."""
    if request.path.startswith("/v2/"):
        Market(NOW).answer(request)
        return
    of_coins = request.path.startswith(crypto.PATHS["coinbase"])
    (crypto.serving(crypto.market("coinbase", NOW)) if of_coins else yahoo.serving(NOW))(request)


FORMS: dict[str, Callable[[Settings, Path, str], Form]] = {
    "sandbox": sandbox_form,
    "alpha_vantage": alpha_vantage_form,
    "yahoo": yahoo_form,
    "alpaca": alpaca_form,
    "crypto": crypto_form,
    "csv": csv_form,
}


def test_every_source_of_the_settings_is_in_the_table_and_is_tried_here():
    assert set(FORMS) == set(BUILT_IN)


@pytest.fixture(params=FORMS)
def form(request, sandbox: Settings, tmp_path: Path) -> Iterator[Form]:
    with answering(charts_and_candles) as address:
        yield FORMS[request.param](sandbox, tmp_path, address)


def bars_in(form: Form) -> pd.DataFrame:
    response = form.source.fetch(*form.has)
    rows = read(response)
    placed = place(rows, detect_convention(rows, form.calendar), form.calendar)
    rules = CleaningParameters(form.calendar, 15, response.fetched_at)
    return clean(placed, response.symbol, response.source, rules).bars


def test_its_bars_are_stamped_with_their_opens_in_utc_ascending_and_unique(form):
    bars = validate(bars_in(form))
    ts = epoch(bars["ts"])
    number = form.calendar.number(ts)
    assert list(bars.columns) == COLUMNS
    assert set(bars["source"]) == {form.source.name}
    assert set(bars["symbol"]) == {form.has[0]}
    assert len(ts) > 2000
    assert (np.diff(ts) > 0).all()
    assert (number >= 0).all()
    whole = [n for n in np.unique(number)[:-1] if (ts == form.calendar.opens[n]).any()]
    assert len(whole) >= 0.8 * len(np.unique(number)[:-1])
    assert form.calendar.is_continuous or not np.isin(form.calendar.closes, ts).any()


def test_an_answer_says_where_it_is_from_and_holds_what_can_be_read_again(form):
    response = form.source.fetch(*form.has)
    assert (response.source, response.symbol, response.month) == (form.source.name, *form.has)
    assert response.request
    assert response.body
    assert form.has[0] in response.where
    assert "a key" not in repr(response)


def test_a_month_without_bars_is_none(form):
    with pytest.raises(errors.NoBars):
        form.source.fetch(*form.lacks)
