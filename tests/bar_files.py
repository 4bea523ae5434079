"""Write bars as vendors and people do: one writer a layout, each into a folder of its own."""

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stock_ml.domain.bars import Bar

NAMES = ("open", "high", "low", "close", "volume")
TITLES = tuple(name.title() for name in NAMES)
NEW_YORK, UTC = "America/New_York", "UTC"
ATHENS, WARSAW, EST = "Europe/Athens", "Europe/Warsaw", "Etc/GMT+5"


@dataclass(frozen=True)
class Bars:
    """Hold a symbol's bars: opens in UTC epoch seconds (n,), and open to volume (n, 5)."""

    symbol: str
    ts: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, symbol: str, bars: list[Bar]) -> "Bars":
        """Return bars of the stream's record as columns."""
        return cls(symbol, np.array([bar.ts for bar in bars]), np.array([bar[2:7] for bar in bars], dtype=float))

    def stamps(self, zone: str, shift: int = 0) -> pd.DatetimeIndex:
        """Return the stamps in a zone, `shift` seconds after each bar's open."""
        return pd.DatetimeIndex((self.ts + shift).astype("datetime64[s]"), tz="UTC").tz_convert(zone)

    def texts(self, form: str, zone: str, shift: int = 0) -> list[str]:
        """Return the stamps in a form of strftime: that of pandas takes three times as long."""
        return [stamp.strftime(form) for stamp in self.stamps(zone, shift).to_pydatetime()]

    def frame(self, names: tuple[str, ...] = NAMES) -> pd.DataFrame:
        """Return open to volume under these names."""
        return pd.DataFrame(self.values, columns=list(names))


Writer = Callable[[Path, list[Bars]], None]


@dataclass(frozen=True)
class Variant:
    """Say how a layout is written, and whether a person must name the symbols."""

    name: str
    write: Writer
    one_symbol: bool = False
    name_symbols: bool = False


def text(frame: pd.DataFrame, **how: Any) -> bytes:
    """Return a frame as CSV without its index."""
    return str(frame.to_csv(index=False, **how)).encode()


def each(name: str, make: Callable[[Bars], bytes]) -> Writer:
    """Return a writer of a file for each symbol, named by it."""

    def write(folder: Path, market: list[Bars]) -> None:
        for bars in market:
            (folder / name.format(bars.symbol)).write_bytes(make(bars))

    return write


def plain(stamp: str, form: str, zone: str, names: tuple[str, ...] = NAMES, shift: int = 0) -> Callable[[Bars], bytes]:
    """Return what writes a column of stamps in a zone and a form of strftime, and open to volume."""

    def make(bars: Bars) -> bytes:
        frame = bars.frame(names)
        frame.insert(0, stamp, bars.texts(form, zone, shift))
        return text(frame)

    return make


def iso(stamp: str, zone: str, names: tuple[str, ...] = NAMES, **more: float) -> Callable[[Bars], bytes]:
    """Return what writes stamps with their offset, as str() of them is, and further columns."""

    def make(bars: Bars) -> bytes:
        frame = bars.frame(names).assign(**more)
        frame.insert(0, stamp, [str(stamp) for stamp in bars.stamps(zone).to_pydatetime()])
        return text(frame)

    return make


SECONDS = "%Y-%m-%d %H:%M:%S"


def _yfinance_two_rows(bars: Bars, third: bool = True) -> bytes:
    order = ("Close", "High", "Low", "Open", "Volume")
    frame = bars.frame(TITLES)[list(order)]
    frame.insert(0, "Price", [str(stamp) for stamp in bars.stamps(UTC).to_pydatetime()])
    head, rows = text(frame).split(b"\n", 1)
    tickers = ",".join(["Ticker", *[bars.symbol] * 5])
    return b"\n".join([head, tickers.encode(), *([b"Datetime,,,,,"] if third else []), rows])


def _yfinance_wide(folder: Path, market: list[Bars]) -> None:
    """Write all symbols beside each other, as yfinance does of a list of tickers; minutes without a bar are empty."""
    parts = {bars.symbol: bars.frame(TITLES).set_index(bars.stamps(UTC)) for bars in market}
    frame = pd.concat(parts, axis=1).swaplevel(axis=1).sort_index(axis=1)
    frame.columns.names, frame.index.name = ["Price", "Ticker"], "Datetime"
    (folder / "prices.csv").write_text(frame.to_csv())


