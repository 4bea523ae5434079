"""Answers as hostile feeds give them, with the bars that they hold in truth."""

import gzip
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import orjson
import pandas as pd

from stock_ml.domain.calendar import sessions
from tests.yahoo import chart

Layout = Literal["csv", "json", "yahoo"]
Values = list[float | None]
Rows = list[tuple[int, Values]]  # stamp in UTC epoch seconds, and open, high, low, close, volume
XNYS = sessions("XNYS")
FIRST = int(np.searchsorted(XNYS.dates, np.datetime64("2024-03-01")))
SESSION = 390
NAMES = ("open", "high", "low", "close", "volume")
ALL: tuple[Layout, ...] = ("csv", "json", "yahoo")


@dataclass
class Case:
    """Hold the rows of one answer in a layout, given at `known_at`, and what is right.

    `bars` are the bars in it by minute, `outliers` which of them are, `counts` those of the report.
    """

    name: str
    layout: Layout
    rows: Rows
    known_at: float
    bars: dict[int, list[float]]
    outliers: set[int] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    packed: bool = False

    def lose(self, at: int, count: str) -> None:
        """Say that the row at a place holds no bar, and what it counts as."""
        self.bars.pop(self.rows[at][0], None)
        self.counts[count] += 1

    def change(self, at: int, values: Values) -> None:
        """Replace the values of the row at a place, in the answer alone."""
        self.rows[at] = (self.rows[at][0], values)

    def scale(self, places: range, factor: float, *, outliers: range = range(0)) -> None:
        """Multiply the prices of rows, in truth as well."""
        for at in places:
            ts, values = self.rows[at]
            scaled = [round(value * factor, 4) for value in values[:4] if value is not None]
            self.rows[at] = (ts, [*scaled, values[4]])
            self.bars[ts] = [*scaled, float(values[4] or 0)]
        self.outliers |= {self.rows[at][0] for at in outliers}


@dataclass(frozen=True)
class Kind:
    """Say how a case is made of a quiet symbol's two sessions, and in which layouts."""

    spoil: Callable[[Case], None]
    layouts: tuple[Layout, ...] = ALL

    def case(self, name: str, layout: Layout, random: np.random.Generator) -> Case:
        """Return a case of this kind."""
        rows = _quiet(random)
        bars = {ts: [float(value) for value in values if value is not None] for ts, values in rows}
        case = Case(name, layout, rows, float(rows[-1][0] + 60), bars)
        self.spoil(case)
        return case


def _quiet(random: np.random.Generator) -> Rows:
    spans = zip(XNYS.opens[FIRST : FIRST + 2], XNYS.closes[FIRST : FIRST + 2], strict=True)
    ts = np.concatenate([np.arange(start, end, 60) for start, end in spans])
    close = np.round(100 * np.exp(np.cumsum(random.normal(0, 3e-4, len(ts)))), 2)
    opened = np.append(close[:1], close[:-1])
    high, low = np.maximum(opened, close) + 0.02, np.minimum(opened, close) - 0.02
    volume = random.integers(100, 5000, len(ts)).astype(float)
    columns = np.column_stack([opened, high.round(2), low.round(2), close, volume])
    return [(int(t), list(values)) for t, values in zip(ts, columns.tolist(), strict=True)]


def answer(case: Case) -> bytes:
    """Return the body of a case's answer in its layout; labels are the starts of minutes in New York."""
    body = {"csv": _csv, "json": _json, "yahoo": _yahoo}[case.layout](case)
    return gzip.compress(body) if case.packed else body


def _label(ts: int) -> str:
    return pd.Timestamp(ts, unit="s", tz="UTC").tz_convert(XNYS.zone).strftime("%Y-%m-%d %H:%M:%S")


def _csv(case: Case) -> bytes:
    lines = [",".join([_label(ts), *("" if v is None else repr(v) for v in values)]) for ts, values in case.rows]
    return "\n".join([f"timestamp,{','.join(NAMES)}", *lines, ""]).encode()


def _json(case: Case) -> bytes:
    fields = [f"{number}. {name}" for number, name in enumerate(NAMES, 1)]
    bars = {
        _label(ts): dict(zip(fields, (None if v is None else repr(v) for v in values), strict=True))
        for ts, values in case.rows
    }
    return orjson.dumps({"Meta Data": {"6. Time Zone": "US/Eastern"}, "Time Series (1min)": bars})


def _yahoo(case: Case) -> bytes:
    return orjson.dumps(chart([ts for ts, _ in case.rows], [values for _, values in case.rows]))


