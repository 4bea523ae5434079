"""Which bars belong to the sessions that are wanted."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.cleaning.clean_bars import SessionSpan, session_dates
from stock_ml.domain.calendar import Calendars
from stock_ml.errors import BadInput
from tests.walks import frame, minutes_of, walk

DAYS = st.dates(date(2000, 1, 1), date(2030, 12, 31))


@given(DAYS, DAYS, DAYS)
def test_a_span_holds_its_first_day_its_last_one_and_those_between(first: date, last: date, day: date) -> None:
    first, last = sorted((first, last))
    span = SessionSpan.of(str(first), last)
    assert span.holds(pd.Series([pd.Timestamp(day)])).tolist() == [first <= day <= last]
    assert span.months()[0] <= f"{day:%Y-%m}" <= span.months()[1] or not first <= day <= last


def test_the_months_around_it_are_counted_over_the_turn_of_a_year() -> None:
    assert SessionSpan.of("2024-01-31", "2024-12-01").months(before=1, after=1) == ("2023-12", "2025-01")
    assert SessionSpan.of(None, None).holds(pd.Series([pd.Timestamp("1999-01-04")])).all()


@pytest.mark.parametrize(("first", "last"), [("2024-02-30", None), ("tomorrow", None), (None, "24-1-1"), ("", None)])
def test_what_is_no_day_is_refused(first: str | None, last: str | None) -> None:
    with pytest.raises(BadInput, match="is no day: write it as 2024-03-01"):
        SessionSpan.of(first, last)


def test_days_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(BadInput, match="2024-03-02, is after the last one, 2024-03-01"):
        SessionSpan.of("2024-03-02", "2024-03-01")


def test_each_bar_has_the_date_of_its_session_in_its_own_exchange() -> None:
    ts = minutes_of("2024-03-07", 2)
    evening = np.arange(1709852400, 1709852400 + 600, 60)  # 2024-03-07 23:00 UTC: futures trade for 03-08
    bars = pd.concat([frame("AAPL", walk(ts)), frame("GC=F", walk(evening))], ignore_index=True)
    found = session_dates(bars, Calendars("XNYS", (("GC=F", "CMES"),)))
    assert found.astype(str).tolist() == ["2024-03-07"] * 390 + ["2024-03-08"] * 400


def test_of_no_bars_there_are_no_dates() -> None:
    none = frame("AAPL", walk(minutes_of("2024-03-07", 1))).iloc[:0]
    assert session_dates(none, Calendars("XNYS")).dtype == "datetime64[ns]"
