import gzip
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from serving.dashboard.app import create_app
from serving.dashboard.headers import policy
from stock_ml.config import load
from stock_ml.errors import BadRows, StoreUnavailable


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return create_app(load(home=tmp_path, source="sandbox", symbols=("GOOGL", "BRK.B"))).test_client()


def test_the_page_names_the_first_symbol_the_zone_and_that_it_is_simulated(client: FlaskClient) -> None:
    page = client.get("/").text
    for words in ('data-symbol="GOOGL"', "America/New_York", "SIMULATED", "Not investment advice"):
        assert words in page


def test_real_data_is_not_called_simulated(tmp_path: Path) -> None:
    page = create_app(load(home=tmp_path, source="alpha_vantage")).test_client().get("/").text
    assert "SIMULATED" not in page
    assert "Not investment advice" in page


@pytest.mark.parametrize("source", ["alpaca", "yahoo"])
def test_the_page_says_what_there_is_to_say_of_the_live_bars(tmp_path: Path, source: str) -> None:
    page = create_app(load(home=tmp_path, source=source)).test_client().get("/").text
    note = ", live from IEX, about 3 % of the volume; settled on the full tape" if source == "alpaca" else ""
    assert f"Source: {source}{note}." in page


def test_the_page_needs_nothing_from_elsewhere_and_no_inline_script(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "style=" not in page
    assert "<script>" not in page
    assert all(part.startswith('"/static/') for part in page.split("src=")[1:])


def test_every_answer_carries_the_headers(client: FlaskClient) -> None:
    for address in ("/", "/data", "/static/dashboard.css", "/nowhere"):
        with client.get(address) as answer:
            headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "unsafe" not in headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/data?symbol=GOOGL", "/static/dashboard.css", "/metrics", "/nowhere"])
def test_another_name_of_the_server_is_refused_before_anything_is_read(client: FlaskClient, path: str) -> None:
    with client.get(path, headers={"Host": "evil.example"}) as answer:
        assert answer.status_code == 400
        assert "STOCKML_TRUSTED_HOSTS" in answer.get_json()["error"]


def test_a_name_that_the_person_gave_is_answered(tmp_path: Path) -> None:
    client = create_app(load(home=tmp_path, source="sandbox", trusted_hosts="stocks.lan, a.b")).test_client()
    assert client.get("/", headers={"Host": "stocks.lan"}).status_code == 200


def test_only_airflow_may_frame_the_page(tmp_path: Path) -> None:
    assert "frame-ancestors 'self' http://127.0.0.1:1 http://localhost:1" in policy(
        load(home=tmp_path, source="sandbox", airflow_port=1)
    )


@pytest.mark.parametrize(("given", "name"), [("limit=0", "limit"), ("until=x", "until"), ("since=s-1", "since")])
def test_a_bad_parameter_is_400_and_named(client: FlaskClient, given: str, name: str) -> None:
    answer = client.get(f"/data?symbol=GOOGL&{given}")
    error = answer.get_json()
    assert (answer.status_code, error["kind"], error["parameter"]) == (400, "bad_parameter", name)


def test_an_unknown_address_is_404_as_json(client: FlaskClient) -> None:
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert (answer.get_json().keys(), answer.get_json()["kind"]) == ({"error", "kind"}, "http_error")


@pytest.mark.parametrize(("error", "kind"), [(StoreUnavailable, "store_unavailable"), (BadRows, "bad_rows")])
def test_rows_that_cannot_be_read_are_not_a_database_that_does_not_answer(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, error: type[StoreUnavailable], kind: str
) -> None:
    def fail() -> int:
        raise error("why")

    monkeypatch.setattr(client.application.extensions["dashboard"].reader, "newest_batch", fail)
    answer = client.get("/data?symbol=GOOGL")
    assert (answer.status_code, answer.get_json()) == (503, {"error": "why", "kind": kind})


def test_files_are_compressed_for_a_client_that_accepts_gzip(client: FlaskClient) -> None:
    file, accepts = "/static/js/main.js", {"Accept-Encoding": "gzip"}
    with client.get(file) as plain, client.get(file, headers=accepts) as small:
        assert (plain.content_encoding, small.content_encoding) == (None, "gzip")
        assert gzip.decompress(small.data) == plain.data
        tag = small.headers["ETag"]
    with client.get(file, headers=accepts | {"If-None-Match": tag}) as known:
        assert known.status_code == 304


def test_a_file_whose_address_names_its_version_is_cached(client: FlaskClient) -> None:
    with client.get("/static/js/main.js?v=1") as cached, client.get("/static/js/main.js") as again:
        assert "immutable" in cached.headers["Cache-Control"]
        assert again.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("query", "symbol"),
    [
        ("", "GOOGL"),
        ("?symbol=BRK.B&range=week", "BRK.B"),
        ("?symbol=BTC/USD", "BTC%2FUSD"),
        ("?symbol=<svg>", None),
        ("?symbol=A&range=all", None),
    ],
)
def test_a_browser_preloads_the_rows_that_the_page_will_request(
    client: FlaskClient, query: str, symbol: str | None
) -> None:
    preload = r'as="fetch" crossorigin="anonymous" href="/data\?symbol=([^"]*)"'
    assert re.findall(preload, client.get(f"/{query}").text) == ([symbol] if symbol else [])
