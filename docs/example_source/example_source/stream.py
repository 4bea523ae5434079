"""Live bars by a websocket: a service without one needs neither this file nor `pushes` and `connect`."""

import time
from collections.abc import Sequence

import orjson
from pydantic import SecretStr

from stock_ml import errors
from stock_ml.sources.parsing import Response
from stock_ml.sources.websocket import open_websocket, receive, send

SILENCE = 300.0  # seconds without a message: this service sends a heartbeat each minute
REFUSALS = {401: errors.BadKey, 403: errors.PremiumEndpoint}


class PushedBars:
    """Subscribe to bars, and return each message as it came; it ends by one error of stock_ml."""

    def __init__(self, name: str, url: str, key: SecretStr, symbols: Sequence[str]) -> None:
        self.name, self.url, self._heard_at = name, url, time.monotonic()
        self._socket = open_websocket(url, self._refusal, {"Authorization": f"Bearer {key.get_secret_value()}"})
        send(self._socket, {"subscribe": list(symbols)}, url)

    def receive(self, seconds: float) -> list[Response]:
        """Return the next bar, nothing where none came within `seconds`."""
        body = receive(self._socket, seconds, self.url)
        if body is None:
            self._check_silence()
            return []
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

    def _refusal(self, status: int) -> errors.SourceError:
        kind = REFUSALS.get(status, errors.ServerError)
        return kind(f"{self.url} answered HTTP {status}; see STOCKML_EXAMPLE_REST_KEY")
