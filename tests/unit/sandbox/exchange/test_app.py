"""The sandbox answers as Alpha Vantage does, at its own time."""

import orjson
import pytest

from sandbox.exchange.app import create_app
from stock_ml.config import load
from stock_ml.domain.bars import Bar
from stock_ml.domain.calendar import sessions
from stock_ml.sources.parsing import Response, bars_of, detect_convention, parse

XNYS = sessions("XNYS")
OPEN = 1_709_303_400  # 2024-03-01 09:30 in New York, where its clock starts
ASK = {"function": "TIME_SERIES_INTRADAY", "interval": "1min", "symbol": "GOOGL", "apikey": "any"}


@pytest.fixture
def client(tmp_path):
    app = create_app(load(source="sandbox", home=tmp_path, sandbox_faults=True))
    client = app.test_client()
    client.post("/clock", json={"paused": True})
    return client


def at(client, ts: int):
    """Return the client of an exchange whose paused clock was moved on to `ts`."""
    now = client.get("/clock").json["market"]
    assert client.post("/clock", json={"advance": ts - now}).json["market"] == pytest.approx(ts, abs=1e-3)
    return client


def rows(client, **asked: str):
    return parse(client.get("/query", query_string=ASK | asked).data, "the sandbox")


def bars(client) -> list[Bar]:
    answer = client.get("/query", query_string=ASK | {"extended_hours": "false"})
    at = float(answer.headers["X-Market-Time"])
    return bars_of(Response("sandbox", "GOOGL", None, {}, at, answer.data, ""), "start", XNYS)


def test_requests_are_counted_by_key_refused_ones_too(client):
    assert client.get("/answered").json == {}
    rows(client)
    client.get("/query", query_string=ASK | {"symbol": "no such"})
    client.get("/query", query_string=ASK | {"apikey": "other"})
    client.get("/clock")
    assert client.get("/answered").json == {"any": 2, "other": 1}


def test_a_compact_answer_is_the_last_hundred_bars_newest_first(client):
    found = rows(client)
    assert len(found) == 100
    assert found["label"].is_monotonic_decreasing
    assert str(found["label"][0]) == "2024-03-01 09:30:00"


def test_a_month_is_whole_labelled_by_bar_start_and_the_same_in_both_formats(client):
    month = {"month": "2024-02", "outputsize": "full"}
    found = rows(client, **month)
    assert set(found["label"].dt.strftime("%Y-%m")) == {"2024-02"}
    assert found["label"].dt.date.nunique() == 20
    assert detect_convention(found, XNYS) == "start"
    assert rows(client, **month, datatype="csv").equals(found)


def test_extended_hours_can_be_left_out(client):
    month = {"month": "2024-02", "outputsize": "full"}
    regular = rows(client, **month, extended_hours="false")
    assert regular["label"].dt.strftime("%H:%M").between("09:30", "15:59").all()
    assert len(regular) < len(rows(client, **month))


def test_the_last_thirty_days_come_without_a_month(client):
    days = rows(client, outputsize="full")["label"].dt.date
    assert (str(days.min()), str(days.max())) == ("2024-01-31", "2024-03-01")


def test_history_reaches_back_to_2000(client):
    assert str(rows(client, month="2000-01", outputsize="full")["label"].min()).startswith("2000-01-03")


@pytest.mark.parametrize(
    "asked",
    [
        {"symbol": ""},
        {"symbol": "no such symbol"},
        {"interval": "7min"},
        {"function": "NOTHING"},
        {"month": "2024-13"},
        {"month": "2024-04"},
        {"month": "1999-12"},
        {"symbol": "../../x"},
        {"symbol": "A" * 300},
        {"outputsize": "huge"},
        {"extended_hours": "no"},
        {"adjusted": "maybe"},
        {"datatype": "xml"},
        {"entitlement": "all"},
    ],
)
def test_a_call_that_makes_no_sense_gets_the_services_own_words(client, asked):
    answer = client.get("/query", query_string=ASK | asked)
    assert answer.status_code == 200
    assert answer.json["Error Message"].startswith("Invalid API call.")


