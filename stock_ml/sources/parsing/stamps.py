"""Read the stamps of a table by columns: ISO, compact and day-first dates, zones and offsets, and epochs."""

from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from stock_ml.domain.calendar import Sessions
from stock_ml.errors import AmbiguousReading
from stock_ml.sources.parsing.rows import FIRST_YEAR, LAST_YEAR

Order = Literal["year", "day", "month"]  # the first number of a date
TIME = (
    r"(?:[ T]+(?P<hour>\d{1,2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?)?"
    r" ?(?P<half>[AaPp][Mm])? ?(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?|[A-Za-z]+(?:/[A-Za-z_]+)+)?$"
)
YEAR_FIRST = r"^\s*(?P<year>\d{4})[-./]?(?P<month>\d{1,2})[-./]?(?P<day>\d{1,2})" + TIME
YEAR_LAST = r"^\s*(?P<{}>\d{{1,2}})[-./](?P<{}>\d{{1,2}})[-./](?P<year>\d{{4}})"
PATTERNS: dict[Order, str] = {
    "year": YEAR_FIRST,
    "day": YEAR_LAST.format("day", "month") + TIME,
    "month": YEAR_LAST.format("month", "day") + TIME,
}
EPOCH = r"^\s*(?P<whole>\d{9,19})(?:\.0*)?\s*$"
UNITS = ((9, 1), (12, 10**3), (15, 10**6), (18, 10**9))  # from so many digits on, as stamps of the years 2000 to 2035
FIRST, LAST = (int(np.datetime64(f"{year}-01-01", "s").astype(int)) for year in (FIRST_YEAR, LAST_YEAR + 1))
BAD = 0.05  # of the dates, which may be none at all in an order that can be right
FITS = 0.9  # of the dates, which are those of sessions in an order that can be right


class Stamps(NamedTuple):
    """Hold the stamps of rows in seconds, (n,): since 1970 in UTC where `zoned`, else as the naive clock showed.

    `readable` is false where a text is no stamp, or is not of the years that calendars know.
    """

    seconds: np.ndarray
    zoned: np.ndarray
    readable: np.ndarray
    has_time: np.ndarray


def read_stamps(texts: pa.Array, order: Order) -> Stamps:
    """Return the stamps of texts, each by its own form; dates that end with the year are read in `order`."""
    found = [_epochs(texts), _dates(texts, "year")]
    if order != "year":
        found.append(_dates(texts, order))
    best = found[0]
    for other in found[1:]:
        best = Stamps(*(np.where(best.readable, mine, its) for mine, its in zip(best, other, strict=True)))
    return best


def date_days(texts: pa.Array) -> np.ndarray:
    """Return first and second number of each date that ends with its year, and the year, each of them once, (k, 3)."""
    parts = compute.extract_regex(texts, YEAR_LAST.format("first", "second")).drop_null()
    columns = [_numbers(compute.struct_field(parts, name)) for name in ("first", "second", "year")]
    return np.unique(np.column_stack(columns), axis=0)


def date_order(dates: np.ndarray, sessions: Sessions, where: str) -> Order:
    """Return the order of dates like 03/04/2024, (k, 3), by the numbers that can be no month, then by the sessions.

    Raises AmbiguousReading naming both readings where both fit.
    """
    if not len(dates):
        return "year"
    orders: list[Order] = ["day", "month"]
    days = {order: _days(dates, order) for order in orders}
    unreadable = {order: np.isnat(days[order]).mean() for order in orders}
    known = [order for order in orders if unreadable[order] <= BAD] or orders
    fitting = [order for order in known if np.isin(days[order], sessions.dates).mean() >= FITS]
    left = fitting if len(fitting) == 1 else known
    differ = dates[:, 0] != dates[:, 1]
    if len(left) == 1 or not differ.any():
        return left[0]
    at = int(np.argmax(differ))
    raise AmbiguousReading(
        f"{where}: its date {'/'.join(map(str, dates[at]))} can be {days['day'][at]} (day first) or "
        f"{days['month'][at]} (month first), and its other dates do not tell; write dates as 2024-03-01, or give a "
        "file with more of them"
    )


def _days(dates: np.ndarray, order: Order) -> np.ndarray:
    first, second, year = dates.T
    day, month = (first, second) if order == "day" else (second, first)
    return _date(year, month, day)


