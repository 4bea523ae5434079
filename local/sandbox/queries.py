"""TIME_SERIES_INTRADAY: which bars a request asks for, and the answer in the service's own words."""

import re

from flask import Response, jsonify, request

from local.sandbox import answers
from local.sandbox.feed import COMPACT, Feed
from local.sandbox.market import Day
from stock_ml.config import SYMBOL

MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
NOW_HEADER = "X-Market-Time"  # an answer says at which market time it was given


def query(feed: Feed, now: float) -> Response:
    """Return the answer to the current request at market time `now`; errors are HTTP 200 too, as at the service."""
    error = answers.ERRORS.get(request.args.get("apikey", ""))
    found = _asked(feed, now) if error is None else None
    if found is None or not len(found.ts):
        answer = jsonify(error if error is not None else {"Error Message": answers.BAD_CALL})
    else:
        answer = _bars(feed, found)
    answer.headers[NOW_HEADER] = repr(now)
    return answer


def _asked(feed: Feed, now: float) -> Day | None:
    """Return the bars that the request asks for, None where it makes no sense."""
    asked = request.args
    symbol, month, extended = asked.get("symbol", ""), asked.get("month"), asked.get("extended_hours") != "false"
    right = asked.get("function") == "TIME_SERIES_INTRADAY" and asked.get("interval") == "1min"
    if not right or not SYMBOL.fullmatch(symbol) or (month and not MONTH.fullmatch(month)):
        return None
    full = asked.get("outputsize") == "full"
    if month:
        found = feed.month(symbol, month, now, extended)
        return found if full else Day(found.ts[-COMPACT:], found.values[-COMPACT:])
    return feed.trailing(symbol, now, extended) if full else feed.newest(symbol, now, extended)


def _bars(feed: Feed, found: Day) -> Response:
    stamps = feed.stamps(found.ts)
    if request.args.get("datatype") == "csv":
        return Response(answers.in_csv(stamps, found.values), content_type="application/x-download")
    symbol, size = request.args["symbol"], request.args.get("outputsize", "compact")
    return Response(answers.in_json(symbol, stamps, found.values, size), content_type="application/json")