def test_a_delayed_answer_is_a_quarter_of_an_hour_behind(client):
    at(client, OPEN + 3600)
    newest, delayed = (rows(client, entitlement=which)["label"].max() for which in ("realtime", "delayed"))
    assert 10 <= (newest - delayed).total_seconds() / 60 <= 20


def test_nothing_after_its_clock_is_shown_and_the_bar_still_forming_is(client):
    at(client, OPEN + 150)
    now = client.get("/clock").json["market"]
    newest = bars(client)[-1]
    assert newest.ts + 60 <= now < newest.ts + 60 + 600
    shown = rows(client)["label"].max().tz_localize(XNYS.zone).timestamp()
    assert newest.ts <= shown <= now


def test_a_finished_bar_never_changes_again(client):
    at(client, OPEN + 600)
    before = {bar.ts: bar for bar in bars(client)}
    at(client, OPEN + 1200)
    after = {bar.ts: bar for bar in bars(client)}
    assert len(after) == len(before) == len(bars(client))
    assert all(after[ts] == bar for ts, bar in before.items() if ts in after)


BAR = {"symbol": "GOOGL", "ts": OPEN - 86_400, "open": 10, "high": 12, "low": 9, "close": 11, "volume": 7}


def test_a_bar_put_in_by_hand_takes_the_simulated_ones_place_and_outlives_a_restart(client, tmp_path):
    bar = {**BAR, "ts": OPEN}
    assert client.post("/bars", json=bar).status_code == 200
    again = create_app(load(source="sandbox", home=tmp_path)).test_client()
    for one in (client, again):
        at(one, OPEN + 120)
        assert Bar(**bar, source="sandbox") in bars(one)


@pytest.mark.parametrize(
    "wrong", [{"ts": OPEN + 1}, {"ts": OPEN - 60}, {"ts": 10**30}, {"high": 5}, {"close": "x"}, {"symbol": "a b"}]
)
def test_a_bar_that_breaks_a_rule_is_refused(client, wrong):
    assert client.post("/bars", json={**BAR, **wrong}).status_code == 400
    assert client.post("/bars", json={"symbol": "GOOGL"}).status_code == 400
    assert client.post("/bars", json=[1]).status_code == 400


@pytest.mark.parametrize(
    "wrong", [{"paused": "yes"}, {"speed": 0}, {"speed": "fast"}, {"speed": True}, {"advance": -1}]
)
def test_the_clock_refuses_what_it_cannot_be_set_to(client, wrong):
    assert client.post("/clock", json=wrong).status_code == 400


def test_a_foreign_page_cannot_set_the_clock_with_a_plain_form(client):
    assert client.post("/clock", data={"paused": "true"}).status_code == 415


def test_the_page_says_simulated_and_shows_time_and_prices(client):
    page = client.get("/").text
    assert "SIMULATED" in page
    assert "2024-03-01 09:3" in page
    assert "NVDA" in page


def test_the_error_keys_give_the_services_error_bodies(client):
    for key, name in (("", "Error Message"), ("premium", "Information"), ("burst", "Information")):
        assert name in client.get("/query", query_string=ASK | {"apikey": key}).json
    assert orjson.loads(client.get("/query", query_string=ASK | {"apikey": "empty"}).data) == {}


@pytest.mark.parametrize("path", ["/clock", "/bars", "/faults", "/plans"])
@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "http://localhost:9"}]
)
def test_a_foreign_page_changes_nothing(client, path: str, headers: dict[str, str]) -> None:
    before = client.get("/clock").json["paused"], client.get("/faults").json
    body = {"paused": False, "kind": "empty", "key": "any"}
    assert client.post(path, json=body, headers=headers).status_code in (400, 403)
    assert (client.get("/clock").json["paused"], client.get("/faults").json) == before


def test_the_exchange_is_asked_by_the_name_of_its_own_address(tmp_path) -> None:
    s = load(source="sandbox", home=tmp_path, sandbox_url="http://sandbox:8603")
    assert create_app(s).test_client().get("/clock", headers={"Host": "sandbox:8603"}).status_code == 200
