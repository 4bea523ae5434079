"""A person reads in the task's log what became of every row."""

import logging

from stock_ml.cleaning.run_report import log_reports

REPORT = {
    **{"rows_read": 3745, "kept": 3559, "extended_hours": 180, "session_closed": 0, "duplicates": 1, "superseded": 2},
    **{"no_trade": 7, "clipped": 8},
    **{
        "out_of_order": 0,
        "filled": 341,
        "left_out": 0,
        "feed_gap_minutes": 2,
        "coverage": 0.9125,
        "refused": {"bad high": 3},
    },
    **{"outliers": {"count": 4}, "zero_volume": {"bars": 5}, "refused_rows": "quality/refused.csv"},
}


def test_a_month_is_a_line_of_a_table_and_refused_rows_are_warned_about(caplog):
    with caplog.at_level(logging.INFO):
        log_reports("GOOGL", {"2021-09": REPORT | {"coverage": None, "refused": {}}, "2021-08": REPORT})
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].strip() == "Quality of GOOGL"
    [august, september] = [line.split() for line in lines if line.strip().startswith("2021")]
    counts = ["3,745", "3,559", "180", "0", "1", "2", "0", "7", "8", "3", "341", "0", "2", "4", "5"]
    assert august == ["2021-08", *counts, "91.2%"]
    assert september[-1] == "-"
    assert lines[-1] == "GOOGL 2021-08: 3 rows refused, bad high; they are in quality/refused.csv"
    assert caplog.records[-1].levelname == "WARNING"


def test_days_on_which_the_feed_traded_and_the_calendar_does_not_know_are_named(caplog):
    days = {"2024-11-01": 60, "2024-11-03": 45}
    log_reports("TCS", {"2024-11": REPORT | {"refused": {}, "rules": {"exchange": "XBOM"}, "unknown_days": days}})
    [record] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "TCS 2024-11: the feed traded on days that the calendar of XBOM does not know: " in record.getMessage()
    assert "2024-11-01 (60 rows), 2024-11-03 (45 rows)" in record.getMessage()
