"""Alpha Vantage's CSV layout by columns: quick for what is plainly well-formed, silent about everything else."""

import io
import re

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute, csv

from stock_ml.sources.parsing.alpha_vantage_csv import COLUMNS, HEADERS
from stock_ml.sources.parsing.rows import LAST_YEAR, VALUES, frame_of

HEAD = re.compile(b"(?:\xef\xbb\xbf)?(?:" + b"|".join(re.escape(",".join(h).encode()) for h in HEADERS) + b")\r?\n")
PLAIN = b"0123456789.,-: \r\n"  # without quotes, signs of exponents and names of numbers two readers agree on all
TYPES = {"label": pa.string()} | {name: pa.float64() for name in VALUES}
MINUTE = r"^20[0-3]\d-\d\d-\d\d \d\d:\d\d:00$"


def rows_of(body: bytes) -> pd.DataFrame | None:
    """Return the rows that the strict reader would return, None where only that one can tell."""
    head = HEAD.match(body)
    if head is None or body[head.end() :].translate(None, PLAIN):
        return None
    try:
        return _framed(_table(body[head.end() :]))
    except pa.ArrowInvalid:
        return None


def _table(rows: bytes) -> pa.Table:
    reading = csv.ReadOptions(column_names=COLUMNS, use_threads=False)
    parsing = csv.ParseOptions(quote_char=False)
    kinds = csv.ConvertOptions(column_types=TYPES, null_values=[], strings_can_be_null=False)
    return csv.read_csv(io.BytesIO(rows), reading, parsing, kinds)


def _framed(table: pa.Table) -> pd.DataFrame | None:
    labels = table["label"]
    if not compute.all(compute.match_substring_regex(labels, MINUTE)).as_py():
        return None
    stamps = labels.cast(pa.timestamp("s")).to_numpy()
    if (stamps >= np.datetime64(str(LAST_YEAR + 1))).any():
        return None
    values = np.column_stack([table[name].to_numpy() for name in VALUES])
    frame = frame_of(stamps.astype("datetime64[ns]"), values)
    return None if (frame["broken"] != "").any() else frame
