"""Live bars by a websocket: a service without one needs neither this file nor `pushes` and `connect`."""

import time
from collections.abc import Sequence

import orjson
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from stock_ml import errors
from stock_ml.sources.http_body import TIMEOUT
from stock_ml.sources.parsing import Response

SILENCE = 300.0  # seconds without a message: this service sends a heartbeat each minute
LARGEST = 2**20  # bytes of a message


class PushedBars:
    """Subscribe to bars, and return each message as it came; it ends by one error of stock_ml."""

    def __init__(self, name: str, url: str, key: SecretStr, symbols: Sequence[str]) -> None:
        self.name, self.url, self._heard_at = name, url, time.monotonic()
        self._socket = _open(url, key)
        self._socket.send(orjson.dumps({"subscribe": list(symbols)}).decode())

    def receive(self, seconds: float) -> list[Response]:
        """Return the next bar, nothing where none came within `seconds`."""
        try:
            body = self._socket.recv(seconds, decode=False)
        except TimeoutError:
            self._check_silence()
            return []
        except ConnectionClosed as error:
            raise errors.SourceUnavailable(f"{self.url} ended the connection: {error!s:.200}") from None
        self._heard_at = time.monotonic()
        return self._responses(body)

    def close(self) -> None:
        """End the connection; another thread may."""
        self._socket.close()

    def _responses(self, body: bytes) -> list[Response]:
        try:
            message = orjson.loads(body)
            symbol = message["symbol"] if "bars" in message else None
        except (orjson.JSONDecodeError, KeyError, TypeError):
            self.close()
            raise errors.InvalidResponse(f"{self.url} sent what is no message of its own") from None
        if symbol is None:  # a heartbeat
            return []
        return [Response(self.name, symbol, None, {"stream": symbol}, time.time(), body, "application/json")]

    def _check_silence(self) -> None:
        if time.monotonic() - self._heard_at >= SILENCE:
            self.close()
            raise errors.TimedOut(f"{self.url} is open and silent for {SILENCE:.0f} s; it is connected anew")


def _open(url: str, key: SecretStr) -> ClientConnection:
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"}
    try:
        return connect(url, additional_headers=headers, open_timeout=TIMEOUT, close_timeout=2, max_size=LARGEST)
    except InvalidStatus as error:
        status = error.response.status_code
        kind = {401: errors.BadKey, 403: errors.PremiumEndpoint}.get(status, errors.ServerError)
        raise kind(f"{url} answered HTTP {status}; see STOCKML_EXAMPLE_REST_KEY") from None
    except (OSError, WebSocketException) as error:  # a time-out is one
        raise errors.SourceUnavailable(f"{url} cannot be reached ({type(error).__name__}); see the network") from None
