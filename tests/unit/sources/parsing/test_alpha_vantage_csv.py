"""The quick reader gives exactly what the strict one gives, or nothing."""

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stock_ml.errors import BadFile
from stock_ml.sources.parsing import alpha_vantage_csv
from stock_ml.sources.parsing.rows import frame_of_rows

HEADER = "timestamp,open,high,low,close,volume"
ROW = "2024-03-01 09:30:00,10.0,11.0,9.5,10.5,1200"
LABELS = st.datetimes().map(lambda at: f"{at:%Y-%m-%d %H:%M:00}".rjust(19, "0"))
PRICES = st.sampled_from([10, 10.5, 2874.79, 0.1 + 0.2, 1e-5, 123456789.123456789]).map(lambda p: f"{p:.20f}")
FIELDS = st.one_of(PRICES, st.text("0123456789.- :e+_naif\t\"'", max_size=20))
CELLS = st.lists(st.one_of(LABELS, FIELDS), min_size=1, max_size=7)
WHOLE = st.builds(lambda at, p, v: [at, p, p, p, p, str(v)], LABELS, PRICES, st.integers(0, 10**15))
ROWS = st.lists(st.one_of(WHOLE, WHOLE, WHOLE, CELLS).map(",".join), max_size=6)


def strict(body: bytes) -> pd.DataFrame | None:
    try:
        _, rows = alpha_vantage_csv.rows_of(body, "a.csv")
    except BadFile:
        return None
    frame = frame_of_rows(rows)
    return None if (frame["broken"] != "").any() else frame


@given(ROWS, st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\r\r\n"]), st.sampled_from(["", "\ufeff"]), st.booleans())
@example(["2024-03-01 09:30-05,1,1,1,1,1"], "\n", "", True)
@example(["2024-02-30 09:30:00,1,1,1,1,1"], "\n", "", True)
@example(["2024-03-01 24:00:00,1,1,1,1,1"], "\n", "", True)
@example(["1600-03-01 09:30:00,1,1,1,1,1"], "\n", "", True)
@example(["2024-03-01 09:30:00, 1,1 ,1.,.1e,"], "\n", "", True)
@example(["2024-03-01 09:30:00,.5,1,.5,1.,-0"], "\r", "", False)
def test_what_it_reads_is_what_the_strict_reader_reads(rows, newline, mark, ended):
    body = (mark + newline.join([HEADER, *rows]) + newline * ended).encode()
    found = alpha_vantage_csv.read_fast(body)
    if found is not None:
        pd.testing.assert_frame_equal(found, strict(body), check_exact=True)


@given(st.lists(WHOLE.map(",".join), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_it_reads_every_well_formed_body_between_the_years_that_stamps_can_hold(rows, newline, ended):
    rows = [f"2024{row[4:]}".replace("2024-02-29", "2024-02-28") for row in rows]
    body = (newline.join([HEADER, *rows]) + newline * ended).encode()
    assert len(alpha_vantage_csv.read_fast(body)) == len(rows)


@pytest.mark.parametrize(
    "text", ["", HEADER, f"{HEADER}\n", f"a{HEADER}\n{ROW}", f'{HEADER}\n"{ROW}"', f"\n{HEADER}\n{ROW}"]
)
def test_what_only_the_strict_reader_can_tell_is_left_to_it(text):
    assert alpha_vantage_csv.read_fast(text.encode()) is None
