"""One market in every layout of files: read back equal to the exchange's bars, and in no wrong time zone."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks._servers import folder
from sandbox.market import Market
from stock_ml.cleaning.label_convention import check_files
from stock_ml.config import Settings, load
from stock_ml.domain.calendar import sessions
from stock_ml.errors import AmbiguousReading
from stock_ml.sources.csv_files import CsvFiles
from stock_ml.sources.parsing import detect_convention, place, read
from tests.bar_files import NAMES, SECONDS, VARIANTS, Bars, Variant, plain

SYMBOLS = ("AAPL", "KO", "MSFT")
FIRST, COUNT = "2024-03-04", 10  # New York changes its clocks after the fifth session, Europe after the last
SEED = 7
ZONES = ("America/New_York", "UTC", "Etc/GMT+5", "Europe/Athens", "Europe/Warsaw", "America/Chicago", "Europe/London")
BEGINS = ("2023-10-25", "2024-01-08", "2024-03-06", "2024-03-27", "2024-07-01", "2024-10-29")
LENGTHS = (1, 2, 10)  # sessions


class Outcome(NamedTuple):
    """Hold what became of a layout: its wrong symbols, and how long reading took."""

    name: str
    wrong: int
    rows: int
    seconds: float


def run(console: Console) -> dict[str, float]:
    """Write and read each layout with regular hours and with extended ones, then naive stamps of many zones."""
    outcomes = [_read_back(variant, market) for market in (_market(False), _market(True)) for variant in VARIANTS]
    zones = list(_zones())
    console.print(_table(outcomes))
    asked = sum(answer == "asked" for answer in zones)
    console.print(f"naive stamps: {len(zones)} files, {asked} of them refused with two readings, the others read right")
    return {
        "layouts": len(VARIANTS),
        "wrong": sum(outcome.wrong for outcome in outcomes),
        "zone_files": len(zones),
        "zone_questions": asked,
        "silent_zone_errors": sum(answer == "wrong" for answer in zones),
        "rows_per_s": round(sum(one.rows for one in outcomes) / sum(one.seconds for one in outcomes)),
    }


def _market(extended: bool) -> list[Bars]:
    return [_bars(symbol, FIRST, COUNT, extended) for symbol in SYMBOLS]


def _bars(symbol: str, first: str, count: int, extended: bool) -> Bars:
    calendar = sessions("XNYS")
    at = int(np.searchsorted(calendar.dates, np.datetime64(first)))
    days = [Market(SEED, calendar).day(symbol, number) for number in range(at, at + count)]
    ts, values = np.concatenate([day.ts for day in days]), np.concatenate([day.values for day in days])
    wanted = (calendar.number(ts) >= 0) | extended
    return Bars(symbol, ts[wanted], values[wanted])


def _read_back(variant: Variant, market: list[Bars]) -> Outcome:
    with folder("files") as home:
        bars = market[:1] if variant.one_symbol else market
        variant.write(home, bars)
        given = {"symbols": ",".join(one.symbol for one in bars)} if variant.name_symbols else {}
        begin = time.perf_counter()
        s = _settings(home, **given)
        check_files(s)
        wrong = sum(not _is_equal(s, one) for one in bars)
        return Outcome(variant.name, wrong, sum(len(one.ts) for one in bars), time.perf_counter() - begin)


def _settings(home: Path, **given: object) -> Settings:
    return load(_env_file=None, source="csv", csv_path=home, **given)


def _is_equal(s: Settings, bars: Bars) -> bool:
    calendar = s.calendars.of(bars.symbol)
    rows = read(CsvFiles.connect(s).fetch(bars.symbol))
    rows = place(rows, detect_convention(rows, calendar), calendar)
    rows = rows[rows["broken"] == ""].sort_values("ts")
    return np.array_equal(rows["ts"], bars.ts) and np.array_equal(rows[list(NAMES)], bars.values)


def _zones() -> Iterator[str]:
    """Say of naive stamps in each zone, over short and long times, what became of them: right, wrong or asked."""
    for extended in (False, True):
        for begin in BEGINS:
            for count in LENGTHS:
                bars = _bars(SYMBOLS[0], begin, count, extended)
                yield from (_zone(bars, zone) for zone in ZONES)


def _zone(bars: Bars, zone: str) -> str:
    with folder("files") as home:
        (home / f"{bars.symbol}.csv").write_bytes(plain("date", SECONDS, zone)(bars))
        s = _settings(home, labels="start")
        try:
            return "right" if _is_equal(s, bars) else "wrong"
        except AmbiguousReading:
            return "asked"


def _table(outcomes: list[Outcome]) -> Table:
    table = Table("layout", "hours", "rows", "wrong symbols", "seconds")
    for number, one in enumerate(outcomes):
        hours = "regular" if number < len(VARIANTS) else "extended"
        table.add_row(one.name, hours, f"{one.rows:,}", str(one.wrong), f"{one.seconds:.2f}")
    return table
