"""Which symbols a source is asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.doctor.source_access import MOST, symbols_to_ask

SYMBOLS = st.lists(st.sampled_from([f"S{number}" for number in range(20)]), min_size=1, unique=True)


@pytest.mark.parametrize(("known", "asked"), [((), ["A", "B"]), (("A",), ["B"]), (("A", "B", "C"), ["A"])])
def test_new_symbols_are_asked_for_and_one_where_none_is_new(known: tuple[str, ...], asked: list[str]) -> None:
    assert symbols_to_ask(("A", "B"), known) == asked


@given(SYMBOLS, SYMBOLS)
def test_it_costs_one_request_at_least_and_few_at_most(symbols: list[str], known: list[str]) -> None:
    asked = symbols_to_ask(symbols, known)
    assert 1 <= len(asked) <= MOST
    assert set(asked) <= set(symbols)
