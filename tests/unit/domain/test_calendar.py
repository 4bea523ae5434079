"""The days that break others: clock changes, half days, halts, splits, closures at short notice, sessions' edges."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stock_ml.cleaning.rules import CleanBars, CleaningParameters, clean
from stock_ml.config import load
from stock_ml.domain.bars import broken, epoch
from stock_ml.domain.calendar import RELEASE, RELEASED, Calendars, end_fault, release_warning, sessions
from stock_ml.errors import BadSetting
from stock_ml.sources.parsing import place

XNYS = sessions("XNYS")


def labelled(first: str, last: str, price: float = 100.0) -> pd.DataFrame:
    """Return a row for each minute from a stamp to a stamp, in New York's time, labelled by the minute's end."""
    label = pd.Series(pd.date_range(first, last, freq="min"))
    values = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), price), index=label.index)
    return values.assign(label=label, broken=broken(values.to_numpy()))


def cleaned(*parts: pd.DataFrame, calendar=XNYS, limit: int = 15) -> CleanBars:
    rows = place(pd.concat(parts, ignore_index=True), "end", calendar)
    until = float(rows["ts"].max()) + 60
    number = calendar.number(rows["ts"].to_numpy())
    span = float(calendar.opens[number[number >= 0].min()]), until
    return clean(rows, "GOOGL", "csv", CleaningParameters(calendar, limit, until, span))


def in_new_york(bars: pd.DataFrame) -> list[str]:
    return bars["ts"].dt.tz_convert("America/New_York").dt.strftime("%m-%d %H:%M").tolist()


@pytest.mark.parametrize(
    ("friday", "monday", "hours"),
    [("2021-03-12", "2021-03-15", (14, 13)), ("2021-11-05", "2021-11-08", (13, 14))],
    ids=["spring", "autumn"],
)
def test_a_clock_change_moves_the_open_in_utc_and_no_bar(friday, monday, hours):
    result = cleaned(*(labelled(f"{day} 04:01", f"{day} 20:00") for day in (friday, monday)))
    assert len(result.bars) == 780
    assert result.bars["ts"].dt.hour.iloc[[0, 390]].tolist() == list(hours)
    assert result.bars["ts"].dt.minute.iloc[[0, 390]].tolist() == [30, 30]
    assert result.report["coverage"] == 1.0


def test_the_half_day_after_thanksgiving_ends_at_one_and_its_afternoon_is_closed():
    result = cleaned(labelled("2021-11-24 09:31", "2021-11-24 16:00"), labelled("2021-11-26 04:01", "2021-11-26 17:00"))
    assert in_new_york(result.bars)[-1] == "11-26 12:59"
    assert result.report["sessions"]["2021-11-26"] == {"received": 210, "filled": 0, "minutes": 210}
    assert result.report["closed_minutes"] == {"2021-11-25": 390, "2021-11-26": 180}
    assert result.report["feed_gap_minutes"] == 0


def test_a_market_wide_halt_of_a_quarter_of_an_hour_is_no_trade():
    # 2020-03-18: the S&P 500 fell 7 %, trading stopped at 12:56 and went on at 13:11
    parts = labelled("2020-03-18 09:31", "2020-03-18 12:57"), labelled("2020-03-18 13:12", "2020-03-18 16:00", 90.0)
    result = cleaned(*parts)
    assert (result.report["filled"], result.report["feed_gaps"]) == (14, [])
    halted = result.bars[result.bars["filled"]]
    assert in_new_york(halted)[0::13] == ["03-18 12:57", "03-18 13:10"]
    assert halted["close"].unique().tolist() == [100.0]
    assert cleaned(*parts, limit=13).report["feed_gaps"] == [{"from": "2020-03-18T16:57:00+00:00", "minutes": 14}]


def test_a_split_stays_as_it_was_traded_and_no_bar_of_it_is_an_outlier():
    # 2022-07-18: GOOGL 20:1, 2,235 the session before and 111 the session after; cleaning never rewrites prices
    result = cleaned(
        labelled("2022-07-15 09:31", "2022-07-15 16:00", 2235.0),
        labelled("2022-07-18 09:31", "2022-07-18 16:00", 111.75),
    )
    assert result.bars["close"].iloc[[389, 390]].tolist() == [2235.0, 111.75]
    assert result.report["filled"] == 0


def test_a_day_closed_at_short_notice_is_no_gap():
    # 2018-12-05: closed on four days' notice, for the funeral of George H. W. Bush
    around = labelled("2018-12-04 09:31", "2018-12-04 16:00"), labelled("2018-12-06 09:31", "2018-12-06 16:00")
    report = cleaned(*around).report
    assert report["closed_minutes"] == {"2018-12-05": 390}
    assert report["feed_gaps"] == []
    assert list(report["sessions"]) == ["2018-12-04", "2018-12-06"]


def test_a_closure_that_the_library_does_not_know_is_a_setting():
    around = labelled("2024-03-05 09:31", "2024-03-05 16:00"), labelled("2024-03-07 09:31", "2024-03-07 16:00")
    assert cleaned(*around).report["feed_gap_minutes"] == 390
    report = cleaned(*around, calendar=sessions("XNYS", ("XNYS:2024-03-06", "XLON:2024-03-05"))).report
    assert (report["feed_gap_minutes"], report["closed_minutes"]) == (0, {"2024-03-06": 390})


def test_a_closure_may_begin_within_a_session():
    early = sessions("XNYS", ("XNYS:2024-03-06T13:00",))
    bars = cleaned(labelled("2024-03-06 09:31", "2024-03-06 16:00"), calendar=early).bars
    assert (in_new_york(bars)[-1], len(bars)) == ("03-06 12:59", 210)


def test_first_and_last_minute_of_a_session_are_in_and_their_neighbours_are_not():
    edges = [labelled(f"2024-03-06 {at}", f"2024-03-06 {at}") for at in ("09:30", "09:31", "16:00", "16:01")]
    result = cleaned(*edges)
    assert in_new_york(result.bars) == ["03-06 09:30", "03-06 15:59"]
    assert result.report["extended_hours"] == 2
    assert epoch(result.bars["ts"]).tolist() == [
        XNYS.opens[XNYS.number(epoch(result.bars["ts"]))[0]],
        XNYS.closes[XNYS.number(epoch(result.bars["ts"]))[0]] - 60,
    ]


def test_a_symbol_may_have_an_exchange_of_its_own():
    calendars = load(exchanges="vod:xlon", symbols="VOD,AAPL", closures="XLON:2024-03-06").calendars
    assert (calendars.of("VOD").exchange, calendars.of("AAPL").exchange) == ("XLON", "XNYS")
    assert np.datetime64("2024-03-06") not in calendars.of("VOD").dates
    assert np.datetime64("2024-03-06") in calendars.of("AAPL").dates


def test_an_exchange_is_loaded_once_and_what_is_told_of_others_makes_no_other_sessions():
    closed_elsewhere = sessions("XNYS", ("XLON:2024-03-06",))
    assert sessions("XNYS") is sessions("XNYS", ()) is closed_elsewhere is Calendars("XNYS").of("AAPL")
    mumbai, national = sessions("XBOM"), sessions("XNSE")
    assert national.exchange == "XNSE"
    assert national.parts.opens is mumbai.parts.opens


@pytest.mark.parametrize("closure", ["XNYS:2024-03-02", "XNYS:2024-13-01", "XNYS:2024-03-06T25:00"])
def test_a_closure_of_no_session_is_refused(closure):
    with pytest.raises(BadSetting, match="STOCKML_CLOSURES: '2024"):
        Calendars("XNYS", closures=(closure,)).of("AAPL")


@pytest.mark.parametrize(("name", "value"), [("closures", "2024-03-06"), ("exchanges", "VOD")])
def test_settings_that_cannot_be_read_are_refused_by_name(name, value):
    with pytest.raises(BadSetting, match=f"STOCKML_{name.upper()}"):
        load(**{name: value})


def test_calendars_that_ended_are_named_with_what_to_update():
    mumbai, bombay = sessions("XBOM"), sessions("XNSE")
    last = float(mumbai.closes[-1])
    assert end_fault(last - 1, [mumbai, XNYS]) is None
    day = mumbai.dates[-1]
    assert end_fault(last, [XNYS, mumbai, bombay]) == (
        f"sessions are known of XBOM until {day}, XNSE until {day} only, so these symbols wait: "
        "update exchange-calendars (`git pull`, then `make up`)"
    )


def test_a_release_of_the_calendars_is_old_after_a_year():
    released = float(RELEASED.astype("datetime64[s]").astype(np.int64))
    assert release_warning(RELEASE, released + 365 * 86_400) is None
    said = f"exchange-calendars {RELEASE} is of {RELEASED}: it lacks closures that were announced since"
    assert release_warning(RELEASE, released + 365 * 86_400 + 1) == said
    assert release_warning("4.99", released + 9e9) is None  # nobody knows when that was


def test_the_release_date_is_that_of_the_pinned_version():
    lock = Path(__file__).parents[3] / "requirements.txt"
    assert f"exchange-calendars=={RELEASE} " in lock.read_text()
