"""TIME_SERIES_INTRADAY: which bars a request asks for, and the answer in the service's own words."""

import re
from collections.abc import Mapping

from flask import Response, jsonify

from sandbox.exchange import error_messages, responses
from sandbox.exchange.feed import COMPACT, Feed, FeedQuery
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


def query(feed: Feed, params: Mapping[str, str], now: float) -> Response:
    """Return the answer to a request at market time `now`; errors are HTTP 200 too, as at the service."""
    found = _bars(feed, params, now) if _is_valid(params) else None
    if found is None or not len(found.ts):
        return jsonify({"Error Message": error_messages.BAD_CALL})
    stamps = feed.stamps(found.ts)
    if params.get("datatype") == "csv":
        return Response(responses.in_csv(stamps, found.values), content_type="application/x-download")
    body = responses.in_json(params["symbol"], stamps, found.values, _choice(params, "outputsize"))
    return Response(body, content_type="application/json")


def _is_valid(params: Mapping[str, str]) -> bool:
    month = params.get("month")
    return (
        params.get("function") == "TIME_SERIES_INTRADAY"
        and "interval" in params
        and SYMBOL.fullmatch(params.get("symbol", "")) is not None
        and (not month or MONTH.fullmatch(month) is not None)
        and all(_choice(params, name) in allowed for name, allowed in CHOICES.items())
    )


def _choice(params: Mapping[str, str], name: str) -> str:
    return params.get(name) or CHOICES[name][0]


def _bars(feed: Feed, params: Mapping[str, str], now: float) -> Day:
    """Return the bars that a sensible request asks for."""
    at = now - DELAY if params.get("entitlement") == "delayed" else now
    extended, adjusted = (_choice(params, name) == "true" for name in ("extended_hours", "adjusted"))
    feed_query = FeedQuery(params["symbol"], at, extended, adjusted)
    full, month = params.get("outputsize") == "full", params.get("month")
    if month:
        found = feed.month(feed_query, month)
        return found if full else Day(found.ts[-COMPACT:], found.values[-COMPACT:])
    return feed.trailing(feed_query) if full else feed.newest(feed_query)
