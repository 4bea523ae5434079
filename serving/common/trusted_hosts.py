"""Refuse requests of foreign web pages: DNS rebinding by the header Host, forms and scripts by Origin.

A page of another site can send requests to 127.0.0.1. Under a name of its own that resolves to
127.0.0.1 it could read the answers too, so only known names are answered.
"""

from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address
from urllib.parse import urlsplit

from werkzeug.sansio.utils import host_is_trusted

LOOPBACK = ("127.0.0.1", "localhost")
READING = frozenset({"GET", "HEAD", "OPTIONS"})
HOST_REFUSED = "this name of the server is unknown: ask for 127.0.0.1, or add the name to STOCKML_TRUSTED_HOSTS"
ORIGIN_REFUSED = "a page of another origin may change nothing here: see STOCKML_TRUSTED_HOSTS"


def is_address(host: str) -> bool:
    """Say whether the header Host holds an IPv4 address, with a port or without, and no name."""
    address, _, port = host.partition(":")
    try:
        IPv4Address(address)
    except AddressValueError:
        return False
    return not port or (port.isascii() and port.isdigit())


def refusal(method: str, host: str, origin: str | None, more: Sequence[str] = ()) -> str | None:
    """Return why a request is refused, None where it is not; `more` names are trusted like loopback's.

    An origin is one's own where it has the host and port of the request, or is among `more`. A client
    that is no browser sends none; one of HTTP/1.0 sends no host either, and a browser always does.
    """
    if host and not host_is_trusted(host, [*LOOPBACK, *more]):
        return HOST_REFUSED
    if method in READING or origin is None:
        return None
    place = urlsplit(origin).netloc
    own = place == host or (bool(more) and host_is_trusted(place, more))
    return None if own else ORIGIN_REFUSED
