"""Rows as hostile feeds give them, with the bars that they hold in truth, and hostile orders of delivery."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from stock_ml.domain.bars import Bar
from stock_ml.domain.calendar import Sessions, sessions

Layout = Literal["csv", "json", "yahoo"]
Values = list[float | None]
Rows = list[tuple[int, Values]]  # stamp in UTC epoch seconds, and open, high, low, close, volume
FIRST = "2024-03-01"
SESSION = 390  # minutes in New York
# of a thin symbol; they are at no even pace, as a file of every fifth minute is one of five-minute bars
SILENT = [at for at in range(2 * SESSION) if at * 7 % 11 > 1]
NAMES = ("open", "high", "low", "close", "volume")
ALL: tuple[Layout, ...] = ("csv", "json", "yahoo")
Delivery = Callable[[list[Bar]], list[tuple[int, Bar]]]  # when each bar is sent, UTC epoch seconds; some come twice


@dataclass
class Case:
    """Hold the rows of one answer in a layout, given at `known_at`, and what is right.

    `bars` are the bars in it by minute, `outliers` which of them are, `closes` the official ones by the time of the
    close, `counts` those of the report. `deliver` says in which order they come live; `settled` is from when on
    forecasts must be those of bars in order.
    """

    name: str
    layout: Layout
    calendar: Sessions
    rows: Rows
    known_at: float
    bars: dict[int, list[float]]
    outliers: set[int] = field(default_factory=set)
    closes: dict[int, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    packed: bool = False
    deliver: Delivery | None = None
    settled: int = 0

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
    """Say how a case is made of a quiet symbol's two sessions from a day on, and in which layouts."""

    spoil: Callable[[Case], None]
    layouts: tuple[Layout, ...] = ALL
    exchange: str = "XNYS"
    first: str = FIRST

    def case(self, name: str, layout: Layout, random: np.random.Generator) -> Case:
        """Return a case of this kind."""
        calendar = sessions(self.exchange)
        rows = _quiet(_minutes(calendar, self.first), random)
        bars = {ts: [float(value) for value in values if value is not None] for ts, values in rows}
        case = Case(name, layout, calendar, rows, float(rows[-1][0] + 60), bars)
        self.spoil(case)
        return case


def _minutes(calendar: Sessions, first: str) -> np.ndarray:
    """Return the trading minutes of two sessions in UTC epoch seconds; a break has none."""
    at = int(np.searchsorted(calendar.dates, np.datetime64(first)))
    return calendar.time(np.arange(calendar.before[at], calendar.before[at + 2]))


def _quiet(ts: np.ndarray, random: np.random.Generator) -> Rows:
    close = np.round(100 * np.exp(np.cumsum(random.normal(0, 3e-4, len(ts)))), 2)
    opened = np.append(close[:1], close[:-1])
    high, low = np.maximum(opened, close) + 0.02, np.minimum(opened, close) - 0.02
    volume = random.integers(100, 5000, len(ts)).astype(float)
    columns = np.column_stack([opened, high.round(2), low.round(2), close, volume])
    return [(int(t), list(values)) for t, values in zip(ts, columns.tolist(), strict=True)]


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
        case.closes = {ts + 60: price}

    return spoil


def _at_the_close(factor: float, volume: float) -> Callable[[Case], None]:
    """Return what puts a row at the close that is no official close."""

    def spoil(case: Case) -> None:
        ts, values = case.rows[SESSION - 1]
        price = round(float(values[3] or 0) * factor, 2)
        case.rows.insert(SESSION, (ts + 60, [price, price, price, price, volume]))
        case.counts["extended_hours"] = 1

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


