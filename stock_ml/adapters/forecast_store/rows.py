"""What is stored: one row a bar, one row a forecast."""

from typing import NamedTuple


class BarRow(NamedTuple):
    """Hold one minute as stored; `ts` in UTC epoch seconds. `late`: a newer bar of the symbol was known before it."""

    symbol: str
    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    filled: bool
    source: str
    late: bool


class ForecastRow(NamedTuple):
    """Hold one forecast as stored; times in UTC epoch seconds, `session` as YYYY-MM-DD, bounds as prices.

    `late`: the target was known when it was made.
    """

    symbol: str
    bar_ts: int
    horizon: int
    target_ts: int
    session: str
    last_close: float
    predicted_close: float
    lower_50: float
    upper_50: float
    lower_90: float
    upper_90: float
    lower_99: float
    upper_99: float
    model_version: str
    trained_until: float
    made_at: float
    late: bool
