from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.dashboard.queries import FOREVER, LIMIT, BadParameter, cursor, parse, parse_span, parse_subscription


def test_a_symbol_alone_requests_all_times_up_to_the_default_limit() -> None:
    query = parse({"symbol": "GOOGL"})
    assert query == ("GOOGL", 0, FOREVER, LIMIT, None)
    assert query.whole() == ("GOOGL", 0, FOREVER, LIMIT)


@given(st.integers(0, 10**16 - 1))
def test_the_next_of_an_answer_is_understood_as_since(batch: int) -> None:
    query = parse({"symbol": "GOOGL", "since": cursor(batch), "limit": "5"})
    assert (query.after, query.limit) == (batch, 5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("symbol", ""),
        ("symbol", "A" * 65),
        ("symbol", "A\x00"),
        ("limit", "0"),
        ("limit", "20001"),
        ("limit", "-1"),
        ("limit", "ten"),
        ("since", "yesterday"),
        ("since", "b"),
        ("since", "b1.5"),
        ("since", "b1\n"),
        ("since", "٣"),
        ("until", "9999999999999999"),
        ("until", "1e3"),
        ("until", "1.0"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(BadParameter, match=f"^{name}: ") as refused:
        parse({"symbol": "GOOGL"} | {name: value})
    assert refused.value.parameter == name


def test_a_number_may_begin_with_zeros() -> None:
    assert parse({"symbol": "GOOGL", "limit": "007"}).limit == 7


def test_a_file_takes_no_cursor() -> None:
    with pytest.raises(BadParameter, match=r"^since: 'b1' is not a time in epoch milliseconds before 2100"):
        parse_span({"symbol": "GOOGL", "since": "b1"})


def test_the_cursor_of_a_page_loaded_long_ago_requests_all_rows_again() -> None:
    assert parse({"symbol": "GOOGL", "since": "s1709303400000"}).after == -1
    assert parse_subscription({"since": "s1709303400000"}, None).after == -1


def test_a_cursor_and_an_end_do_not_go_together() -> None:
    with pytest.raises(BadParameter) as refused:
        parse({"symbol": "GOOGL", "since": "b1", "until": "1709303400000"})
    assert refused.value.parameter == "until"


@given(st.text(), st.text(), st.text(), st.text())
def test_any_text_is_understood_or_refused(symbol: str, since: str, until: str, limit: str) -> None:
    with suppress(BadParameter):
        query = parse({"symbol": symbol, "since": since, "until": until, "limit": limit})
        assert query.symbol == symbol
        assert 1 <= query.limit <= 20_000


@pytest.mark.parametrize(
    ("args", "last", "after"),
    [
        ({}, None, None),
        ({"since": "b7"}, None, 7),
        ({"since": "b7"}, "9", 9),  # the browser came back
        ({}, "yesterday", -1),
        ({}, "9" * 30, -1),
    ],
)
def test_a_viewer_goes_on_after_its_last_event(args: dict[str, str], last: str | None, after: int | None) -> None:
    assert parse_subscription(args, last).after == after


@pytest.mark.parametrize(
    ("name", "value"), [("since", "7"), ("since", "b"), ("since", "b1\n"), ("symbol", ""), ("symbol", "A\x00")]
)
def test_a_bad_parameter_of_a_viewer_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadParameter) as refused:
        parse_subscription({name: value}, None)
    assert refused.value.parameter == name
