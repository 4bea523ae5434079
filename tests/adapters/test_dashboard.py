"""The dashboard's responses, with a real PostgreSQL and without one, match the OpenAPI document."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from serving.dashboard import app as application
from serving.dashboard.openapi import document
from stock_ml.adapters.postgres.store import BarRow, ForecastRow, ForecastStore
from stock_ml.config import Settings, load
from stock_ml.domain.symbols import folder_of
from tests.servers import tables

T = 1_709_303_400  # 2024-03-01 09:30 in New York
DOCUMENT: dict[str, Any] = document()
BOUNDS = (99.0, 101.0, 98.0, 102.0, 97.0, 103.0)


@pytest.fixture(params=["", "/USD"], ids=["share", "pair"])
def symbol(request: pytest.FixtureRequest, postgres: Settings) -> str:
    """A symbol with two bars, a forecast of the second one, and services that reported."""
    tables(postgres)
    name = f"D{uuid4().hex[:8].upper()}{request.param}"
    bars = [BarRow(name, T + 60 * m, 1.0, 2.0, 0.5, 100.0, 10.0, False, "sandbox", False) for m in range(2)]
    forecast = ForecastRow(name, T, 1, T + 60, "2024-03-01", 100.0, 100.5, *BOUNDS, "1", 0.0, T + 61.0, False)
    with closing(ForecastStore.connect(postgres)) as store:
        store.store(bars, [forecast])
        store.write_state("producer", {"now": T + 120.0, "market_open": True, "next_change": T + 600.0})
        store.write_state("consumer", {"model_version": "1", "run_id": "a", "waiting": None, "lag": 0})
    return name


@pytest.fixture
def client(postgres: Settings) -> Iterator[FlaskClient]:
    app = application.create_app(postgres)
    yield app.test_client()
    app.extensions["dashboard"].reader.close()


@pytest.fixture
def unavailable(tmp_path: Path) -> FlaskClient:
    """A dashboard whose PostgreSQL does not answer."""
    away = "postgresql://stockml:sesame@127.0.0.1:1"
    return application.create_app(load(home=tmp_path, source="sandbox", postgres_url=away)).test_client()


def is_as_described(path: str, answer: TestResponse) -> None:
    described = DOCUMENT["paths"][path]["get"]["responses"][str(answer.status_code)]["content"]["application/json"]
    Draft202012Validator(described["schema"] | {"components": DOCUMENT["components"]}).validate(answer.json)


def test_data_is_as_described_and_sent_once(client: FlaskClient, symbol: str) -> None:
    answer = client.get(f"/data?symbol={symbol}")
    is_as_described("/data", answer)
    assert answer.json is not None
    assert (len(answer.json["bars"]), len(answer.json["forecasts"])) == (2, 1)
    again = client.get(f"/data?symbol={symbol}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    news = client.get(f"/data?symbol={symbol}&since={answer.json['next']}")
    is_as_described("/data", news)
    assert news.json is not None
    assert (news.json["whole"], news.json["bars"]) == (False, [])


def test_the_same_rows_are_served_as_csv(client: FlaskClient, symbol: str) -> None:
    answer = client.get(f"/data.csv?symbol={symbol}&since={T * 1000}")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{folder_of(symbol)}.csv"'
    assert [line.split(",")[0] for line in answer.text.splitlines()] == [
        "time",
        "2024-03-01T14:30:00Z",
        "2024-03-01T14:31:00Z",
    ]
    for query, status in (("symbol=NONE", 404), (f"symbol={symbol}&since=b1", 400)):
        answer = client.get(f"/data.csv?{query}")
        assert answer.status_code == status
        is_as_described("/data.csv", answer)


@pytest.mark.parametrize("path", ["/symbols", "/readyz", "/healthz"])
def test_other_answers_are_as_described(client: FlaskClient, symbol: str, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    is_as_described(path, answer)


def test_a_requested_symbol_has_the_closes_of_its_day(client: FlaskClient, symbol: str) -> None:
    answer = client.get(f"/symbols?symbol={symbol}&symbol=NONE")
    is_as_described("/symbols", answer)
    assert answer.json is not None
    assert answer.json["symbols"] == [
        [symbol, (T + 60) * 1000, 100.0, None, None, None, False, [100.0]],
        ["NONE", None, None, None, None, None, False, []],
    ]
    many = client.get("/symbols?" + "&".join(f"symbol=S{n}" for n in range(101)))
    assert many.status_code == 400
    is_as_described("/symbols", many)


@pytest.mark.parametrize(
    ("query", "status"), [("symbol=NONE", 404), ("symbol=GOOGL&limit=0", 400), ("symbol=GOOGL&since=x", 400)]
)
def test_a_bad_query_is_refused_as_described(client: FlaskClient, symbol: str, query: str, status: int) -> None:
    for path in ("/data", "/stream") if "limit" not in query else ("/data",):
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == status
        is_as_described(path, answer)


def test_a_head_request_of_the_stream_adds_no_viewer(client: FlaskClient, symbol: str) -> None:
    answer = client.head(f"/stream?symbol={symbol}")
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    assert client.application.extensions["dashboard"].hub.viewers.count() == 0


@pytest.mark.parametrize(
    ("path", "status"), [("/data", 503), ("/stream", 503), ("/symbols", 503), ("/readyz", 503), ("/healthz", 200)]
)
def test_without_postgresql_it_names_the_fault_and_no_secret(unavailable: FlaskClient, path: str, status: int) -> None:
    answer = unavailable.get(f"{path}?symbol=GOOGL")
    assert answer.status_code == status
    is_as_described(path, answer)
    assert "127.0.0.1:1 does not answer" in answer.text
    assert "sesame" not in answer.text + unavailable.get("/metrics").text
