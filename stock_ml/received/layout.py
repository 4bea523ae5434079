"""Alpha Vantage's two layouts, JSON and CSV, read strictly into rows as received."""

import numpy as np
import pandas as pd

from stock_ml.errors import BadFile
from stock_ml.received import csv_layout, csv_quick, json_layout
from stock_ml.received.rows import RULE, marked


def parse(body: bytes, where: str) -> pd.DataFrame:
    """Return the rows of an answer or a file as they came, in their order.

    Columns: `label` (naive, exchange time), open, high, low, close, volume (float64), and `broken`: the first column
    whose value breaks a rule of the record, "" where none does. A file's broken row is an error; a vendor's answer
    cannot be mended here, so its broken rows are marked, and refused one by one.
    Raises BadFile naming file, line and column.
    """
    if body.lstrip()[:1] == b"{":
        return marked(json_layout.rows_of(body, where))
    quick = csv_quick.rows_of(body)
    if quick is not None:
        return quick
    lines, rows = csv_layout.rows_of(body, where)
    frame = marked(rows)
    for at in np.flatnonzero(frame["broken"] != ""):
        column = frame["broken"][at]
        raise BadFile(f"{where}, line {lines[at]}, column {column}: {float(frame[column][at])} {RULE}")
    return frame