def _each(places: range, values: Callable[[Values], Values], count: str) -> Callable[[Case], None]:
    """Return what replaces the values of rows by such that hold no bar."""

    def spoil(case: Case) -> None:
        for at in places:
            case.change(at, values(case.rows[at][1]))
            case.lose(at, count)

    return spoil


def _scaled(places: range, factor: float, outliers: range = range(0)) -> Callable[[Case], None]:
    return lambda case: case.scale(places, factor, outliers=outliers)


def _rounded(case: Case) -> None:
    """Let highs stand a millionth below their closes, as in single precision."""
    for at in range(50, 80):
        opened, _, low, close, volume = (float(value or 0) for value in case.rows[at][1])
        top = max(opened, close)
        case.change(at, [opened, top - 1e-5, low, close, volume])
        case.bars[case.rows[at][0]] = [opened, top, low, close, volume]
        case.counts["clipped"] += 1


def _sub_penny(case: Case) -> None:
    """Let closes stand half a tick above their highs, which were rounded to the cent."""
    for at in range(50, 80):
        opened, _, low, close, volume = (float(value or 0) for value in case.rows[at][1])
        top = max(opened, close)
        close = round(top + 0.005, 3)
        case.change(at, [opened, top, low, close, volume])
        case.bars[case.rows[at][0]] = [opened, close, low, close, volume]
        case.counts["clipped"] += 1


def _off_minute(case: Case) -> None:
    for at in (60, 200, 500):
        ts, values = case.rows[at]
        case.lose(at, "refused")
        case.rows[at] = (ts + 17, values)


def _shuffled(case: Case) -> None:
    order = np.random.default_rng(1).permutation(len(case.rows)).tolist()
    case.rows = [case.rows[at] for at in order]


def _newest_first(case: Case) -> None:
    case.rows.reverse()


def _twice(case: Case) -> None:
    case.counts["duplicates"] = len(case.rows)
    case.rows = [row for row in case.rows for _ in range(2)]


