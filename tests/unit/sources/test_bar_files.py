"""Each layout is read back equal to the bars that were written, in the right zone, or refused in words."""

import gzip
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from pyarrow import parquet

from sandbox.market import Market
from stock_ml import errors
from stock_ml.cleaning.label_convention import check_files
from stock_ml.config import Settings, load, symbol_of
from stock_ml.domain.bars import MINUTE
from stock_ml.sources import file_tables, file_translation
from stock_ml.sources.csv_files import CsvFiles
from stock_ml.sources.parsing import detect_convention, place, read
from tests.bar_files import NAMES, NEW_YORK, SECONDS, UTC, VARIANTS, Bars, Variant, iso, plain, text
from tests.label_files import XNYS

FIRST = int(np.searchsorted(XNYS.dates, np.datetime64("2024-03-08")))  # clocks change after the first session


def market(count: int = 2, first: int = FIRST, symbols: tuple[str, ...] = ("AAPL", "KO")) -> list[Bars]:
    days = {symbol: Market(7, XNYS).regular(symbol, range(first, first + count)) for symbol in symbols}
    return [Bars(symbol, day.ts, day.values) for symbol, day in days.items()]


MARKET = market()


def settings(path: Path, **given: object) -> Settings:
    return load(_env_file=None, source="csv", csv_path=path, **given)


def written(variant: Variant, folder: Path) -> tuple[Settings, list[Bars]]:
    bars = MARKET[:1] if variant.one_symbol else MARKET
    variant.write(folder, bars)
    return settings(folder, **({"symbols": ",".join(b.symbol for b in bars)} if variant.name_symbols else {})), bars


def bars_read(s: Settings, symbol: str) -> pd.DataFrame:
    rows = read(CsvFiles.connect(s).fetch(symbol))
    placed = place(rows, detect_convention(rows, s.calendars.of(symbol)), s.calendars.of(symbol))
    return placed[placed["broken"] == ""].sort_values("ts")


def assert_equal(found: pd.DataFrame, bars: Bars) -> None:
    assert np.array_equal(found["ts"], bars.ts)
    assert np.array_equal(found[list(NAMES)], bars.values)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_layout_is_read_back_equal_to_the_bars_that_were_written(variant, tmp_path):
    s, market = written(variant, tmp_path)
    said = check_files(s)
    for bars, words in zip(sorted(market, key=lambda bars: bars.symbol), said, strict=True):
        assert_equal(bars_read(s, bars.symbol), bars)
        assert f"{bars.symbol}: " in words
        assert words.endswith("sessions of XNYS: 2024-03-08 to 2024-03-11")


def test_what_was_understood_is_said(tmp_path):
    (tmp_path / "AAPL.csv").write_bytes(plain("timestamp", SECONDS, UTC, shift=60)(MARKET[0]))
    assert check_files(settings(tmp_path)) == [
        f"AAPL: {len(MARKET[0].ts):,} rows of AAPL.csv; layout: a plain table; zone of the stamps: UTC, learned from "
        "the sessions; a stamp marks the end of its minute; sessions of XNYS: 2024-03-08 to 2024-03-11"
    ]


@pytest.mark.parametrize("zone", [NEW_YORK, "UTC", "Etc/GMT+5", "Europe/Athens", "Europe/Warsaw", "America/Chicago"])
@pytest.mark.parametrize(
    ("first", "shift"), [("2024-03-06", 0), ("2024-06-03", 60), ("2024-10-30", 60), ("2025-03-26", 0)]
)
def test_the_zone_of_naive_stamps_is_learned_or_asked_and_never_silently_wrong(zone, first, shift, tmp_path):
    # three sessions, and one after a change of clocks: most rows must not outvote the others
    [bars] = market(4, int(np.searchsorted(XNYS.dates, np.datetime64(first))), ("AAPL",))
    (tmp_path / "AAPL.csv").write_bytes(plain("date", SECONDS, zone, shift=shift)(bars))
    try:
        found = bars_read(settings(tmp_path), "AAPL")
    except errors.AmbiguousReading:
        found = bars_read(settings(tmp_path, csv_zone=zone), "AAPL")
    assert_equal(found, bars)


@limits(deadline=None)
@given(st.integers(0, 389), st.integers(1, 390), st.sampled_from(["UTC", NEW_YORK, "America/Chicago"]))
def test_a_piece_of_a_session_in_utc_or_new_york_is_never_read_in_the_other(tmp_path_factory, start, length, zone):
    folder = tmp_path_factory.mktemp("bars")
    [bars] = market(1, symbols=("AAPL",))
    part = Bars("AAPL", bars.ts[start : start + length], bars.values[start : start + length])
    if not len(part.ts):
        return
    (folder / "AAPL.csv").write_bytes(plain("date", SECONDS, zone)(part))
    s = settings(folder, labels="start")
    try:
        found = bars_read(s, "AAPL")
    except errors.AmbiguousReading:
        return
    if zone != "America/Chicago":
        assert_equal(found, part)


