"""Map Alpha Vantage's error sentences to errors: each comes as HTTP 200, even where CSV was requested."""

import re
from collections.abc import Callable, Mapping

import orjson

from stock_ml.errors import (
    BadKey,
    BadSymbol,
    BurstLimit,
    DailyLimit,
    EmptyResponse,
    InvalidResponse,
    NoBars,
    PremiumEndpoint,
    SourceError,
)
from stock_ml.sources.parsing.alpha_vantage_csv import HEADERS
from stock_ml.sources.parsing.alpha_vantage_json import SERIES

# in this order: the burst sentence speaks of premium endpoints and of requests a day too
MEANINGS: list[tuple[str, type[SourceError], str]] = [
    (
        r"is a premium (endpoint|feature)",
        PremiumEndpoint,
        "Alpha Vantage sells minute bars to paying keys only: use a paid key, or set SOURCE=yahoo for the last 30 "
        "days, SOURCE=sandbox for simulated bars, or SOURCE=csv for files",
    ),
    (r"apikey|demo.{0,4} api key", BadKey, "Alpha Vantage does not know the key: see ALPHAVANTAGE_API_KEY"),
    (
        r"per second|(calls|requests) per minute",
        BurstLimit,
        "Alpha Vantage got too many requests at once: see STOCKML_REQUESTS_PER_MINUTE",
    ),
    (
        r"(calls|requests) per day",
        DailyLimit,
        "the key's requests of today are spent: wait until tomorrow, or use a larger plan",
    ),
    (r"invalid api call", BadSymbol, "Alpha Vantage knows no such symbol, or has no bars of that month"),
]
Redacted = Callable[[str], str]


def check(body: bytes, where: str, redacted: Redacted) -> None:
    """Let a response with bars pass, be it JSON or CSV. Raises the SourceError that any other answer means."""
    if body.lstrip()[:1] == b"{":
        _check_json(body, where, redacted)
    elif not body.strip():
        raise EmptyResponse(f"{where} answered with nothing; try again later")
    else:
        _check_csv(body, where, redacted)


def refusal(body: Mapping[str, object], where: str, redacted: Redacted) -> SourceError:
    """Return the error that a response without bars means; the key never shows in it."""
    if not body:
        return EmptyResponse(f"{where} answered with nothing; try again later")
    text = " ".join(str(body[name]) for name in ("Error Message", "Information", "Note") if name in body)
    for pattern, error, meaning in MEANINGS:
        if re.search(pattern, text, re.IGNORECASE):
            return error(f"{meaning}. It said: {redacted(text)[:500]}")
    return InvalidResponse(f"{where} answered without bars: {redacted(text or str(sorted(body)))[:300]}")


def _check_json(body: bytes, where: str, redacted: Redacted) -> None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _unreadable(body, where, redacted) from None
    if SERIES not in found:
        raise refusal(found, where, redacted)
    if found[SERIES] == {}:
        raise NoBars(f"{where} has no bars of that symbol and month")


def _check_csv(body: bytes, where: str, redacted: Redacted) -> None:
    header, _, rows = body.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    if header.strip().decode("utf-8", "replace").split(",") not in HEADERS:
        raise _unreadable(body, where, redacted)
    if not rows.strip():
        raise NoBars(f"{where} has no bars of that symbol and month")
    if not rows.endswith(b"\n"):  # half a row can look like a whole one: 12 of 1234
        end = redacted(rows[-4096:].decode("utf-8", "replace"))[-80:]  # cut last: half a key is not found
        raise InvalidResponse(f"{where} broke off inside a row: {end!r}")


def _unreadable(body: bytes, where: str, redacted: Redacted) -> InvalidResponse:
    page = (
        " (an HTML page: is it the right address, or is a proxy in between?)" if b"<html" in body[:1000].lower() else ""
    )
    start = redacted(body[:4096].decode("utf-8", "replace"))[:120]
    return InvalidResponse(f"{where} answered neither with JSON nor with CSV{page}: {start!r}")
