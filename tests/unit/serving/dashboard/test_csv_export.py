import csv
from io import StringIO

from serving.dashboard.csv_export import csv_of

T = 1_709_303_400_000  # 2024-03-01 14:30 UTC
BARS = [(T, 1.0, 2.0, 0.5, 100.0, 10.0, False, False, 0), (T + 60_000, 1.0, 2.0, 0.5, 200.0, 0.0, True, False, 2)]
FORECASTS = [
    (T + 60_000, 202.0, 199.0, 203.0, 198.0, 204.0, "7", T, False),
    (T + 120_000, 201.0, 199.0, 203.0, 198.0, 204.0, "8", T + 60_000, True),
]


def test_each_minute_is_a_line_with_its_bar_its_forecast_and_the_error() -> None:
    lines = list(csv.DictReader(StringIO(csv_of(BARS, FORECASTS))))
    assert [line["time"] for line in lines] == [f"2024-03-01T14:{m}:00Z" for m in (30, 31, 32)]
    assert [line["close"] for line in lines] == ["100.0", "200.0", ""]
    assert [line["forecast"] for line in lines] == ["", "202.0", "201.0"]
    assert [line["error_bp"] for line in lines] == ["", "100.0", ""]
    assert [line["revision"] for line in lines] == ["0", "2", ""]
    assert (lines[1]["bar_time"], lines[2]["model_version"], lines[2]["late"]) == ("2024-03-01T14:30:00Z", "8", "True")


def test_an_outlier_is_there_and_no_error_is_measured_by_it() -> None:
    outlier = (T + 60_000, 1.0, 2.0, 0.5, 20_000.0, 5.0, False, True, 0)
    [line] = csv.DictReader(StringIO(csv_of([outlier], FORECASTS[:1])))
    assert (line["close"], line["outlier"], line["error_bp"]) == ("20000.0", "True", "")


def test_without_rows_there_is_a_head() -> None:
    assert csv_of([], []).startswith("time,open,high,low,close,volume,filled,outlier,revision,forecast,")