def _sent(deliver: Delivery) -> Callable[[Case], None]:
    """Return what lets the bars of the first session come in a hostile order; the second one comes in order."""

    def spoil(case: Case) -> None:
        first, later = case.rows[SESSION // 2][0], case.rows[SESSION][0]

        def sent(bars: list[Bar]) -> list[tuple[int, Bar]]:
            disturbed = deliver([bar for bar in bars if first <= bar.ts < later])
            return [(bar.ts, bar) for bar in bars if not first <= bar.ts < later] + disturbed

        case.deliver, case.settled = sent, later

    return spoil


def _late(bars: list[Bar]) -> list[tuple[int, Bar]]:
    """Send every seventh bar five minutes late."""
    return [(bar.ts + (300 if at % 7 == 0 else 0), bar) for at, bar in enumerate(bars)]


def _delayed(bars: list[Bar]) -> list[tuple[int, Bar]]:
    """Send the bars ten minutes late from the middle on, as a feed whose delay changes."""
    return [(bar.ts + (600 if at > len(bars) // 2 else 0), bar) for at, bar in enumerate(bars)]


def _still(bars: list[Bar]) -> list[tuple[int, Bar]]:
    """Send an hour's bars at its end, as a feed that stands still while its clock goes on."""
    return [(max(bar.ts, bars[90].ts if 30 <= at <= 90 else 0), bar) for at, bar in enumerate(bars)]


def _back(bars: list[Bar]) -> list[tuple[int, Bar]]:
    """Send half an hour's bars a second time, as a feed that jumps back."""
    return [(bar.ts, bar) for bar in bars] + [(bars[90].ts, bar) for bar in bars[60:90]]


def _backwards(bars: list[Bar]) -> list[tuple[int, Bar]]:
    """Send each ten bars with the newest first."""
    return [(bars[min(at // 10 * 10 + 9, len(bars) - 1)].ts, bar) for at, bar in reversed(list(enumerate(bars)))]


def _shuffle(bars: list[Bar]) -> list[tuple[int, Bar]]:
    order = np.random.default_rng(2).permutation(len(bars)).tolist()
    return [(bars[-1].ts, bars[at]) for at in order]


def _corrected(factor: float) -> Delivery:
    """Return what shows each third bar with other prices first, and the right ones two minutes later."""

    def sent(bars: list[Bar]) -> list[tuple[int, Bar]]:
        first = [bar if at % 3 else _scale_bar(bar, factor) for at, bar in enumerate(bars)]
        later = [(bar.ts + 120, bar._replace(revision=1)) for at, bar in enumerate(bars) if at % 3 == 0]
        return [(bar.ts, bar) for bar in first] + later

    return sent


def _corrected_first(bars: list[Bar]) -> list[tuple[int, Bar]]:
    """Send the corrections of each third bar before what they correct."""
    right = [bar._replace(revision=at % 3) for at, bar in enumerate(bars)]
    wrong = [(bar.ts + 180, _scale_bar(bar, 1.001)) for at, bar in enumerate(bars) if at % 3]
    return [(bar.ts, bar) for bar in right] + wrong


def _scale_bar(bar: Bar, factor: float) -> Bar:
    opened, high, low, close = (round(price * factor, 4) for price in bar[2:6])
    return bar._replace(open=opened, high=high, low=low, close=close, volume=bar.volume // 2)


def _both(*spoils: Callable[[Case], None]) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        for one in spoils:
            one(case)

    return spoil


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
    "an auction's price off by a tenth": Kind(_at_the_close(1.1, 9e6)),
    "a first minute after hours": Kind(_at_the_close(1.001, 50.0)),
    "a bar still forming": Kind(_forming),
    "one minute of five": Kind(_without(SILENT)),
    "a gap of the feed": Kind(_without(list(range(100, 140)))),
    "bars five minutes late": Kind(_sent(_late), ("csv",)),
    "a delay that changes": Kind(_sent(_delayed), ("csv",)),
    "a feed that stands still": Kind(_sent(_still), ("csv",)),
    "a feed that jumps back": Kind(_sent(_back), ("csv",)),
    "ten bars backwards": Kind(_sent(_backwards), ("csv",)),
    "half a session in any order": Kind(_sent(_shuffle), ("csv",)),
    "bars that are corrected": Kind(_sent(_corrected(1.001)), ("csv",)),
    "pence that are corrected": Kind(_sent(_corrected(100.0)), ("csv",)),
    "corrections before what they correct": Kind(_sent(_corrected_first), ("csv",)),
    "pence, late": Kind(_both(_scaled(range(240, 245), 100.0, range(240, 245)), _sent(_late)), ("csv",)),
    "pence, backwards": Kind(_both(_scaled(range(240, 245), 100.0, range(240, 245)), _sent(_backwards)), ("csv",)),
    "a fall, in any order": Kind(_both(_fall, _sent(_shuffle)), ("csv",)),
    "news, late": Kind(_both(_scaled(range(243, SESSION), 1.04, range(243, 246)), _sent(_late)), ("csv",)),
    "one minute of five, late": Kind(_both(_sent(_late), _without([at for at in SILENT if at < SESSION])), ("csv",)),
    "a lunch break": Kind(_nothing, exchange="XHKG"),
    "a lunch break, pence around it": Kind(_scaled(range(148, 152), 100.0, range(148, 152)), exchange="XHKG"),
    "Tokyo's longer hours": Kind(_nothing, exchange="XTKS", first="2024-11-01"),
    "around the clock": Kind(_nothing, exchange="24/7"),
    "around the clock, a gap at midnight": Kind(_without(list(range(1430, 1450))), exchange="24/7"),
    "five days a week": Kind(_nothing, ("csv", "json"), exchange="24/5"),
    "futures from the evening before": Kind(_nothing, ("csv", "json"), exchange="us_futures"),
    "no opening minutes": Kind(_without([0, 1, 2, SESSION, SESSION + 1])),
}