def _polygon(bars: Bars) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"ticker": bars.symbol}
        | {name: bars.values[:, NAMES.index(name)] for name in ("volume", "open", "close", "high", "low")}
    )
    return frame.assign(window_start=bars.ts * 10**9, transactions=7)


def _polygon_file(bars: Bars) -> bytes:
    return text(_polygon(bars))


def _polygon_days(folder: Path, market: list[Bars]) -> None:
    """Write a packed file a day with all symbols."""
    frame = pd.concat([_polygon(bars) for bars in market])
    for day, rows in frame.groupby(frame["window_start"] // (86_400 * 10**9)):
        name = f"{np.datetime64(int(day), 'D')}.csv.gz"
        (folder / name).write_bytes(gzip.compress(text(rows), mtime=0))


def _binance(bars: Bars, unit: int = 1000, header: bool = False) -> bytes:
    frame = bars.frame()
    frame.insert(0, "open_time", bars.ts * unit)
    frame = frame.assign(close_time=(bars.ts + 60) * unit - 1, quote_volume=1.5, count=3, taker_buy_volume=1.0)
    return text(frame.assign(taker_buy_quote_volume=1.0, ignore=0), header=header)


def _binance_zip(folder: Path, market: list[Bars]) -> None:
    for bars in market:
        with zipfile.ZipFile(folder / f"{bars.symbol}-1m-2024-03.zip", "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(f"{bars.symbol}-1m-2024-03.csv", _binance(bars, 10**6))


def _stooq(bars: Bars) -> bytes:
    frame = bars.frame(("<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"))
    frame.insert(0, "<TICKER>", bars.symbol)
    frame.insert(1, "<PER>", 1)
    frame.insert(2, "<DATE>", bars.texts("%Y%m%d", WARSAW, 60))
    frame.insert(3, "<TIME>", bars.texts("%H%M%S", WARSAW, 60))
    return text(frame.assign(**{"<OPENINT>": 0}))


def _metatrader_5(bars: Bars) -> bytes:
    frame = bars.frame(("<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"))
    frame.insert(0, "<DATE>", bars.texts("%Y.%m.%d", ATHENS))
    frame.insert(1, "<TIME>", bars.texts("%H:%M:%S", ATHENS))
    frame.insert(6, "<TICKVOL>", 5)
    return text(frame.assign(**{"<SPREAD>": 2}), sep="\t")


def _metatrader_4(bars: Bars) -> bytes:
    frame = bars.frame()
    frame.insert(0, "date", bars.texts("%Y.%m.%d", ATHENS))
    frame.insert(1, "time", bars.texts("%H:%M", ATHENS))
    return text(frame, header=False)


def _interactive_brokers(form: str, suffix: str = "", zone: str = NEW_YORK) -> Callable[[Bars], bytes]:
    def make(bars: Bars) -> bytes:
        frame = bars.frame().assign(average=1.0, barCount=3)
        frame.insert(
            0,
            "date",
            bars.texts(form + suffix, zone) if form else [str(stamp) for stamp in bars.stamps(zone).to_pydatetime()],
        )
        return str(frame.to_csv()).encode()  # with its index, as util.df's is written

    return make


def _date_and_time(bars: Bars) -> bytes:
    frame = bars.frame(TITLES)
    frame.insert(0, "Date", bars.texts("%Y-%m-%d", NEW_YORK))
    frame.insert(1, "Time", bars.texts("%H:%M", NEW_YORK))
    return text(frame)


def _decimal_commas(form: str, zone: str) -> Callable[[Bars], bytes]:
    def make(bars: Bars) -> bytes:
        frame = bars.frame(TITLES)
        frame.insert(0, "Date", bars.texts(form, zone))
        return text(frame, sep=";", decimal=",")

    return make


def _histdata(bars: Bars) -> bytes:
    frame = bars.frame()
    frame.insert(0, "stamp", bars.texts("%Y%m%d %H%M%S", EST))
    return text(frame, sep=";", header=False)


def _epoch(name: str, unit: int) -> Callable[[Bars], bytes]:
    def make(bars: Bars) -> bytes:
        frame = bars.frame(("open", "high", "low", "close", "Volume"))
        frame.insert(0, name, bars.ts * unit)
        return text(frame)

    return make


def _parquet(zone: str | None, index: bool) -> Callable[[Bars], bytes]:
    def make(bars: Bars) -> bytes:
        stamps = bars.stamps(UTC if zone is None else zone)
        stamps = stamps.tz_localize(None) if zone is None else stamps
        frame = bars.frame()
        frame = frame.set_index(stamps.rename("timestamp")) if index else frame.assign(timestamp=stamps)
        out = io.BytesIO()
        frame.to_parquet(out, row_group_size=1000)
        return out.getvalue()

    return make


def _one_table(folder: Path, market: list[Bars]) -> None:
    """Write all symbols below each other, in the order of time."""
    frames = []
    for bars in market:
        frame = bars.frame()
        frame.insert(0, "symbol", bars.symbol)
        frame.insert(1, "timestamp", bars.texts(TZ, UTC))
        frames.append(frame)
    (folder / "all.csv").write_bytes(text(pd.concat(frames).sort_values("timestamp", kind="stable")))


def _zip_of_all(folder: Path, market: list[Bars]) -> None:
    with zipfile.ZipFile(folder / "bars.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for bars in market:
            packed.writestr(f"data/{bars.symbol}.csv", plain("Date", SECONDS, NEW_YORK, TITLES)(bars))
        packed.writestr("__MACOSX/data/._x.csv", b"\x00")
        packed.writestr("README.md", b"bars")


def _mixed(folder: Path, market: list[Bars]) -> None:
    """Write each symbol's first half and second half in another layout, and each symbol's in others."""
    first: list[Callable[[Bars], bytes]] = [
        iso("Datetime", UTC, TITLES),
        _metatrader_5,
        plain("timestamp", SECONDS, NEW_YORK),
    ]
    second: list[Callable[[Bars], bytes]] = [_binance, iso("timestamp", UTC, trade_count=2, vwap=1.0), _polygon_file]
    for number, bars in enumerate(market):
        at = int(np.searchsorted(bars.ts, bars.ts[0] + 86_400 + 43_200))
        for part, (rows, kinds) in enumerate(((slice(None, at), first), (slice(at, None), second))):
            half = Bars(bars.symbol, bars.ts[rows], bars.values[rows])
            (folder / f"{bars.symbol}_{part}.csv").write_bytes(kinds[number % 3](half))


def _days(folder: Path, market: list[Bars]) -> None:
    [bars] = market
    for day in np.unique(bars.ts // 86_400):
        part = Bars(bars.symbol, bars.ts[bars.ts // 86_400 == day], bars.values[bars.ts // 86_400 == day])
        (folder / f"{np.datetime64(int(day), 'D')}.csv").write_bytes(plain("date", "%d/%m/%Y %H:%M", UTC)(part))


def _no_symbol(folder: Path, market: list[Bars]) -> None:
    (folder / "my bars (1).csv").write_bytes(plain("date", SECONDS, NEW_YORK)(market[0]))


TZ = "%Y-%m-%dT%H:%M:%SZ"
VARIANTS = (
    Variant("Alpha Vantage, starts", each("{}.csv", plain("timestamp", SECONDS, NEW_YORK))),
    Variant("Alpha Vantage, ends", each("{}.csv", plain("timestamp", SECONDS, NEW_YORK, shift=60))),
    Variant(
        "Alpha Vantage, numbered",
        each("{}.csv", plain("date", SECONDS, NEW_YORK, tuple(f"{i}. {n}" for i, n in enumerate(NAMES, 1)))),
    ),
    Variant("Alpha Vantage, in UTC without offsets", each("{}.csv", plain("timestamp", SECONDS, UTC))),
    Variant("Alpha Vantage, in UTC without offsets, ends", each("{}.csv", plain("timestamp", SECONDS, UTC, shift=60))),
    Variant("Alpha Vantage, in EST all year", each("{}.csv", plain("timestamp", SECONDS, EST))),
    Variant(
        "Alpha Vantage, packed, in UTC",
        each("{}.csv.gz", lambda bars: gzip.compress(plain("timestamp", SECONDS, UTC)(bars))),
    ),
    Variant("yfinance, offsets", each("{}.csv", iso("Datetime", NEW_YORK, TITLES, Dividends=0.0))),
    Variant("yfinance, UTC", each("{}.csv", iso("Datetime", UTC, TITLES))),
    Variant("yfinance, two header rows", each("{}.csv", _yfinance_two_rows)),
    Variant(
        "yfinance, two header rows, none of the index", each("{}.csv", lambda bars: _yfinance_two_rows(bars, False))
    ),
    Variant("yfinance, several tickers", _yfinance_wide, name_symbols=True),
    Variant("Alpaca", each("{}.csv", iso("timestamp", UTC, trade_count=2, vwap=1.0))),
    Variant("Alpaca, API names", each("{}.csv", lambda bars: plain("t", TZ, UTC, ("o", "h", "l", "c", "v"))(bars))),
    Variant("Polygon, a symbol a file", each("{}.csv.gz", lambda bars: gzip.compress(text(_polygon(bars))))),
    Variant("Polygon, a day a file", _polygon_days, name_symbols=True),
    Variant("Binance, ms", each("{}-1m-2024-03.csv", _binance)),
    Variant("Binance, us, zip", _binance_zip),
    Variant("Binance, header", each("{}-1m-2024-03.csv", lambda bars: _binance(bars, header=True))),
    Variant("Stooq", each("{}.txt", _stooq)),
    Variant("MetaTrader 5", each("{}_M1.csv", _metatrader_5)),
    Variant("MetaTrader 4", each("{}_M1.csv", _metatrader_4)),
    Variant("Interactive Brokers, offsets", each("{}.csv", _interactive_brokers(""))),
    Variant("Interactive Brokers, zone names", each("{}.csv", _interactive_brokers("%Y%m%d %H:%M:%S", " US/Eastern"))),
    Variant("Interactive Brokers, naive", each("{}.csv", _interactive_brokers("%Y%m%d  %H:%M:%S"))),
    Variant("Kaggle, New York", each("{}.csv", plain("date", SECONDS, NEW_YORK))),
    Variant("Kaggle, UTC", each("{}.csv", plain("Datetime", "%Y-%m-%d %H:%M", UTC, TITLES))),
    Variant("Kaggle, date and time", each("{}.csv", _date_and_time)),
    Variant("Kaggle, offsets", each("{}.csv", iso("date", NEW_YORK))),
    Variant("decimal commas, day first", each("{}.csv", _decimal_commas("%d.%m.%Y %H:%M", NEW_YORK))),
    Variant("day first, slashes", each("{}.csv", plain("Date", "%d/%m/%Y %H:%M:%S", NEW_YORK, TITLES))),
    Variant("month first, AM and PM", each("{}.csv", plain("Date", "%m/%d/%Y %I:%M:%S %p", NEW_YORK, TITLES))),
    Variant("HistData", each("{}_M1.csv", _histdata)),
    Variant("epoch, s", each("{}.csv", _epoch("time", 1))),
    Variant("epoch, ms", each("{}.csv", _epoch("timestamp", 1000))),
    Variant("UTF-16", each("{}.csv", lambda bars: _metatrader_5(bars).decode().encode("utf-16"))),
    Variant("Parquet, UTC", each("{}.parquet", _parquet(UTC, False))),
    Variant("Parquet, naive", each("{}.parquet", _parquet(None, False))),
    Variant("Parquet, index", each("{}.parquet", _parquet(NEW_YORK, True))),
    Variant("a zip of all", _zip_of_all),
    Variant("a day a file, names that are dates", _days, one_symbol=True, name_symbols=True),
    Variant("one table of all", _one_table, name_symbols=True),
    Variant("a folder that mixes layouts", _mixed),
    Variant("names that are no symbols", _no_symbol, one_symbol=True, name_symbols=True),
)


def names() -> Iterator[str]:
    """Return the names of the variants."""
    return (variant.name for variant in VARIANTS)
