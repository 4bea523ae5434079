"""Small bodies of each layout, from which the fuzzer goes on."""

import gzip

import orjson

from tests.yahoo import chart

ROWS = [
    ("2024-03-01 09:30:00", 100.0, 100.5, 99.5, 100.25, 1200.0),
    ("2024-03-01 09:31:00", 100.25, 100.4, 100.1, 100.3, 800.0),
    ("2024-03-01 09:32:00", 1e9, 1e9, 1e9, 1e9, 1e15),  # at the limits: one digit more is beyond
    ("2024-03-01 15:59:00", 101.0, 101.1, 100.9, 101.05, 5000.0),
    ("2024-03-01 16:00:00", 101.05, 101.05, 101.05, 101.05, 90000.0),
]
OPEN = 1_709_303_400  # 2024-03-01 09:30 in New York
NAMES = ("open", "high", "low", "close", "volume")


def _csv(header: str, end: str = "\n") -> bytes:
    lines = [",".join([label, *map(_number, values)]) for label, *values in ROWS]
    return end.join([header, *lines, ""]).encode()


def _number(value: float) -> str:
    return f"{value:.2f}"  # without an exponent, so that the reader by columns takes it


def _json(zone: str) -> bytes:
    fields = [f"{number}. {name}" for number, name in enumerate(NAMES, 1)]
    bars = {label: dict(zip(fields, map(_number, values), strict=True)) for label, *values in ROWS}
    return orjson.dumps({"Meta Data": {"6. Time Zone": zone}, "Time Series (1min)": bars})


def _yahoo() -> bytes:
    return orjson.dumps(
        chart([OPEN, OPEN + 60, OPEN + 120, OPEN + 180], [*(list(row[1:]) for row in ROWS[:3]), [None] * 5])
    )


SEEDS: dict[str, list[bytes]] = {
    "csv": [
        _csv("timestamp,open,high,low,close,volume"),
        _csv("date,1. open,2. high,3. low,4. close,5. volume", "\r\n"),
        _csv("timestamp,open,high,low,close,volume").replace(b"100.40", b"").replace(b"800.00", b"null"),
        gzip.compress(_csv("timestamp,open,high,low,close,volume"), mtime=0),
    ],
    "json": [_json("US/Eastern"), _json("America/New_York")],
    "yahoo": [_yahoo(), b"[" + _yahoo() + b"]"],
}
# tokens that a byte at a time would seldom find
WORDS: dict[str, list[bytes]] = {
    "csv": [b"timestamp,open,high,low,close,volume\n", b"nan", b"inf", b"1e308", b"null", b"2024-03-10 02:30:00"],
    "json": [b'"Time Series (1min)"', b'"Meta Data"', b'"6. Time Zone"', b'"1. open"', b"null", b"1e999", b"US"],
    "yahoo": [b'"timestamp"', b'"quote"', b'"regularMarketTime"', b'"dataGranularity"', b'"1m"', b"null", b"1e999"],
}
