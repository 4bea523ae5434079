"""TIME_SERIES_INTRADAY: which bars a request asks for, and the answer in the service's own words."""

import re
from collections.abc import Mapping

from flask import Response, jsonify

from sandbox.exchange import error_messages, responses
from sandbox.exchange.feed import COMPACT, Feed, Look
from sandbox.market import Day
from stock_ml.config import SYMBOL

MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
DELAY = 15 * 60  # seconds by which an answer with entitlement=delayed lags
# what a parameter may be, the first where it is left out
CHOICES = {
    "interval": ("1min",),
    "outputsize": ("compact", "full"),
    "extended_hours": ("true", "false"),
    "adjusted": ("true", "false"),
    "datatype": ("json", "csv"),
    "entitlement": ("", "delayed", "realtime"),
}


def query(feed: Feed, asked: Mapping[str, str], now: float) -> Response:
    """Return the answer to a request at market time `now`; errors are HTTP 200 too, as at the service."""
    found = _asked(feed, asked, now) if _makes_sense(asked) else None
    if found is None or not len(found.ts):
        return jsonify({"Error Message": error_messages.BAD_CALL})
    stamps = feed.stamps(found.ts)
    if asked.get("datatype") == "csv":
        return Response(responses.in_csv(stamps, found.values), content_type="application/x-download")
    body = responses.in_json(asked["symbol"], stamps, found.values, _choice(asked, "outputsize"))
    return Response(body, content_type="application/json")


def _makes_sense(asked: Mapping[str, str]) -> bool:
    month = asked.get("month")
    return (
        asked.get("function") == "TIME_SERIES_INTRADAY"
        and "interval" in asked
        and SYMBOL.fullmatch(asked.get("symbol", "")) is not None
        and (not month or MONTH.fullmatch(month) is not None)
        and all(_choice(asked, name) in allowed for name, allowed in CHOICES.items())
    )


def _choice(asked: Mapping[str, str], name: str) -> str:
    return asked.get(name) or CHOICES[name][0]


def _asked(feed: Feed, asked: Mapping[str, str], now: float) -> Day:
    """Return the bars that a sensible request asks for."""
    at = now - DELAY if asked.get("entitlement") == "delayed" else now
    extended, adjusted = (_choice(asked, name) == "true" for name in ("extended_hours", "adjusted"))
    look = Look(asked["symbol"], at, extended, adjusted)
    full, month = asked.get("outputsize") == "full", asked.get("month")
    if month:
        found = feed.month(look, month)
        return found if full else Day(found.ts[-COMPACT:], found.values[-COMPACT:])
    return feed.trailing(look) if full else feed.newest(look)
