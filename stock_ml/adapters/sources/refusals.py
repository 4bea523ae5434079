"""What Alpha Vantage's refusals mean: each comes as HTTP 200 with a sentence."""

import re
from collections.abc import Callable, Mapping

from stock_ml.errors import (
    BadKey,
    BadSymbol,
    BurstLimit,
    DailyLimit,
    EmptyAnswer,
    NotAnAnswer,
    PremiumEndpoint,
    SourceError,
)

# in this order: the burst sentence speaks of premium endpoints and of requests a day too
MEANINGS: list[tuple[str, type[SourceError], str]] = [
    (
        r"is a premium (endpoint|feature)",
        PremiumEndpoint,
        "Alpha Vantage sells minute bars to paying keys only: use a paid key, or set SOURCE=sandbox for simulated "
        "bars, or SOURCE=csv for a file",
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


def refusal(body: Mapping[str, object], where: str, redacted: Callable[[str], str]) -> SourceError:
    """Return the error that an answer without bars means; the key never shows in it."""
    if not body:
        return EmptyAnswer(f"{where} answered with nothing; try again later")
    said = " ".join(str(body[name]) for name in ("Error Message", "Information", "Note") if name in body)
    for pattern, error, meaning in MEANINGS:
        if re.search(pattern, said, re.IGNORECASE):
            return error(f"{meaning}. It said: {redacted(said)}")
    return NotAnAnswer(f"{where} answered without bars: {redacted(said or str(sorted(body)))[:300]}")
