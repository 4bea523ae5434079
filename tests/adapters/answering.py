"""A small real HTTP server that gives one answer, for tests of what asks MLflow."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Answer:
    """Hold what is answered to every GET, or to one whose path ends in a name, and where; change it at any time."""

    status: int = 404
    body: bytes = b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}'
    named: dict[str, bytes] = field(default_factory=dict)
    url: str = field(default="", init=False)

    def version(self, number: str, tags: Mapping[str, str]) -> None:
        """Answer from now on that this version is champion."""
        pairs = [{"key": key, "value": value} for key, value in tags.items()]
        self.status, self.body = 200, json.dumps({"model_version": {"version": number, "tags": pairs}}).encode()


@contextmanager
def answering() -> Iterator[Answer]:
    """Answer on a free port of the loopback until the block ends."""
    answer = Answer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answer.named.get(self.path.partition("?")[0].rpartition("/")[2])
            self.send_response(200 if body else answer.status)
            self.end_headers()
            self.wfile.write(body or answer.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        answer.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield answer
        server.shutdown()
        thread.join()
