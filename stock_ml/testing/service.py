"""A local server that answers as the service of a source does, with rows that the kit gives it."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import websockets.http11
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from stock_ml.sources.parsing import Convention
from stock_ml.sources.plugin import Source
from stock_ml.testing.hostile_cases import Layout, Rows
from stock_ml.testing.http_server import answering

Fault = Literal["a page of HTML", "nothing", "half an answer", "HTTP 500"]
Admission = Callable[[ServerConnection, websockets.http11.Request], websockets.http11.Response | None]
HTML = b"<html><body>Please try again later</body></html>"


class Request(NamedTuple):
    """Hold the path and the parameters of a request."""

    path: str
    query: dict[str, str]


class Service:
    """Say how the service of a source answers. A plug-in's author writes a subclass.

    `layout`: rows that no such layout can hold are left out; "csv" leaves none out but those of Yahoo's charts.
    `convention`: whether labels mark the start or the end of a minute; of no meaning where rows are stamped in UTC.
    `speaks_http`: whether the source sends requests at all.
    """

    layout: Layout = "csv"
    convention: Convention = "start"
    speaks_http = True

    def settings(self, address: str, folder: Path) -> dict[str, object]:
        """Return the settings by which the source asks the server at this address."""
        raise NotImplementedError(f"{type(self).__name__}.settings must point the source at {address} or {folder}")

    def answer(self, request: Request, rows: Rows, zone: str) -> bytes:
        """Return the body with these rows, or the service's body without bars; `zone` is the exchange's."""
        raise NotImplementedError(f"{type(self).__name__}.answer must write {len(rows)} rows for {request} ({zone})")

    def publish(self, folder: Path, rows: Rows, zone: str) -> None:
        """Put the rows where a source without a server finds them."""

    def stream_settings(self, address: str) -> dict[str, object]:
        """Return the settings by which a source that pushes connects to the websocket at this address."""
        del address
        return {}

    def push(self, connection: ServerConnection, symbol: str, rows: Rows) -> None:
        """Accept what the source asks for on a websocket, and push the rows of a symbol as the service does."""
        said = f"accept {connection}, and push {len(rows)} rows of {symbol}"
        raise NotImplementedError(f"{type(self).__name__}.push must {said}")

    def at(self, source: Source, known_at: float) -> Source:
        """Return the source with its clock at a time, where it asks by its clock."""
        return source


@dataclass
class Showing:
    """Hold what the server shows now."""

    service: Service
    rows: Rows = field(default_factory=list)
    zone: str = "America/New_York"
    packed: bool = False
    fault: Fault | None = None

    def response(self, request: Request) -> tuple[int, bytes]:
        """Return status and body."""
        if self.fault == "HTTP 500":
            return 500, HTML
        if self.fault == "a page of HTML":
            return 200, HTML
        body = b"" if self.fault == "nothing" else self.service.answer(request, self.rows, self.zone)
        return 200, body[: len(body) // 2] if self.fault == "half an answer" else body


def serving(showing: Showing) -> AbstractContextManager[str]:
    """Serve GET on a free loopback port until the block ends; yield the address."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked = urlsplit(request.path)
        status, body = showing.response(Request(unquote(asked.path), dict(parse_qsl(asked.query))))
        body = gzip.compress(body) if showing.packed else body
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        if showing.packed:
            request.send_header("Content-Encoding", "gzip")
        request.end_headers()
        request.wfile.write(body)

    return answering(answer)


@contextmanager
def pushing(talk: Callable[[ServerConnection], None], admit: Admission | None = None) -> Iterator[str]:
    """Serve a websocket on a free loopback port until the block ends, and yield the address.

    `talk` is called with each connection, which it ends by its return. `admit` may refuse one with a response.
    """

    def handle(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):  # the source has left
            talk(connection)

    with serve(handle, "127.0.0.1", 0, process_request=admit) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()
