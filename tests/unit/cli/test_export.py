"""`stockml data export` writes what the lake holds, and never over a file."""

import io
import resource
from pathlib import Path

import pandas as pd
import pytest

from stock_ml.adapters.lake import parquet
from stock_ml.cli.data import encoded, write_new
from stock_ml.domain.bars import COLUMNS
from stock_ml.errors import BadInput, HostError
from tests.walks import frame, minutes_of, walk

BARS = frame("GOOGL", walk(minutes_of("2024-03-07", 1))).assign(session=pd.Timestamp("2024-03-07"))


def test_parquet_has_the_bars_of_the_lake() -> None:
    pd.testing.assert_frame_equal(parquet.from_bytes(encoded(BARS, "parquet")), BARS[COLUMNS])


def test_csv_has_the_same_numbers_bit_for_bit_and_times_with_their_zone() -> None:
    body = encoded(BARS, "csv")
    assert body.splitlines()[1].startswith(b"GOOGL,2024-03-07T14:30:00Z,")
    read = pd.read_csv(io.BytesIO(body), float_precision="round_trip", parse_dates=["ts"])
    assert read["ts"].tolist() == BARS["ts"].tolist()
    pd.testing.assert_frame_equal(read.drop(columns="ts"), BARS[COLUMNS].drop(columns="ts"), check_exact=True)


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    (path := tmp_path / "bars.csv").write_bytes(b"mine")
    with pytest.raises(BadInput, match=r"bars\.csv exists, and stays as it is"):
        write_new(path, b"new")
    assert path.read_bytes() == b"mine"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="No such file or directory"):
        write_new(tmp_path / "no" / "bars.csv", b"new")


def test_what_cannot_be_written_whole_leaves_no_file(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(HostError, match="File too large"):
            write_new(tmp_path / "bars.csv", b"more than ten bytes")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())
