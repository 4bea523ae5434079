import gzip
from collections.abc import Callable

import orjson
import pytest
from flask import Flask, request
from msgspec import structs
from werkzeug.test import TestResponse

from serving.dashboard.compression import etag, respond
from serving.dashboard.responses import Data, ServiceStatus, encode
from serving.dashboard.status import Links, installation_state
from stock_ml.adapters.postgres.connection import ServiceState
from stock_ml.adapters.postgres.reader import Monitoring

T = 1_709_303_400_000  # 2024-03-01 14:30 UTC
BARS = [(T + 60_000 * n, 1.0, 2.0, 0.5, 1.5, 10.0, False) for n in range(500)]
STATE = installation_state({"producer": ServiceState({"now": 1.0}, 0.5)}, Monitoring(None, None), Links("", ""))
DATA = Data("GOOGL", True, "sandbox", True, BARS, [], STATE, "b1")


def response(**headers: str) -> TestResponse:
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: respond(request, DATA))
    return app.test_client().get("/", headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_body_that_the_client_has_is_not_sent_again() -> None:
    first = response()
    again = response(If_None_Match=first.headers["ETag"])
    assert (first.status_code, again.status_code, again.get_data()) == (200, 304, b"")


def test_it_is_compressed_for_a_client_that_accepts_gzip() -> None:
    small, plain = response(Accept_Encoding="br, gzip"), response(Accept_Encoding="gzip;q=0")
    assert small.content_encoding == "gzip"
    assert len(small.get_data()) < len(plain.get_data()) / 2
    assert gzip.decompress(small.get_data()) == plain.get_data() == encode(DATA)
    assert small.content_length == len(small.get_data())


def with_producer(data: Data, *, age: float, stale: bool) -> Data:
    producer = ServiceStatus(seen=True, age=age, stale=stale, waiting=None, lag=None)
    return structs.replace(data, state=structs.replace(data.state, now=2, last_bar_age=7.0, producer=producer))


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda data: structs.replace(data, next="b2"), True),
        (lambda data: with_producer(data, age=9.0, stale=False), True),
        (lambda data: with_producer(data, age=0.5, stale=True), False),
        (lambda data: structs.replace(data, bars=[]), False),
    ],
)
def test_ages_and_cursor_alone_make_no_new_etag(change: Callable[[Data], Data], same: bool) -> None:
    assert (etag(change(DATA)) == etag(DATA)) == same


def test_a_body_is_the_json_of_its_fields_in_their_order() -> None:
    assert list(orjson.loads(encode(DATA))) == [
        "symbol", "simulated", "source", "whole", "bars", "forecasts", "state", "next",
    ]  # fmt: skip
    assert orjson.loads(encode(DATA))["bars"][0] == list(BARS[0])
