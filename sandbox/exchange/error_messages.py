"""Alpha Vantage's refusals, word for word: each comes as HTTP 200, as JSON also where CSV was asked for."""

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
PREMIUM = "This is a premium endpoint. " + PLANS + "to instantly unlock all premium endpoints"
BODIES = {
    "bad-key": {"Error Message": NO_KEY},
    "premium": {"Information": THANKS + PREMIUM},
    "burst": {"Information": THANKS + BURST},
    "daily-limit": {"Information": DAILY},
    "bad-symbol": {"Error Message": BAD_CALL},
    "empty": {},
}


def refusal(kind: str, key: str) -> dict[str, str]:
    """Return the body of one kind of refusal; the daily limit's echoes the key, as the service's does."""
    return {name: said.replace("{key}", key) for name, said in BODIES[kind].items()}