def test_stamps_that_fit_two_zones_are_asked_for_and_the_setting_decides(tmp_path):
    [bars] = market(3, symbols=("AAPL",))
    local = bars.stamps(NEW_YORK)
    hour = (local.hour == 14) & (local.minute > 30)  # in UTC: 18:31 to 18:59, or 09:31 to 09:59 in New York
    part = Bars("AAPL", bars.ts[hour], bars.values[hour])
    (tmp_path / "AAPL.csv").write_bytes(plain("date", SECONDS, NEW_YORK)(part))
    with pytest.raises(
        errors.AmbiguousReading, match=r"AAPL.csv: its stamps name no time zone, and two readings fit: Am"
    ):
        CsvFiles.connect(settings(tmp_path)).fetch("AAPL")
    for zone in (NEW_YORK, "UTC"):
        s = settings(tmp_path, csv_zone=zone, labels="start")
        found = bars_read(s, "AAPL")
        assert (found["ts"].to_numpy() == part.ts).all() == (zone == NEW_YORK)


def test_clocks_that_change_on_other_days_than_a_known_zone_are_refused(tmp_path):
    [bars] = market(30, int(np.searchsorted(XNYS.dates, np.datetime64("2024-02-20"))), ("AAPL",))
    frame = bars.frame()
    frame.insert(0, "date", (bars.stamps(NEW_YORK).tz_localize(None) + pd.Timedelta(hours=7)).strftime(SECONDS))
    (tmp_path / "AAPL.csv").write_bytes(text(frame))  # servers of MetaTrader whose days end with New York's
    with pytest.raises(errors.AmbiguousReading, match=r"AAPL.csv: its stamps fit .* clock is changed on other days"):
        CsvFiles.connect(settings(tmp_path)).fetch("AAPL")


def test_naive_stamps_of_a_market_that_never_closes_are_asked_for(tmp_path):
    (tmp_path / "AAPL.csv").write_bytes(plain("date", SECONDS, UTC)(MARKET[0]))
    with pytest.raises(errors.AmbiguousReading, match="CSV_ZONE=UTC"):
        CsvFiles.connect(settings(tmp_path, exchange="24/7")).fetch("AAPL")
    s = settings(tmp_path, exchange="24/7", csv_zone="UTC", labels="start")
    assert_equal(bars_read(s, "AAPL"), MARKET[0])


@pytest.mark.parametrize("zone", ["US", "New York", "../UTC", "Mars/Base"])
def test_a_setting_that_is_no_zone_is_refused(tmp_path, zone):
    with pytest.raises(errors.BadSetting, match=r"CSV_ZONE: .* is no time zone"):
        settings(tmp_path / "AAPL.csv", csv_zone=zone)


def test_dates_that_fit_with_day_or_month_first_are_refused(tmp_path):
    [bars] = market(1, int(np.searchsorted(XNYS.dates, np.datetime64("2024-05-03"))), ("AAPL",))
    (tmp_path / "AAPL.csv").write_bytes(plain("Date", "%d/%m/%Y %H:%M", NEW_YORK)(bars))
    said = r"AAPL.csv: its date 3/5/2024 can be 2024-05-03 \(day first\) or 2024-03-05 \(month first\)"
    with pytest.raises(errors.AmbiguousReading, match=said):
        CsvFiles.connect(settings(tmp_path)).fetch("AAPL")


def test_of_two_orders_of_a_date_the_one_whose_days_are_sessions_is_right(tmp_path):
    [bars] = market(1, int(np.searchsorted(XNYS.dates, np.datetime64("2024-04-02"))), ("AAPL",))
    (tmp_path / "AAPL.csv").write_bytes(plain("Date", "%d/%m/%Y %H:%M", NEW_YORK)(bars))
    assert_equal(bars_read(settings(tmp_path), "AAPL"), bars)  # the fourth of February is a Sunday


