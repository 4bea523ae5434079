"""Read a response by the parser of its source's plug-in, and trust nothing that the parser gives."""

from itertools import islice

import pandas as pd

from stock_ml.domain.bars import MINUTE
from stock_ml.errors import BadFile, StockMLError
from stock_ml.source_plugins import Row, RowParser, raised_at
from stock_ml.sources.parsing.response import Response
from stock_ml.sources.parsing.rows import VALUES, frame_of, stamped

MOST = 1_000_000  # rows; a month around the clock has 44,640
AHEAD = 60 * MINUTE  # seconds that a stamp may be after the response: clocks differ


def rows_of(parser: RowParser, response: Response) -> pd.DataFrame:
    """Return the rows with `ts`; labels are in UTC. Raises BadFile where the parser fails, or its rows are none."""
    where = response.where
    rows = _parsed(parser, response)
    width = 1 + len(VALUES)
    wrong = next((row for row in rows if not isinstance(row, tuple) or len(row) != width), None)
    if wrong is not None or not rows:
        said = f"gives {wrong!r:.60}, no tuple of ts, {', '.join(VALUES)}" if rows else "finds no bars in it"
        raise BadFile(f"{where}: the plug-in's parser {said}")
    ts, values = stamped(list(zip(*rows, strict=True)), where)
    if (latest := int(ts.max())) > response.fetched_at + AHEAD:
        raise BadFile(f"{where}: the stamp {latest} is of the future; the plug-in must give UTC epoch seconds")
    return frame_of(pd.to_datetime(ts, unit="s").to_numpy("datetime64[ns]"), values).assign(ts=ts)


def _parsed(parser: RowParser, response: Response) -> list[Row]:
    try:
        rows = list(islice(parser(response.body), MOST + 1))
    except StockMLError:
        raise
    except Exception as error:  # noqa: BLE001  # a stranger's parser may raise anything
        raise BadFile(f"{response.where}: the plug-in's parser raised {raised_at(error)}") from None
    if len(rows) > MOST:
        raise BadFile(f"{response.where}: the plug-in's parser gives more than {MOST:,} rows")
    return rows
