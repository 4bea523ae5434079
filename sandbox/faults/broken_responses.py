"""Answers that are none: HTML, half a body, much too late, far too long, a server's error, or a lost connection."""

import socket
import time
from collections.abc import Callable, Iterator

from flask import Response, jsonify, request

from sandbox.exchange.error_messages import refusal
from sandbox.faults.faults import Fault

PAGE = "<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
ROW = b'"2024-01-02 09:30:00": {"1. open": "1", "2. high": "1", "3. low": "1", "4. close": "1", "5. volume": "1"},\n'
CHUNK = ROW * (2**16 // len(ROW))


def answer(fault: Fault, key: str, normal_response: Callable[[], Response]) -> Response:
    """Return what a request of a key gets instead of, or after, the whole answer."""
    match fault.kind:
        case "garbage":
            return Response(PAGE, content_type="text/html")
        case "truncated":
            response = normal_response()
            return Response(response.data[: len(response.data) // 2], content_type=response.content_type)
        case "slow":
            time.sleep(fault.seconds)
            return normal_response()
        case "huge":
            return Response(_endless(fault.mebibytes), content_type="application/json")
        case "dropped":
            return _dropped()
        case "http-429" | "http-500":
            return Response("try again later", int(fault.kind[-3:]), content_type="text/plain")
    return jsonify(refusal(fault.kind, key))


def _endless(mebibytes: int) -> Iterator[bytes]:
    yield b'{"Meta Data": {}, "Time Series (1min)": {'
    for _ in range(mebibytes * 2**20 // len(CHUNK)):
        yield CHUNK
    yield ROW.rstrip(b",\n") + b"}}"


def _dropped() -> Response:
    """Cut the connection, where the server shows it; what is returned then reaches nobody."""
    line: socket.socket | None = request.environ.get("gunicorn.socket")
    if line is not None:
        line.shutdown(socket.SHUT_RDWR)
    return Response(status=503)