def longer(minutes: int) -> Bars:
    bars = MARKET[0]
    every = bars.ts % (minutes * MINUTE) == 0
    return Bars(bars.symbol, bars.ts[every], bars.values[every])


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("AAPL.csv", plain("Datetime", SECONDS, NEW_YORK)(longer(5)), "these are 5-minute bars"),
        ("AAPL.csv", iso("Datetime", NEW_YORK)(longer(15)), "these are 15-minute bars"),
        ("AAPL.csv", plain("Date", "%Y-%m-%d", NEW_YORK)(longer(390)), "these are daily bars"),
        ("AAPL.csv", plain("timestamp", "%Y-%m-%d", NEW_YORK)(longer(390)), "these are daily bars"),
        ("AAPL.csv", plain("Date", "%Y-%m-%d 00:00:00-05:00", NEW_YORK)(longer(390)), "these are daily bars"),
        (
            "AAPL.txt",
            b"<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nAAPL,5,20240301,153500,1,1,1,1,1,0\n",
            "these are 5-minute bars, as their column of the period says",
        ),
        (
            "AAPL.txt",
            b"<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nAAPL,D,20240301,000000,1,1,1,1,1,0\n",
            "these are daily bars",
        ),
        ("AAPL.csv", b"a,b\n1,2\n", "AAPL.csv, line 1: the header is 'a,b'; expected the layout of"),
        ("AAPL.csv", b"Date,Open,High,Low,Close,Volume\n", "AAPL.csv holds a header and no bars"),
        ("AAPL.csv", b"<!doctype html><html>Sign in</html>", "AAPL.csv, line 1: the header is '<!doctype"),
        ("AAPL.csv", b",".join([b"x"] * 40_000), "a line at its start is longer than 32 KiB"),
        (
            "AAPL.csv",
            b"Date,Open,High,Low,Close,Volume\n\xff\xfe\x00,1,1,1,1,1\n" * 3,
            "AAPL.csv cannot be read: .*UTF8",
        ),
        (
            "AAPL.csv",
            b"Date,Open,High,Low,Close,Volume\n2024-03-05 09:30:00,1,1,1,1,1\n" + b"9" * 2**23,
            "AAPL.csv cannot be read",
        ),
        ("AAPL.csv.gz", gzip.compress(plain("Date", SECONDS, UTC)(MARKET[0]))[:-99], "AAPL.csv.gz is cut short"),
        ("AAPL.csv.gz", b"Date,Open,High,Low,Close,Volume\n", "AAPL.csv.gz is no whole packed file: Not a gzipped"),
        ("AAPL.zip", b"PK\x03\x04no", "AAPL.zip is no whole packed file"),
        ("AAPL.parquet", b"PAR1no", "AAPL.parquet cannot be read"),
    ],
)
def test_what_is_no_file_of_minute_bars_is_refused_in_words(name, body, says, tmp_path):
    (tmp_path / name).write_bytes(body)
    with pytest.raises(errors.BadFile, match=says):
        CsvFiles.connect(settings(tmp_path)).fetch("AAPL")


def test_one_bad_row_costs_that_row(tmp_path):
    lines = plain("Date", SECONDS, NEW_YORK)(MARKET[0]).splitlines()
    lines[50], lines[60], lines[70] = (
        lines[50].replace(b".", b"x", 1),
        b"what is this," + lines[60][20:],
        lines[70] + b",7",
    )
    (tmp_path / "AAPL.csv").write_bytes(b"\n".join(lines))
    rows = read(CsvFiles.connect(settings(tmp_path)).fetch("AAPL"))
    assert rows["broken"].value_counts().to_dict() == {"": len(lines) - 4, "stamp": 2, "open": 1}
    kept = np.delete(MARKET[0].ts, [49, 59, 69])
    assert_equal(
        bars_read(settings(tmp_path), "AAPL"), Bars("AAPL", kept, np.delete(MARKET[0].values, [49, 59, 69], 0))
    )
    with pytest.raises(
        errors.TooManyBadRows, match=r"AAPL.csv, line 51, column open: .*3 of .* rows are refused; 0.05%"
    ):
        CsvFiles.connect(settings(tmp_path, maximum_refused=0.0005)).fetch("AAPL")


def test_one_bad_row_costs_that_row_in_alpha_vantages_layout_too(tmp_path):
    lines = plain("timestamp", SECONDS, NEW_YORK)(MARKET[0]).splitlines()
    lines[50] = lines[50].replace(b".", b"x", 1)
    (tmp_path / "AAPL.csv").write_bytes(b"\n".join(lines))
    rows = read(CsvFiles.connect(settings(tmp_path)).fetch("AAPL"))
    assert rows["broken"].value_counts().to_dict() == {"": len(lines) - 2, "open": 1}
    with pytest.raises(errors.BadFile, match=r"AAPL.csv, line 51, column open: .* is no number"):
        CsvFiles.connect(settings(tmp_path, maximum_refused=0)).fetch("AAPL")


def test_bars_that_contradict_the_documentation_of_their_layout_are_refused_until_the_setting_decides(tmp_path):
    rows = iso("timestamp", NEW_YORK, trade_count=2, vwap=1.0)
    late = Bars("AAPL", MARKET[0].ts + MINUTE, MARKET[0].values)
    (tmp_path / "AAPL.csv").write_bytes(rows(late))
    with pytest.raises(errors.AmbiguousTimestamps, match=r"AAPL.csv, in the layout of Alpaca: do its labels mark"):
        CsvFiles.connect(settings(tmp_path)).fetch("AAPL")
    s = settings(tmp_path, labels="end")
    assert_equal(bars_read(s, "AAPL"), MARKET[0])


