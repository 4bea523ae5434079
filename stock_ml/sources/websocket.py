"""The websocket of a service: each of its errors as the SourceError that it means."""

import logging
from collections.abc import Callable, Mapping
from socket import gaierror
from typing import Literal, Protocol

import orjson
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from stock_ml.errors import NoNetwork, SourceError, SourceUnavailable, TimedOut
from stock_ml.sources.http_body import TIMEOUT

LARGEST = 2**20  # bytes of a message


class Socket(Protocol):
    """Send and receive messages of a websocket."""

    def send(self, message: str) -> None:
        """Send a message. Raises ConnectionClosed."""

    def recv(self, timeout: float, decode: Literal[False]) -> bytes:
        """Return the next message as received. Raises TimeoutError or ConnectionClosed."""

    def close(self) -> None:
        """Close the connection."""


def open_websocket(
    address: str, refusal: Callable[[int], SourceError], headers: Mapping[str, str] | None = None
) -> ClientConnection:
    """Return an open websocket. Raises the `refusal` of an HTTP status, or the SourceError that says why there is none.

    `headers` go with the first request; no log shows them, nor a message.
    """
    quiet = logging.getLogger(f"{__name__}.messages")
    quiet.setLevel(logging.INFO)  # a debugging one logs headers and messages, a secret's too
    try:
        return connect(
            address,
            additional_headers=headers,
            max_size=LARGEST,
            open_timeout=TIMEOUT,
            close_timeout=2,
            logger=quiet,
            legacy=True,  # one connection: making it anew is the listener's, which requests what was missed
        )
    except TimeoutError:
        raise TimedOut(f"{address} did not answer within {TIMEOUT:.0f} s; see that the network is up") from None
    except gaierror:
        said = f"the name of {address} cannot be resolved: is this machine on a network that reaches it?"
        raise NoNetwork(said) from None
    except InvalidStatus as error:
        raise refusal(error.response.status_code) from None
    except (OSError, WebSocketException) as error:
        said = f"{type(error).__name__}: {error!s:.200}"
        raise SourceUnavailable(f"{address} cannot be reached, or is no websocket ({said})") from None


def send(socket: Socket, message: Mapping[str, object], where: str) -> None:
    """Send a message as JSON. Raises SourceUnavailable, which names `where`."""
    try:
        socket.send(orjson.dumps(message).decode())
    except ConnectionClosed as error:
        raise _ended(where, error) from None


def receive(socket: Socket, seconds: float, where: str) -> bytes | None:
    """Return the next message as received, None where none came within `seconds`. Raises SourceUnavailable."""
    try:
        return socket.recv(seconds, decode=False)
    except TimeoutError:
        return None
    except ConnectionClosed as error:
        raise _ended(where, error) from None


def _ended(where: str, error: ConnectionClosed) -> SourceUnavailable:
    return SourceUnavailable(f"{where} ended the connection, or it broke off: {error!s:.200}")
