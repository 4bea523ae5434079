"""What can be changed at the exchange while it runs, and what it refuses."""

from unittest.mock import ANY

import orjson
import pytest

from sandbox.exchange.app import create_app
from sandbox.exchange.error_messages import BODIES
from stock_ml.config import load
from stock_ml.domain.calendar import sessions

ASK = {"function": "TIME_SERIES_INTRADAY", "interval": "1min", "symbol": "GOOGL", "apikey": "mine"}


@pytest.fixture
def client(tmp_path):
    client = create_app(load(source="sandbox", home=tmp_path, sandbox_faults=True)).test_client()
    client.post("/clock", json={"paused": True})
    return client


def test_the_clock_is_moved_on_by_open_market_and_skips_the_night(client):
    opened = client.get("/clock").json["market"]
    on_monday = client.post("/clock", json={"advance": 390 * 60 + 120 + 60}).json["market"]
    assert on_monday == pytest.approx(opened + 3 * 86_400 + 60, abs=1)
    assert client.get("/clock").json == client.post("/clock", json={"advance": 0}).json | {"wall": ANY}


def test_the_clock_is_not_moved_beyond_the_sessions_that_are_known(tmp_path):
    last = str(sessions("XNYS").dates[-2])
    client = create_app(load(source="sandbox", home=tmp_path, sandbox_start=last)).test_client()
    before = client.post("/clock", json={"paused": True}).json["market"]
    refused = client.post("/clock", json={"advance": 86_400})
    assert refused.status_code == 400
    assert "advance: " in refused.text
    assert client.get("/clock").json["market"] == before


def ask(client, **asked: str):
    return client.get("/query", query_string=ASK | asked)


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("datatype", ["json", "csv"])
def test_each_refusal_is_json_and_http_200_by_the_keys_name_or_by_request(client, kind, datatype):
    by_name = ask(client, apikey=kind, datatype=datatype)
    client.post("/faults", json={"kind": kind, "times": 1})
    set_before = ask(client, apikey=kind, datatype=datatype)
    assert by_name.status_code == set_before.status_code == 200
    assert by_name.json == set_before.json == orjson.loads(by_name.data)
    assert "X-Market-Time" in by_name.headers


def test_the_daily_limit_echoes_the_key(client):
    client.post("/faults", json={"kind": "daily-limit", "key": "mine", "times": 1})
    assert "API key as mine and" in ask(client).json["Information"]
    assert "Meta Data" in ask(client).json


def test_a_truncated_answer_is_half_of_the_sound_one(client):
    client.post("/faults", json={"kind": "truncated", "times": 1})
    half, whole = ask(client).data, ask(client).data
    assert whole.startswith(half)
    assert len(half) == len(whole) // 2


def test_garbage_is_html_and_a_huge_answer_is_as_large_as_asked_for(client):
    client.post("/faults", json={"kind": "garbage", "times": 1})
    assert ask(client).content_type.startswith("text/html")
    client.post("/faults", json={"kind": "huge", "mebibytes": 2, "times": 1})
    assert len(ask(client).data) == pytest.approx(2 * 2**20, rel=0.05)


def test_a_slow_answer_comes_whole(client):
    sound = ask(client).data
    client.post("/faults", json={"kind": "slow", "seconds": 0.01, "times": 1})
    assert ask(client).data == sound


def test_faults_are_listed_and_taken_back(client):
    client.post("/faults", json={"kind": "http-500"})
    assert [ask(client).status_code, client.get("/faults").json["*"]["kind"]] == [500, "http-500"]
    assert client.post("/faults", json={"kind": None}).json == {}
    assert ask(client).status_code == 200


def test_a_plan_refuses_in_the_services_words(client):
    client.post("/plans", json={"key": "mine", "a_minute": 1})
    assert "Meta Data" in ask(client).json
    assert "per second" in ask(client).json["Information"]
    client.post("/plans", json={"key": "mine", "a_day": 0})
    assert "requests per day" in ask(client).json["Information"]


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/faults", {"kind": "no such"}),
        ("/faults", {"kind": 5}),
        ("/faults", {}),
        ("/faults", {"kind": "slow", "seconds": 1e9}),
        ("/faults", {"kind": "slow", "seconds": "long"}),
        ("/faults", {"kind": "huge", "mebibytes": 10**6}),
        ("/faults", {"kind": "empty", "times": 0}),
        ("/plans", {"key": "a", "a_minute": -1}),
        ("/plans", {"a_minute": 1}),
        ("/clock", {"speed": 1, "start": 5}),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(client, path, wrong):
    refused = client.post(path, json=wrong)
    assert refused.status_code == 400
    assert client.get("/faults").json == {}


@pytest.mark.parametrize("path", ["/clock", "/faults", "/plans", "/bars"])
def test_a_form_on_a_foreign_page_changes_nothing(client, path):
    assert client.post(path, data={"kind": "empty", "paused": "true"}).status_code == 415


def test_the_page_runs_no_script_but_its_own_and_says_what_is_simulated(client):
    page = client.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    for text in ("SIMULATED", "realistic", "2024-03-01 09:3", "NVDA"):
        assert text in page.text
    assert "<style" not in page.text
    assert "onclick" not in page.text
    for name in ("page.css", "page.js"):
        with client.get(f"/static/{name}") as static:
            assert static.status_code == 200
    assert set(client.get("/prices").json) == {"GOOGL", "AAPL", "AMZN", "MSFT", "NVDA"}


def test_no_fault_can_be_asked_for_unless_a_setting_enables_them(tmp_path):
    client = create_app(load(source="sandbox", home=tmp_path)).test_client()
    refused = client.post("/faults", json={"kind": "http-500"})
    assert (refused.status_code, client.get("/faults").status_code) == (403, 403)
    assert "STOCKML_SANDBOX_FAULTS=true" in refused.text
    assert ask(client, apikey="http-500").status_code == 200
    assert "Meta Data" in ask(client, apikey="bad-key").json
