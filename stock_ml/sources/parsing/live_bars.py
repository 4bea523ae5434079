"""The bars in a response, for the live path: regular hours, finished, ascending, as received."""

from stock_ml.domain.bars import MINUTE, Bar, largest_volume
from stock_ml.domain.calendar import Sessions
from stock_ml.sources.parsing.layout import read
from stock_ml.sources.parsing.response import Response
from stock_ml.sources.parsing.rows import VALUES
from stock_ml.sources.parsing.timestamp_convention import Convention, place


def bars_of(response: Response, convention: Convention, calendar: Sessions) -> list[Bar]:
    """Return the bars of a response within the sessions of `calendar`, ascending, not filled.

    Only bars whose minute was over when the response was given are among them.
    Rows that break a rule of the record are left out, and of several rows for a minute all but the fullest.
    Raises BadFile where the response is not in Alpha Vantage's layout.
    """
    rows = place(read(response), convention, calendar)
    rows = rows[(calendar.number(rows["ts"].to_numpy()) >= 0) & (rows["broken"] == "")]
    values = rows.iloc[largest_volume(rows)][["ts", *VALUES]].itertuples(index=False)
    bars = (Bar(response.symbol, ts, o, h, low, c, v, response.source) for ts, o, h, low, c, v in values)
    return [bar for bar in bars if bar.ts + MINUTE <= response.fetched_at]
