"""A small real HTTP server that answers as a test tells it to."""

from http.server import BaseHTTPRequestHandler

from stock_ml.testing.http_server import answering

__all__ = ["answering", "send"]


def send(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, kind: str = "application/json") -> None:
    """Send a whole answer."""
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