def _date(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Return dates as datetime64[D], (n,), NaT where there is none."""
    good = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (year >= FIRST_YEAR) & (year <= LAST_YEAR)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    found = months.astype("datetime64[D]") + np.where(good, day - 1, 0)
    return np.where(good & (found.astype("datetime64[M]") == months), found, np.datetime64("NaT", "D"))


def _epochs(texts: pa.Array) -> Stamps:
    parts = compute.extract_regex(texts, EPOCH)
    readable = _mask(parts)
    text = compute.struct_field(parts, "whole")
    whole = _numbers(text)
    digits = np.asarray(compute.utf8_length(text.fill_null("")).to_numpy(zero_copy_only=False))
    unit = np.select([digits >= at for at, _ in reversed(UNITS)], [size for _, size in reversed(UNITS)], 1)
    seconds = whole // unit
    readable &= (seconds >= FIRST) & (seconds < LAST) & (whole % unit == 0)
    return Stamps(np.where(readable, seconds, 0), readable.copy(), readable, readable.copy())


def _dates(texts: pa.Array, order: Order) -> Stamps:
    parts = compute.extract_regex(texts, PATTERNS[order])
    names = ("year", "month", "day", "hour", "minute", "second", "fraction")
    year, month, day, hour, minute, second, fraction = (_numbers(compute.struct_field(parts, name)) for name in names)
    days = _date(year, month, day)
    hour, half_fits = _full_hours(hour, compute.struct_field(parts, "half"))
    readable = _mask(parts) & ~np.isnat(days) & half_fits & (hour < 24) & (minute < 60) & (second < 60)
    readable &= fraction == 0
    naive = np.where(readable, days, np.datetime64(0, "D")).astype("datetime64[s]").astype(np.int64)
    naive = naive + np.where(readable, hour * 3600 + minute * 60 + second, 0)
    has_time = np.asarray(compute.not_equal(compute.struct_field(parts, "hour").fill_null(""), ""))
    return _in_utc(naive, readable, compute.struct_field(parts, "zone").fill_null(""), has_time.astype(bool))


def _in_utc(naive: np.ndarray, readable: np.ndarray, zones: pa.Array, has_time: np.ndarray) -> Stamps:
    coded = zones.dictionary_encode()
    codes, seconds, readable = coded.indices.to_numpy(), naive.copy(), readable.copy()
    zoned = np.zeros(len(naive), dtype=bool)
    for code, zone in enumerate(coded.dictionary.to_pylist()):
        here = (codes == code) & readable
        if zone and here.any():
            zoned |= here
            moved, known = to_utc(naive[here], zone)
            seconds[here], readable[here] = moved, known
    return Stamps(seconds, zoned, readable, has_time)


def to_utc(naive: np.ndarray, zone: str) -> tuple[np.ndarray, np.ndarray]:
    """Return naive seconds of a zone or an offset like -05:00 in UTC, (n,), and where a zone's clock shows them once.

    A zone that is not known has none.
    """
    if zone in ("Z", "UTC", "GMT"):
        return naive, np.ones(len(naive), dtype=bool)
    if zone[0] in "+-":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        offset = int(digits[:2]) * 3600 + int(digits[2:]) * 60
        return naive - (offset if zone[0] == "+" else -offset), np.ones(len(naive), dtype=bool)
    if not is_zone(zone):
        return naive, np.zeros(len(naive), dtype=bool)
    stamps = pd.DatetimeIndex(naive.astype("datetime64[s]")).tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    known = np.asarray(stamps.notna())
    return np.where(known, stamps.to_numpy("datetime64[s]").astype(np.int64), naive), known


def is_zone(name: str) -> bool:
    """Say whether a name is a time zone of the tz database."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the last of a folder, such as "US"
        return False
    return True


def _full_hours(hour: np.ndarray, half: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return hours of a day from those of its halves, (n,), and where they can be such."""
    texts = compute.utf8_lower(half.fill_null(""))
    noon, midnight = (np.asarray(compute.equal(texts, text), dtype=bool) for text in ("pm", "am"))
    fits = ~(noon | midnight) | ((hour >= 1) & (hour <= 12))
    return np.where(noon, hour % 12 + 12, np.where(midnight, hour % 12, hour)), fits


def _mask(parts: pa.Array) -> np.ndarray:
    return np.array(parts.is_valid().to_numpy(zero_copy_only=False), dtype=bool)


def _numbers(texts: pa.Array) -> np.ndarray:
    """Return texts of at most nineteen digits as integers, (n,), 0 where there are none."""
    texts = texts.fill_null("")
    first, last = compute.utf8_slice_codeunits(texts, 0, 18), compute.utf8_slice_codeunits(texts, 18, 19)
    numbers = compute.cast(compute.if_else(compute.equal(first, ""), "0", first), pa.int64())
    return _with_last_digit(np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.int64), last)


def _with_last_digit(numbers: np.ndarray, last: pa.Array) -> np.ndarray:
    """Append a nineteenth digit, as stamps in nanoseconds have."""
    has = np.asarray(compute.not_equal(last, ""), dtype=bool)
    if not has.any():
        return numbers
    digit = compute.cast(compute.if_else(compute.equal(last, ""), "0", last), pa.int64()).to_numpy(zero_copy_only=False)
    return np.where(has & (numbers < 9 * 10**17), numbers * 10 + digit, numbers)
