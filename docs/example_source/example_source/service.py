"""The service as the kit of stock_ml imitates it: `python -m stock_ml.testing example_rest --service …:SERVICE`."""

from pathlib import Path

import orjson
from websockets.sync.server import ServerConnection

from stock_ml.testing.hostile_cases import Rows
from stock_ml.testing.service import Request, Service


class ExampleService(Service):
    """Write rows as the service does."""

    def settings(self, address: str, folder: Path) -> dict[str, object]:
        """Point the source at the local server."""
        return {"example_rest_url": address, "example_rest_key": "a secret key"}

    def answer(self, request: Request, rows: Rows, zone: str) -> bytes:
        """Return the body with these rows."""
        return _message(rows)

    def stream_settings(self, address: str) -> dict[str, object]:
        """Point the source at the local websocket."""
        return {"example_rest_stream_url": address}

    def push(self, connection: ServerConnection, symbol: str, rows: Rows) -> None:
        """Accept a subscription, and push these rows."""
        connection.recv()  # the subscription
        connection.send('{"heartbeat": 1}')
        for row in rows:
            connection.send(_message([row], symbol=symbol).decode())


def _message(rows: Rows, **more: str) -> bytes:
    return orjson.dumps({"bars": [dict(zip("tohlcv", (ts, *values), strict=True)) for ts, values in rows]} | more)


SERVICE = ExampleService()
