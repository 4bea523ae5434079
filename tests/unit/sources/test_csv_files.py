"""A file or a folder of files, packed or not, gives each symbol its own rows."""

import gzip
from pathlib import Path

import pytest

from stock_ml import errors
from stock_ml.config import load, symbol_of
from stock_ml.sources.csv_files import CsvFiles
from stock_ml.sources.parsing import parse

HEADER = "timestamp,open,high,low,close,volume\n"


def rows(day: str, end: str = "\n") -> bytes:
    return (HEADER + f"{day} 09:30:00,10,11,9,10,5\n{day} 09:31:00,10,11,9,10,5\n").replace("\n", end).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "GOOGL_2024-03-01.csv").write_bytes(rows("2024-03-01"))
    (tmp_path / "googl_2024-03-04.csv.gz").write_bytes(gzip.compress(rows("2024-03-04", "\r\n")))
    (tmp_path / "GOOGL_2024-03-05.CSV").write_bytes(b"\xef\xbb\xbf" + rows("2024-03-05").rstrip())
    (tmp_path / "BRK.B.csv").write_bytes(rows("2024-03-01"))
    (tmp_path / "notes.txt").write_text("not bars")
    (tmp_path / ".GOOGL_2024.csv.swp.csv").write_text("half a file")
    return tmp_path


def settings(path: Path, **given: object):
    return load(_env_file=None, source="csv", csv_path=path, **given)


def test_the_symbols_are_the_starts_of_the_names(folder):
    assert settings(folder).symbols == ("BRK.B", "GOOGL")
    assert settings(folder, symbols="googl").symbols == ("GOOGL",)
    assert symbol_of(Path("x/^gspc_1min.csv")) == "^GSPC"


def test_one_file_of_a_symbol_is_given_byte_for_byte(folder):
    response = CsvFiles(folder).fetch("BRK.B")
    assert response.body == (folder / "BRK.B.csv").read_bytes()
    assert response.where == "BRK.B.csv"
    packed = CsvFiles(folder / "googl_2024-03-04.csv.gz").fetch("GOOGL")
    assert packed.body == (folder / "googl_2024-03-04.csv.gz").read_bytes()
    assert packed.content_type == "application/gzip"
    assert len(parse(packed.body, packed.where)) == 2


def test_several_files_of_a_symbol_are_one_answer(folder):
    response = CsvFiles(folder).fetch("GOOGL")
    assert response.request["file"] == "GOOGL_2024-03-01.csv, GOOGL_2024-03-05.CSV, googl_2024-03-04.csv.gz"
    labels = parse(response.body, response.where)["label"].dt.strftime("%m-%d %H:%M")
    assert sorted(labels) == [f"{day} 09:{minute}" for day in ("03-01", "03-04", "03-05") for minute in (30, 31)]
    assert CsvFiles(folder).fetch("GOOGL").body == response.body


def test_a_bad_file_among_several_is_named_with_its_line(folder):
    (folder / "GOOGL_2024-03-06.csv").write_bytes(rows("2024-03-06") + b"2024-03-06 09:32:00,10,11,9,x,5\n")
    with pytest.raises(
        errors.BadFile, match=r"GOOGL_2024-03-06\.csv, line 4, column close: '2024-.*,x,5' .*1 of 3 rows"
    ):
        CsvFiles(folder).fetch("GOOGL")


def test_a_packed_file_that_is_cut_short_is_named(folder):
    whole = folder / "googl_2024-03-04.csv.gz"
    whole.write_bytes(whole.read_bytes()[:-10])
    with pytest.raises(errors.BadFile, match=r"googl_2024-03-04.csv.gz is cut short"):
        CsvFiles(folder).fetch("GOOGL")


def test_a_symbol_without_a_file_has_no_bars(folder):
    with pytest.raises(errors.NoBars, match="has no file of MSFT: expected MSFT_"):
        CsvFiles(folder).fetch("MSFT")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"symbols": "../../x"}, "SYMBOLS: .*is no symbol"),
        ({"symbols": "A" * 300}, "SYMBOLS: .*is no symbol"),
        ({"symbols": "GOOGL,,../.."}, "SYMBOLS: .*is no symbol"),
        ({"symbols": "A B"}, "SYMBOLS: .*is no symbol"),
        ({"symbols": "A\nB"}, "SYMBOLS: .*is no symbol"),
        ({"symbols": "a/b"}, "SYMBOLS: .*is no symbol"),
        ({"symbols": " , "}, "SYMBOLS: .*nothing is no symbol"),
    ],
)
def test_what_is_no_symbol_is_refused(folder, given, says):
    with pytest.raises(errors.BadSetting, match=says):
        settings(folder, **given)


@pytest.mark.parametrize("symbol", ["BRK.B", "^GSPC", "BF-B", "0700.HK"])
def test_odd_symbols_are_symbols(folder, symbol):
    assert settings(folder, symbols=symbol).symbols == (symbol,)


def test_one_file_is_not_the_bars_of_two_symbols(folder):
    s = settings(folder / "BRK.B.csv", symbols="A,B")
    with pytest.raises(
        errors.BadFile, match=r"BRK.B.csv: a file has the bars of one symbol, not of A, B; give a folder"
    ):
        CsvFiles.connect(s).fetch("A")


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(errors.BadSetting, match=f"the folder {tmp_path} holds no file of bars: .csv, "):
        settings(tmp_path)


def test_a_file_that_is_not_there_and_an_empty_one_are_named(tmp_path):
    with pytest.raises(errors.BadFile, match=r"none.csv: No such file"):
        CsvFiles(tmp_path / "none.csv").fetch("A")
    (tmp_path / "a.csv").write_bytes(b" \n")
    with pytest.raises(errors.BadFile, match=r"a.csv is empty"):
        CsvFiles(tmp_path / "a.csv").fetch("A")
