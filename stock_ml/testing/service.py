"""A local server that answers as the service of a source does, with rows that the kit gives it."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from stock_ml.sources.parsing import Convention
from stock_ml.sources.plugin import Source
from stock_ml.testing.hostile_cases import Layout, Rows

Fault = Literal["a page of HTML", "nothing", "half an answer", "HTTP 500"]
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


@contextmanager
def serving(showing: Showing) -> Iterator[str]:
    """Serve GET on a free loopback port until the block ends; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = urlsplit(self.path).path, urlsplit(self.path).query
            status, body = showing.response(Request(unquote(path), dict(parse_qsl(query))))
            body = gzip.compress(body) if showing.packed else body
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if showing.packed:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
