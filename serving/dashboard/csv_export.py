"""Write bars and forecasts as CSV: a line a minute, its bar beside the forecast of it."""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import StringIO

from serving.dashboard.responses import BarRow, ForecastRow

BAR = ("open", "high", "low", "close", "volume", "filled", "outlier", "revision")
FORECAST = ("forecast", "lower_50", "upper_50", "lower_90", "upper_90", "model_version", "bar_time", "late")
CLOSE, OUTLIER = 4, 7
HEAD = ("time", *BAR, *FORECAST, "error_bp")


def csv_of(bars: Iterable[BarRow], forecasts: Iterable[ForecastRow]) -> str:
    """Return the lines by time, UTC in ISO 8601; what a minute lacks is empty, the error is in basis points."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    writer.writerow(HEAD)
    writer.writerows(_lines({b[0]: b for b in bars}, {f[0]: f for f in forecasts}))
    return out.getvalue()


def _lines(bars: dict[int, BarRow], forecasts: dict[int, ForecastRow]) -> Iterator[list[object]]:
    for ts in sorted(bars.keys() | forecasts.keys()):
        bar, forecast = bars.get(ts), forecasts.get(ts)
        error = round(1e4 * (forecast[1] / bar[CLOSE] - 1), 3) if bar and not bar[OUTLIER] and forecast else None
        yield [_time(ts), *(bar[1:] if bar else [None] * len(BAR)), *_forecast_cells(forecast), error]


def _forecast_cells(forecast: ForecastRow | None) -> list[object]:
    if forecast is None:
        return [None] * len(FORECAST)
    *numbers, bar_ts, late = forecast[1:]
    return [*numbers, _time(bar_ts), late]


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
