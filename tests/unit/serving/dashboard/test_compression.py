import gzip
from typing import Any

import orjson
import pytest
from flask import Flask, request
from werkzeug.test import TestResponse

from serving.dashboard.compression import send, tag

ANSWER: dict[str, Any] = {
    "bars": [[n, 1.5] for n in range(500)],
    "state": {"now": 1, "producer": {"age": 0.5, "stale": False}},
    "next": "s1",
}


def asked(**headers: str) -> TestResponse:
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: send(request, ANSWER))
    return app.test_client().get("/", headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_an_answer_that_the_client_has_is_not_sent_again() -> None:
    first = asked()
    again = asked(If_None_Match=first.headers["ETag"])
    assert (first.status_code, again.status_code, again.get_data()) == (200, 304, b"")


def test_it_is_packed_for_a_client_that_can_unpack() -> None:
    packed, plain = asked(Accept_Encoding="br, gzip"), asked(Accept_Encoding="gzip;q=0")
    assert packed.content_encoding == "gzip"
    assert len(packed.get_data()) < len(plain.get_data()) / 2
    assert orjson.loads(gzip.decompress(packed.get_data())) == orjson.loads(plain.get_data()) == ANSWER
    assert packed.content_length == len(packed.get_data())


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"next": "s2"}, True),
        ({"state": {"now": 2, "producer": {"age": 9.0, "stale": False}}}, True),
        ({"state": {"now": 1, "producer": {"age": 0.5, "stale": True}}}, False),
        ({"bars": []}, False),
    ],
)
def test_ages_and_cursor_alone_make_no_new_answer(change: dict[str, Any], same: bool) -> None:
    assert (tag(ANSWER | change) == tag(ANSWER)) == same
