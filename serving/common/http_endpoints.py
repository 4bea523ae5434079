"""Serve /metrics, /healthz and /readyz from a thread of its own, on loopback unless told otherwise."""

import logging
from collections.abc import Iterable, Sequence
from socketserver import TCPServer, ThreadingMixIn
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import msgspec
from prometheus_client import CollectorRegistry, make_wsgi_app

from serving.common.health import Health, Readiness
from serving.common.logs import line
from serving.common.trusted_hosts import is_address, refusal

log = logging.getLogger(__name__)


def app(registry: CollectorRegistry, health: Health, hosts: Sequence[str] = ()) -> WSGIApplication:
    """Return the three pages: 200 where all is well, 503 with the reasons where it is not.

    A request for a name that is neither loopback's nor among `hosts` is refused. One for an address is
    answered: DNS rebinding needs a name, and Prometheus asks each of several consumers by its address.
    """
    metrics: WSGIApplication = make_wsgi_app(registry)

    def respond(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST", "")
        if not is_address(host) and (refused := refusal(environ["REQUEST_METHOD"], host, None, hosts)):
            start("400 Bad Request", [("Content-Type", "text/plain")])
            return [f"{refused}\n".encode()]
        match environ["PATH_INFO"]:
            case "/metrics":
                return metrics(environ, start)
            case "/healthz":
                return _json(start, health.alive, msgspec.json.encode({"alive": health.alive}))
            case "/readyz":
                waiting = health.waiting
                return _json(start, not waiting, msgspec.json.encode(Readiness(not waiting, waiting)))
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [b"/metrics, /healthz, /readyz\n"]

    return respond


def serve(
    place: tuple[str, int], registry: CollectorRegistry, health: Health, hosts: Sequence[str] = ()
) -> WSGIServer | None:
    """Serve at an address and port until the process ends.

    If the port is in use, or this machine has no such address, that is logged, and the service goes on without.
    """
    try:
        server = make_server(*place, app(registry, health, hosts), _Server, _Quiet)
    except OSError as error:
        log.error(line("metrics not served", address=place[0], port=place[1], reason=error))
        return None
    Thread(target=server.serve_forever, name="endpoints", daemon=True).start()
    return server


def _json(start: StartResponse, ok: bool, body: bytes) -> Iterable[bytes]:
    start("200 OK" if ok else "503 Service Unavailable", [("Content-Type", "application/json")])
    return [body]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    # Linux reserves the port of a closed connection for a minute; a restart need not wait for that. A
    # port on which another process listens is refused all the same.
    allow_reuse_address, allow_reuse_port = True, False

    def server_bind(self) -> None:
        """Bind without asking the network for this machine's name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", int(self.server_address[1])
        self.setup_environ()


class _Quiet(WSGIRequestHandler):
    timeout = 5  # a silent client does not block the others

    def log_message(self, *_: object) -> None:
        """Log no request."""
