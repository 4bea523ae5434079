"""Send no more than is needed: nothing where the client has it already, packed where it can unpack."""

import gzip
from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson
from flask import Request, Response

FILES = 64  # that are kept packed
WORTH_IT = 1400  # bytes: what fits one packet is sent as it is
LEVEL = 4
AGEING = ("now", "last_bar_age", "age")


def send(request: Request, answer: dict[str, Any]) -> Response:
    """Return an answer as JSON, or 304 where its rows and states are those that `If-None-Match` names.

    The tag is a weak one: ages that grow by the second alone make no new answer.
    """
    response = Response(orjson.dumps(answer), mimetype="application/json")
    response.set_etag(tag(answer), weak=True)
    response.vary.add("Accept-Encoding")
    response.cache_control.no_cache = True
    response.make_conditional(request)
    if response.status_code == 200 and request.accept_encodings["gzip"] > 0:
        _pack(response)
    return response


def pack_file(request: Request, response: Response) -> None:
    """Pack a whole file where the client can unpack it."""
    if response.status_code != 200:
        return
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] > 0:
        response.direct_passthrough = False
        response.set_data(_packed(response.get_data()))
        response.content_encoding = "gzip"


@lru_cache(FILES)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def tag(answer: dict[str, Any]) -> str:
    """Return what names an answer apart from its ages and its cursor."""
    lasting = {name: value for name, value in answer.items() if name != "next"}
    return sha256(orjson.dumps(_without_ages(lasting))).hexdigest()[:32]


def _without_ages(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_ages(each) for name, each in value.items() if name not in AGEING}


def _pack(response: Response) -> None:
    body = response.get_data()
    if len(body) > WORTH_IT:
        response.set_data(gzip.compress(body, LEVEL, mtime=0))
        response.content_encoding = "gzip"
