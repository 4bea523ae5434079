"""Alpha Vantage's answers to TIME_SERIES_INTRADAY: bars as JSON or CSV, and its error bodies, word for word."""

import numpy as np
import orjson

VALUES = ("open", "high", "low", "close", "volume")
FIELDS = [f"{number}. {name}" for number, name in enumerate(VALUES, 1)]
THANKS = "Thank you for using Alpha Vantage! "
PLANS = "You may subscribe to any of the premium plans at https://www.alphavantage.co/premium/ "
NO_KEY = (
    "the parameter apikey is invalid or missing. Please claim your free API key on "
    "(https://www.alphavantage.co/support/#api-key). It should take less than 20 seconds."
)
BAD_CALL = (
    "Invalid API call. Please retry or visit the documentation "
    "(https://www.alphavantage.co/documentation/) for TIME_SERIES_INTRADAY."
)
BURST = (
    "Please consider spreading out your free API requests more sparingly (1 request per second). "
    + PLANS
    + "to lift the free key rate limit (25 requests per day), raise the per-second burst limit, "
    "and instantly unlock all premium endpoints"
)
DAILY = (
    "We have detected your API key as {key} and our standard API rate limit is 25 requests per day. "
    "Please subscribe to any of the premium plans at https://www.alphavantage.co/premium/ "
    "to instantly remove all daily rate limits."
)

# these keys get the error of their name: what the service says can be tried over real HTTP
ERRORS = {
    "": {"Error Message": NO_KEY},
    "bad": {"Error Message": NO_KEY},
    "premium": {"Information": THANKS + "This is a premium endpoint. " + PLANS + "to instantly unlock all of them"},
    "burst": {"Information": THANKS + BURST},
    "daily-limit": {"Information": DAILY.format(key="daily-limit")},
    "empty": {},
}


def in_json(symbol: str, stamps: list[str], values: np.ndarray, size: str) -> bytes:
    """Return bars (n, 5) with their labels, ascending, as the JSON answer: newest first, numbers as text."""
    meta = {
        "1. Information": "Intraday (1min) open, high, low, close prices and volume",
        "2. Symbol": symbol,
        "3. Last Refreshed": stamps[-1] if stamps else "",
        "4. Interval": "1min",
        "5. Output Size": "Compact" if size == "compact" else "Full size",
        "6. Time Zone": "US/Eastern",
    }
    rows = [dict(zip(FIELDS, row, strict=True)) for row in _texts(values)]
    series = dict(zip(reversed(stamps), reversed(rows), strict=True))
    return orjson.dumps({"Meta Data": meta, "Time Series (1min)": series}, option=orjson.OPT_INDENT_2)


def in_csv(stamps: list[str], values: np.ndarray) -> bytes:
    """Return bars (n, 5) with their labels, ascending, as the CSV answer: newest first."""
    rows = [",".join([stamp, *row]) for stamp, row in zip(stamps, _texts(values), strict=True)]
    return "\r\n".join([",".join(("timestamp", *VALUES)), *reversed(rows), ""]).encode()


def _texts(values: np.ndarray) -> list[list[str]]:
    return [[*(f"{price:.4f}" for price in row[:4]), f"{row[4]:.0f}"] for row in values.tolist()]
