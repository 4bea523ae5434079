import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.config import Settings
from stock_ml.domain.spelling import nearest

NAMES = sorted(name.upper() for name in Settings.model_fields)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("HORZON", "HORIZON"), ("SYMBOL", "SYMBOLS"), ("SOURCES", "SOURCE"), ("PORT_DASHBOARD", None), ("X", None)],
)
def test_the_name_that_was_meant_is_found_and_no_other_is_guessed(name: str, meant: str | None) -> None:
    assert nearest(name, NAMES) == meant


@given(st.sampled_from([name for name in NAMES if len(name) >= 6]), st.data())
def test_a_letter_too_few_still_finds_a_name_and_none_is_its_own(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    assert nearest(name[:at] + name[at + 1 :], NAMES) is not None
    assert nearest(name, NAMES) == name
