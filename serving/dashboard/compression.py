"""Send no more than is needed: 304 where the client has the body, and gzip where it accepts that.

docs/decisions/0002-own-compression.md says why this is not Flask-Compress.
"""

import gzip
from functools import lru_cache
from hashlib import sha256

from flask import Flask, Request, Response, request

from serving.dashboard.responses import Body, encode

FILES = 64  # that are cached as gzip
WORTH_IT = 1400  # bytes: what fits one packet is sent as it is
LEVEL = 4


def respond(request: Request, body: Body) -> Response:
    """Return a body as JSON, or 304 where its rows and states are those that `If-None-Match` names.

    The ETag is a weak one: ages that grow by the second alone make no new body.
    """
    response = Response(encode(body), mimetype="application/json")
    response.set_etag(etag(body), weak=True)
    response.vary.add("Accept-Encoding")
    response.cache_control.no_cache = True
    response.make_conditional(request)
    if response.status_code == 200 and request.accept_encodings["gzip"] > 0:
        _compress(response)
    return response


def etag(body: Body) -> str:
    """Return what identifies a body apart from its ages and its cursor."""
    return sha256(encode(body.without_ages())).hexdigest()[:32]


def compress_files(app: Flask) -> None:
    """Send the application's static files as gzip where the client accepts that; each is compressed once."""

    @app.after_request
    def compress(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code == 200:
            response.vary.add("Accept-Encoding")
            if request.accept_encodings["gzip"] > 0:
                response.direct_passthrough = False
                response.set_data(_gzip(response.get_data()))
                response.content_encoding = "gzip"
        return response


@lru_cache(FILES)
def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _compress(response: Response) -> None:
    body = response.get_data()
    if len(body) > WORTH_IT:
        response.set_data(gzip.compress(body, LEVEL, mtime=0))
        response.content_encoding = "gzip"