def test_a_symbol_that_a_table_of_many_does_not_have_is_named_with_those_that_it_has(tmp_path):
    (tmp_path / "2024-03-05.csv").write_bytes(
        b"ticker,volume,open,close,high,low,window_start\nAAPL,1,1,1,1,1,1709649000000000000\n"
    )
    with pytest.raises(errors.BadSetting, match=r"the name of 2024-03-05.csv does not begin with a symbol: .*SYMBOLS="):
        settings(tmp_path)
    with pytest.raises(errors.NoBars, match=r"2024-03-05.csv has no bars of MSFT, but of AAPL: name .* SYMBOLS="):
        CsvFiles.connect(settings(tmp_path, symbols="MSFT")).fetch("MSFT")


def test_files_of_other_symbols_are_never_taken_for_those_of_the_one_that_is_asked_for(tmp_path):
    for bars in MARKET:
        (tmp_path / f"{bars.symbol}.csv").write_bytes(plain("date", SECONDS, UTC)(bars))
    with pytest.raises(errors.NoBars, match="has no file of MSFT"):
        CsvFiles.connect(settings(tmp_path, symbols="MSFT")).fetch("MSFT")


def test_a_broken_file_of_one_symbol_leaves_the_others_of_the_folder(tmp_path):
    (tmp_path / "AAPL.csv").write_bytes(plain("date", SECONDS, UTC)(MARKET[0]))
    (tmp_path / "KO.csv.gz").write_bytes(b"\x1f\x8bno")
    assert_equal(bars_read(settings(tmp_path), "AAPL"), MARKET[0])
    with pytest.raises(errors.BadFile, match=r"KO.csv.gz"):
        check_files(settings(tmp_path))


def test_a_zip_that_unpacks_without_an_end_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(file_tables, "SMALL", 2**16)
    row = b"2024-03-05 09:30:00,1,1,1,1,1\n"
    with zipfile.ZipFile(tmp_path / "AAPL.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("AAPL.csv", b"Date,Open,High,Low,Close,Volume\n" + row * 400_000)
    with pytest.raises(errors.BadFile, match=r"AAPL.zip, member AAPL.csv unpacks to more than 200 times its size"):
        CsvFiles.connect(settings(tmp_path)).fetch("AAPL")
    (tmp_path / "AAPL.zip").unlink()
    (tmp_path / "AAPL.csv.gz").write_bytes(gzip.compress(b"Date,Open,High,Low,Close,Volume\n" + row * 400_000))
    with pytest.raises(errors.BadFile, match=r"AAPL.csv.gz unpacks to more than 200 times its size"):
        CsvFiles.connect(settings(tmp_path)).fetch("AAPL")


def test_a_zip_without_bars_and_one_with_a_password_are_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "AAPL.zip", "w") as packed:
        packed.writestr("README.md", b"no bars")
    with pytest.raises(errors.BadFile, match=r"AAPL.zip holds no .csv, .txt or .parquet file"):
        CsvFiles.connect(settings(tmp_path)).fetch("AAPL")


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    file = tmp_path / "AAPL.csv"
    file.write_bytes(plain("Date", SECONDS, UTC)(MARKET[0]))
    [member] = file_tables.members_of(file)
    reading = file_tables.pieces(member, file_tables.table_of(member))
    next(reading)
    os.utime(file, ns=(1, 1))
    with pytest.raises(errors.BadFile, match=r"AAPL.csv changed while it was read: wait until it is whole"):
        list(reading)


def test_a_symbol_with_more_rows_than_any_has_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(file_translation, "MOST_ROWS", 100)
    (tmp_path / "AAPL.csv").write_bytes(plain("Date", SECONDS, UTC)(MARKET[0]))
    with pytest.raises(errors.BadFile, match=r"AAPL.csv has more than 100 rows of AAPL; are they of one symbol"):
        CsvFiles.connect(settings(tmp_path)).fetch("AAPL")


def test_a_parquet_file_of_too_many_columns_is_refused(tmp_path):
    table = pa.table({f"c{number}": [1] for number in range(1_001)})
    parquet.write_table(table, tmp_path / "AAPL.parquet")
    with pytest.raises(errors.BadFile, match=r"AAPL.parquet has 1,001 columns"):
        CsvFiles.connect(settings(tmp_path)).fetch("AAPL")


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTCUSDT-1m-2024-03.zip", "BTCUSDT"),
        ("aapl.us.txt", "AAPL.US"),
        ("GOOGL_2024.parquet", "GOOGL"),
        ("BF-B.csv.gz", "BF-B"),
        ("EURUSD_M1_202403.csv", "EURUSD"),
    ],
)
def test_the_symbol_is_the_start_of_a_files_name(name, symbol):
    assert symbol_of(name) == symbol
