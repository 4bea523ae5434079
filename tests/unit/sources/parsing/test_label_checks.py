"""Labels that cannot be minutes of the exchange are refused by what they look like."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain.calendar import sessions
from stock_ml.errors import BadFile
from stock_ml.sources.parsing.label_checks import check_labels
from tests.hypothesis_budget import at_most
from tests.label_files import XNYS, feed, frame

MARCH = int(np.searchsorted(XNYS.dates, np.datetime64("2024-03-04")))  # New York's clock changes on the 10th
ALIKE = "give bars of one minute"


def moved(rows: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Return rows labelled in another zone."""
    aware = rows["label"].dt.tz_localize(XNYS.zone).dt.tz_convert(zone)
    return rows.assign(label=aware.dt.tz_localize(None))


@pytest.mark.parametrize(("size", "words"), [(2, "2-minute"), (5, "5-minute"), (60, "60-minute")])
def test_longer_bars_are_called_by_their_length(size, words):
    rows = feed("start")
    longer = rows[rows["label"].dt.minute % size == 0]
    with pytest.raises(BadFile, match=f"a.csv: these are {words} bars.*{ALIKE}"):
        check_labels(longer, XNYS, "a.csv")


def test_daily_bars_are_called_that():
    ts = XNYS.opens[MARCH : MARCH + 40]
    rows = frame(ts, "start")
    rows["label"] = rows["label"].dt.normalize()
    with pytest.raises(BadFile, match="these are daily bars"):
        check_labels(rows, XNYS, "a.csv")


@pytest.mark.parametrize("extended", [True, False])
def test_times_in_utc_are_named_on_both_sides_of_a_clock_change(extended):
    rows = moved(feed("start", 12, extended, first=MARCH), "UTC")
    with pytest.raises(BadFile) as caught:
        check_labels(rows, XNYS, "a.csv")
    message = str(caught.value)
    assert message.startswith("a.csv: from 2024-03-04 to 2024-03-0")
    assert "its labels look 5 h ahead of the clock of XNYS" in message
    assert "; from 2024-03-11 to 2024-03-19 its labels look 4 h ahead of the clock of XNYS" in message
    assert "as times in UTC are. Give labels in America/New_York, or set STOCKML_EXCHANGE" in message


def test_a_fixed_zone_is_wrong_only_after_the_clock_change():
    rows = moved(feed("end", 12, first=MARCH), "Etc/GMT+5")
    with pytest.raises(BadFile, match=r"a.csv: from 2024-03-11 to 2024-03-19 its labels look 1 h behind the clock of"):
        check_labels(rows, XNYS, "a.csv")


def test_half_hours_of_a_zone_are_named():
    rows = moved(feed("start", 12, first=MARCH - 20), "Asia/Kolkata")
    with pytest.raises(BadFile, match=r"10.5 h ahead of the clock"):
        check_labels(rows, XNYS, "a.csv")


def test_bars_of_another_exchanges_hours_are_named():
    mumbai = np.concatenate(
        [np.arange(XNYS.opens[n] - 900, XNYS.opens[n] + 360 * 60, 60) for n in range(MARCH, MARCH + 3)]
    )
    rows = frame(mumbai, "start", 0.1, 50_000.0)
    with pytest.raises(
        BadFile, match=r"its bars run from 09:15 to 15:29, and in 3 of 3 sessions of XNYS none is in the last"
    ):
        check_labels(rows, XNYS, "a.csv")


def test_trading_around_the_clock_is_not_that_of_an_exchange_with_sessions():
    start = int(np.datetime64("2024-03-11", "s").astype(int))
    rows = frame(np.arange(start, start + 8 * 86_400, 60), "start")
    with pytest.raises(BadFile, match=r"a.csv: 2\d% of its trading is in the sessions of XNYS; set STOCKML_EXCHANGE"):
        check_labels(rows, XNYS, "a.csv")
    rows["label"] = pd.to_datetime(np.arange(start, start + 8 * 86_400, 60), unit="s")
    check_labels(rows, sessions("24/7"), "a.csv")


@given(
    st.sampled_from(["start", "end"]),
    st.booleans(),
    st.integers(1, 15),
    st.integers(-40, 40),
    st.floats(0.02, 1),
    st.integers(0, 2**32 - 1),
)
@at_most(30)
def test_minutes_on_the_exchanges_clock_pass_however_few_trade(labels, extended, count, first, share, seed):
    rows = feed(labels, count, extended, seed, MARCH + first)
    traded = np.random.default_rng(seed).random(len(rows)) < share
    check_labels(rows[traded], XNYS, "a.csv")


def test_bars_without_a_volume_are_looked_at_by_their_range():
    rows = feed("start", 12, first=MARCH, extended=True).assign(volume=0.0)
    check_labels(rows, XNYS, "a.csv")
    with pytest.raises(BadFile, match="5 h ahead"):
        check_labels(moved(rows, "UTC"), XNYS, "a.csv")
