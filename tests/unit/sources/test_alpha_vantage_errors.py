"""Each of Alpha Vantage's sentences becomes the error that says what to do, without the key."""

import pytest

from stock_ml import errors
from stock_ml.sources.alpha_vantage_errors import check, refusal

THANKS = "Thank you for using Alpha Vantage! "
SENTENCES = [
    ("Information", THANKS + "This is a premium endpoint. You may subscribe to …", errors.PremiumEndpoint),
    ("Information", THANKS + "Realtime quotes is a premium feature.", errors.PremiumEndpoint),
    (
        "Information",
        THANKS + "Please consider spreading out your free API requests more sparingly (1 request per second). You may "
        "subscribe to any of the premium plans to lift the free key rate limit (25 requests per day), raise the "
        "per-second burst limit, and instantly unlock all premium endpoints",
        errors.BurstLimit,
    ),
    (
        "Information",
        "We have detected your API key as KEY123 and our standard API rate limit is 25 requests per day. Please "
        "subscribe to any of the premium plans to instantly remove all daily rate limits.",
        errors.DailyLimit,
    ),
    (
        "Note",
        THANKS + "Our standard API call frequency is 5 calls per minute and 500 calls per day.",
        errors.BurstLimit,
    ),
    ("Error Message", "the parameter apikey is invalid or missing. Please claim your free API key", errors.BadKey),
    ("Information", "The **demo** API key is for demo purposes only. Please claim …", errors.BadKey),
    ("Error Message", "Invalid API call. Please retry or visit the documentation", errors.BadSymbol),
    ("Information", "Something new about KEY123", errors.InvalidResponse),
]


@pytest.mark.parametrize(("name", "said", "expected"), SENTENCES)
def test_a_sentence_becomes_its_error_and_the_key_never_shows(name, said, expected):
    found = refusal({name: said}, "the service", lambda text: text.replace("KEY123", "***"))
    assert type(found) is expected
    assert "KEY123" not in str(found)


def test_premium_says_first_what_is_sold_and_then_what_to_do():
    found = refusal({"Information": "This is a premium endpoint"}, "the service", str)
    assert str(found).startswith("Alpha Vantage sells minute bars to paying keys only: ")
    assert "SOURCE=sandbox" in str(found)


def test_nothing_at_all_is_an_empty_answer():
    assert type(refusal({}, "the service", str)) is errors.EmptyResponse


@pytest.mark.parametrize("shown", range(75, 81))
def test_of_a_key_at_the_edge_of_what_is_shown_of_a_broken_off_row_no_half_shows(shown):
    body = b"timestamp,open,high,low,close,volume\n" + b"KEY123" + b"," * (shown - 1)
    with pytest.raises(errors.InvalidResponse) as caught:
        check(body, "the service", lambda text: text.replace("KEY123", "***"))
    assert not any(half in str(caught.value) for half in ("KEY", "123", "23", "3,"))
