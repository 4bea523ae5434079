"""Read Alpha Vantage's, Yahoo's and Alpaca's layouts strictly into rows, and rows into live bars."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import orjson
import pandas as pd

from stock_ml.domain import official_close
from stock_ml.domain.bars import MINUTE, Bar, largest_volume
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BadFile
from stock_ml.source_plugins import parser_of
from stock_ml.sources.parsing import (
    alpaca_json,
    alpha_vantage_csv,
    alpha_vantage_json,
    gzip_body,
    plugin_rows,
    tables,
    yahoo_json,
)
from stock_ml.sources.parsing.response import WHOLE_FILE, Response
from stock_ml.sources.parsing.rows import NO_TRADE, OFF_MINUTE, RULE, VALUES, frame_of_rows
from stock_ml.sources.parsing.timestamp_convention import Convention, place

FARTHEST = pd.Timedelta(hours=15)  # no exchange's clock is farther ahead of UTC, with an hour for clocks that differ


def read(response: Response) -> pd.DataFrame:
    """Return a response's rows as `parse` does, or as the plug-in of its source does.

    Raises BadFile too where one is of a day still to come.
    """
    parser = parser_of(response.source)
    if parser:
        rows = _whole(plugin_rows.rows_of(parser, response), response.where)
    else:
        rows = parse(response.body, response.where, of_file=False)
    latest = rows["label"].max()
    if latest > pd.Timestamp(response.fetched_at, unit="s") + FARTHEST:
        raise BadFile(
            f"{response.where}, column label: {latest} was still to come when it was received; see the clocks"
        )
    return rows


def parse(body: bytes, where: str, *, of_file: bool = True) -> pd.DataFrame:
    """Return the rows of a response or a file as they came, in their order.

    Columns: `label` (naive, exchange time), open, high, low, close, volume (float64, null as NaN), `broken` and
    `clipped`. `broken` is "" for a bar, else why the row is none: the first column whose value breaks a rule of the
    record, "stamp" off the full minute, "no trade", or "unknown volume". `clipped` marks the rows whose high or low was
    widened by a rounding. `ts` (UTC epoch seconds, int64) only where the source itself stamps a bar's open in UTC.
    `attrs` has `where`, and the `zone` that a response names.
    With `of_file` a broken row of CSV is an error, which names it; else broken rows are marked, and refused one by one.
    Raises BadFile naming file, line and column.
    """
    plain = gzip_body.decompress(body, where)
    if tables.is_stamped(plain):
        return _whole(tables.stamped_rows(plain, where), where)
    frame = _from_json(plain, where) if plain.lstrip()[:1] in (b"{", b"[") else _from_csv(plain, where, of_file)
    return _whole(frame, where)


def _whole(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    if (frame["broken"] == NO_TRADE).all():
        raise BadFile(f"{where} holds no bars: none of its {len(frame)} rows has both prices and a volume")
    frame.attrs["where"] = where
    return frame


def _from_json(body: bytes, where: str) -> pd.DataFrame:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadFile(f"{where} begins like JSON and is none: {error}") from error
    if alpaca_json.is_page(document):
        return alpaca_json.rows_of(document, where)
    if yahoo_json.is_chart(document):
        return yahoo_json.rows_of(document, where)
    frame = frame_of_rows(alpha_vantage_json.rows_of(document, where))
    frame.attrs["zone"] = alpha_vantage_json.zone_of(document)
    return frame


def _from_csv(body: bytes, where: str, of_file: bool) -> pd.DataFrame:
    quick = alpha_vantage_csv.read_fast(body)
    if quick is not None:
        return quick
    lines, rows = alpha_vantage_csv.rows_of(body, where)
    frame = frame_of_rows(rows)
    for at in np.flatnonzero(~frame["broken"].isin(("", NO_TRADE))) if of_file else ():
        raise BadFile(_defect(frame.iloc[at], f"{where}, line {lines[at]}"))
    return frame


def _defect(row: "pd.Series[Any]", where: str) -> str:
    column = row["broken"]
    if column == OFF_MINUTE:
        return f"{where}, column label: {str(row['label'])!r} is no minute like 2024-03-01 09:30:00"
    return f"{where}, column {column}: {float(row[column])} {RULE}"


class LiveRows(NamedTuple):
    """Hold the bars and the official closes of a response, each ascending."""

    bars: list[Bar]
    official_closes: list[OfficialClose]


def live_rows(response: Response, convention: Convention, calendar: Sessions) -> LiveRows:
    """Return the bars of a response within the sessions of `calendar`, not filled, and its official closes.

    They are of the month that was asked for, if one was, and their minute was over when the response was given. Rows
    that are no bar, such as a minute without a trade or a row that breaks a rule of the record, are left out; of
    several rows for a minute the one with the largest volume stays. Raises BadFile where the layout is not known.
    """
    rows = place(_of_month(read(response), response.month, calendar), convention, calendar)
    final = (rows["broken"].to_numpy() == "") & (rows["ts"].to_numpy() + MINUTE <= response.fetched_at)
    rows = _largest(_where(rows, final))
    inside = calendar.number(rows["ts"].to_numpy()) >= 0
    values, found = _tuples(_where(rows, inside), "ts", *VALUES), _official(rows, inside, calendar)
    bars = [Bar(response.symbol, ts, o, h, low, c, v, response.source) for ts, o, h, low, c, v in values]
    return LiveRows(bars, [OfficialClose(response.symbol, ts, c, v, response.source) for ts, c, v in found])


def _where(rows: pd.DataFrame, chosen: np.ndarray) -> pd.DataFrame:
    """Return the rows of a mask; a pushed response is of one row, and a copy of it takes as long as its parsing."""
    return rows if chosen.all() else rows[chosen]


def _largest(rows: pd.DataFrame) -> pd.DataFrame:
    return rows if (np.diff(rows["ts"].to_numpy()) > 0).all() else rows.iloc[largest_volume(rows)]


def _official(rows: pd.DataFrame, inside: np.ndarray, calendar: Sessions) -> "Iterable[tuple[Any, ...]]":
    if inside.all():
        return ()
    others = rows[~inside]
    return _tuples(others[official_close.find(rows[inside], others, calendar)], "ts", "close", "volume")


def _tuples(rows: pd.DataFrame, *columns: str) -> "zip[tuple[Any, ...]]":
    """Return some columns of each row; `itertuples` takes a millisecond, as long as all else of a live response."""
    return zip(*(rows[column].tolist() for column in columns), strict=True)


def bars_of(response: Response, convention: Convention, calendar: Sessions) -> list[Bar]:
    """Return the bars of a response, as `live_rows` does."""
    return live_rows(response, convention, calendar).bars


def row_months(rows: pd.DataFrame, calendar: Sessions) -> np.ndarray:
    """Return the month of each row as datetime64[M], (n,), by its session's date in the exchange's own time.

    So a month holds whole sessions where they open on the evening before. A source that stamps rows in UTC may state
    another zone.
    """
    if "ts" in rows:
        return calendar.session_days(rows["ts"].to_numpy()).astype("datetime64[M]")
    labels = rows["label"].to_numpy("datetime64[s]") + np.timedelta64(calendar.lead, "s")
    return np.asarray(labels.astype("datetime64[M]"))


def _of_month(rows: pd.DataFrame, month: str | None, calendar: Sessions) -> pd.DataFrame:
    if month in (None, WHOLE_FILE):
        return rows
    inside: pd.DataFrame = rows[row_months(rows, calendar) == np.datetime64(str(month), "M")]
    return inside