def _still_counting(case: Case) -> None:
    """Give minutes twice, the first time when half of their volume was there."""
    early = [(ts, [*values[:4], float(values[4] or 0) // 2]) for ts, values in case.rows[100:130]]
    case.rows += early
    case.counts["refused"] = len(early)


def _extended(case: Case) -> None:
    around = [(case.rows[0][0] - 60 * n, case.rows[0][1]) for n in range(1, 61)]
    case.rows = [*reversed(around), *case.rows]
    case.counts["extended_hours"] = 60


def _sunday(case: Case) -> None:
    ts = case.rows[0][0] + 2 * 86_400
    case.rows = [*case.rows[:SESSION], *((ts + 60 * n, case.rows[n][1]) for n in range(40)), *case.rows[SESSION:]]
    case.counts["session_closed"] = 40


def _auction(volume: float) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        ts, values = case.rows[SESSION - 1]
        price = round(float(values[3] or 0) * 1.003, 2)
        case.rows.insert(SESSION, (ts + 60, [price, price, price, price, volume]))
        case.counts["closing_auction"] = 1

    return spoil


def _forming(case: Case) -> None:
    case.known_at -= 30
    case.lose(-1, "not_yet_known")


def _without(places: list[int]) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        gone = set(places)
        for at in gone:
            case.bars.pop(case.rows[at][0])
        case.rows = [row for at, row in enumerate(case.rows) if at not in gone]

    return spoil


def _halt(minutes: int, factor: float) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        case.scale(range(200, SESSION), factor)
        _without(list(range(200 - minutes, 200)))(case)

    return spoil


def _fall(case: Case) -> None:
    for step, at in enumerate(range(200, 210), 1):
        case.scale(range(at, at + 1), 1 - 0.01 * step)
    case.scale(range(210, SESSION), 0.9)
    for at in range(200, 211):  # each minute trades from where the one before ended
        ts, values = case.rows[at]
        before, close = float(case.rows[at - 1][1][3] or 0), float(values[3] or 0)
        row: list[float] = [before, max(before, close), min(before, close), close, float(values[4] or 0)]
        case.rows[at], case.bars[ts] = (ts, list(row)), row


def _low(case: Case) -> None:
    ts, values = case.rows[300]
    spoiled = [*values[:2], 77.0, *values[3:]]
    case.rows[300], case.bars[ts] = (ts, spoiled), [float(value or 0) for value in spoiled]
    case.outliers = {ts}


def _ticks(case: Case) -> None:
    for at in (100, 250, 600):
        case.scale(range(at, at + 1), 0.9, outliers=range(at, at + 1))


def _no_volume(case: Case) -> None:
    for at in range(100, 200):
        ts, values = case.rows[at]
        case.rows[at], case.bars[ts] = (ts, [*values[:4], 0.0]), [*(float(v or 0) for v in values[:4]), 0.0]


def _first_candle(case: Case) -> None:
    case.change(0, [*case.rows[0][1][:4], 0.0])
    case.lose(0, "unknown_volume")


def _this_moment(case: Case) -> None:
    ts, values = case.rows[-1]
    case.rows.append((ts + 47, [*[values[3]] * 4, 0.0]))


def _nothing(_: Case) -> None:
    """Leave the answer as it is."""


def _packed(case: Case) -> None:
    case.packed = True


def _price(column: int, value: float) -> Callable[[Values], Values]:
    return lambda values: [value if at == column else old for at, old in enumerate(values)]


SOME = range(50, 58)
KINDS: Mapping[str, Kind] = {
    "clean": Kind(_nothing),
    "newest first": Kind(_newest_first),
    "in any order": Kind(_shuffled),
    "gzip": Kind(_packed),
    "every row twice": Kind(_twice, ("csv", "yahoo")),
    "a volume still counting": Kind(_still_counting, ("csv", "yahoo")),
    "null rows": Kind(_each(SOME, lambda _: [None] * 5, "no_trade")),
    "null prices, volume 0": Kind(_each(SOME, lambda _: [*[None] * 4, 0.0], "no_trade")),
    "zeros": Kind(_each(SOME, lambda _: [0.0] * 5, "no_trade")),
    "null volume": Kind(_each(SOME, lambda values: [*values[:4], None], "no_trade")),
    "high below close by 1e-6": Kind(_rounded),
    "high below close by half a tick": Kind(_sub_penny),
    "high below close by a percent": Kind(_each(range(50, 53), _price(1, 99.0 * 0.9), "refused")),
    "low of -1": Kind(_each(range(50, 53), _price(2, -1.0), "refused")),
    "price beyond bounds": Kind(_each(range(50, 53), _price(1, 2e9), "refused")),
    "volume beyond bounds": Kind(_each(range(50, 53), _price(4, 2e15), "refused")),
    "negative volume": Kind(_each(range(50, 53), _price(4, -5.0), "refused")),
    "stamps off the minute": Kind(_off_minute),
    "bars without volume": Kind(_no_volume),
    "first candle without volume": Kind(_first_candle, ("yahoo",)),
    "price of this moment": Kind(_this_moment, ("yahoo",)),
    "five bars in pence": Kind(_scaled(range(100, 105), 100.0, range(100, 105))),
    "five bars in pounds": Kind(_scaled(range(600, 605), 0.01, range(600, 605))),
    "three ticks of a tenth": Kind(_ticks),
    "a low that nobody saw": Kind(_low),
    "news of 4 %": Kind(_scaled(range(200, SESSION), 1.04, range(200, 203))),
    "an earnings gap of 15 %": Kind(_scaled(range(SESSION, 2 * SESSION), 1.15)),
    "a split, two for one": Kind(_scaled(range(SESSION, 2 * SESSION), 0.5, range(SESSION, SESSION + 3))),
    "a session's first bar in pence": Kind(_scaled(range(SESSION, SESSION + 1), 100.0, range(SESSION, SESSION + 1))),
    "three first bars in pounds": Kind(_scaled(range(SESSION, SESSION + 3), 0.01, range(SESSION, SESSION + 3))),
    "a session's last bar doubled": Kind(_scaled(range(SESSION - 1, SESSION), 2.0, range(SESSION - 1, SESSION))),
    "a halt of ten minutes": Kind(_halt(10, 0.92)),
    "a halt of twenty minutes": Kind(_halt(20, 1.3)),
    "a fall of a tenth in ten minutes": Kind(_fall),
    "extended hours": Kind(_extended, ("csv", "json")),
    "a Sunday": Kind(_sunday),
    "closing auction, no volume": Kind(_auction(0.0)),
    "closing auction, the day's largest": Kind(_auction(9e6)),
    "a bar still forming": Kind(_forming),
    "one minute of five": Kind(_without([at for at in range(2 * SESSION) if at % 5])),
    "a gap of the feed": Kind(_without(list(range(100, 140)))),
    "no opening minutes": Kind(_without([0, 1, 2, SESSION, SESSION + 1])),
}
