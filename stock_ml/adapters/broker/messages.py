"""The messages on the topics, and the strict reading of what others may have put there."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
import orjson

from stock_ml.domain.bars import (
    LARGEST_PRICE,
    LARGEST_VOLUME,
    LAST_REVISION,
    MINUTE,
    RULE,
    Bar,
    bad_column,
    valid,
)
from stock_ml.domain.json_object import JsonObject
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BadMessage
from stock_ml.evaluation.live_performance import Alert

VERSION = 1
LARGEST = 64 * 1024  # bytes; a bar has about 150
YEAR_2100 = 4_102_444_800
NUMBERS = ("open", "high", "low", "close", "volume")
BAR_FIELDS = frozenset({"v", *Bar._fields}) - {"revision"}
ALERT_FIELDS = frozenset({"v", *Alert._fields})
OFFICIAL_CLOSE = "official_close"  # the kind of a message; a bar's message says no kind
CLOSE_FIELDS = frozenset({"v", "kind", *OfficialClose._fields})
SESSION_FIELDS = frozenset({"v", "exchange", "session", "close"})


class ClosedSession(NamedTuple):
    """Announce that a session closed: `session` as YYYY-MM-DD, `close` in UTC epoch seconds."""

    exchange: str
    session: str
    close: int


class _Bar(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A valid message; `decode_bar` says what is wrong with any other."""

    v: Literal[1]
    symbol: str
    ts: Annotated[int, msgspec.Meta(ge=0, lt=YEAR_2100, multiple_of=MINUTE)]
    open: float
    high: float
    low: float
    close: float
    volume: float
    source: str
    revision: Annotated[int, msgspec.Meta(ge=0, le=LAST_REVISION)] = 0


class _Kind(msgspec.Struct, gc=False):
    """Any object, by the kind that it says it is."""

    kind: str = ""


_kind_of = msgspec.json.Decoder(_Kind).decode


class PlainBars(NamedTuple):
    """Hold the messages that are plainly good: places `at`, symbols, sources, `ts`, `values` (5, n), `revision`."""

    at: np.ndarray
    symbols: list[str]
    sources: list[str]
    ts: np.ndarray
    values: np.ndarray
    revision: np.ndarray


def encode_bar(bar: Bar) -> bytes:
    """Return a bar as the topic holds it; only a later revision names its number."""
    fields = {"v": VERSION, **bar._asdict()}
    if bar.revision == 0:
        del fields["revision"]
    return orjson.dumps(fields)


def decode_bar(value: bytes | None) -> Bar:
    """Return the bar in a message. Raises BadMessage naming what is wrong with it."""
    given = _fields(value, BAR_FIELDS, frozenset({"revision"}))
    for name in ("symbol", "source"):
        if not isinstance(given[name], str):
            raise BadMessage(f"{name} is {_shown(given[name])}, it must be text")
    numbers = [_number(name, given[name]) for name in NUMBERS]
    if column := bad_column(numbers):
        raise BadMessage(f"bad {column}: {numbers[NUMBERS.index(column)]!r}; {RULE}")
    return Bar._make([given["symbol"], _minute(given["ts"]), *numbers, given["source"], _revision(given)])


def decode_bars(values: Sequence[bytes | None]) -> PlainBars:
    """Return the bars that `decode_bar` is sure to take, in a tenth of its time; the others are left to it."""
    decode, at, bars = msgspec.json.Decoder(_Bar).decode, [], []
    for index, value in enumerate(values):
        if value is None or len(value) > LARGEST:
            continue
        try:
            bars.append(decode(value))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        at.append(index)
    numbers = np.array([(b.open, b.high, b.low, b.close, b.volume) for b in bars], dtype=np.float64).reshape(-1, 5).T
    good = valid(numbers)
    kept = [bar for bar, keep in zip(bars, good.tolist(), strict=True) if keep]
    ts = np.array([bar.ts for bar in kept], dtype=np.int64)
    revision = np.array([bar.revision for bar in kept], dtype=np.int16)
    symbols, sources = [bar.symbol for bar in kept], [bar.source for bar in kept]
    return PlainBars(np.array(at, dtype=np.int64)[good], symbols, sources, ts, numbers[:, good], revision)


def encode_official_close(close: OfficialClose) -> bytes:
    """Return an official close as the topic of bars holds it."""
    return orjson.dumps({"v": VERSION, "kind": OFFICIAL_CLOSE, **close._asdict()})


def is_official_close(value: bytes | None) -> bool:
    """Say whether a message calls itself an official close; `decode_official_close` says whether it is one."""
    try:
        return value is not None and len(value) <= LARGEST and _kind_of(value).kind == OFFICIAL_CLOSE
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def decode_official_close(value: bytes | None) -> OfficialClose:
    """Return the official close in a message. Raises BadMessage naming what is wrong with it."""
    given = _fields(value, CLOSE_FIELDS)
    for name in ("symbol", "source"):
        if not isinstance(given[name], str):
            raise BadMessage(f"{name} is {_shown(given[name])}, it must be text")
    if given["kind"] != OFFICIAL_CLOSE:
        raise BadMessage(f"kind is {_shown(given['kind'])}, it must be {OFFICIAL_CLOSE!r}")
    close, volume = _number("close", given["close"]), _number("volume", given["volume"])
    if not (0 < close <= LARGEST_PRICE and 0 <= volume <= LARGEST_VOLUME):
        raise BadMessage(f"bad official close: {close!r} with volume {volume!r}; {RULE}")
    return OfficialClose(given["symbol"], _minute(given["ts"]), close, volume, given["source"])


def encode_session(closed: ClosedSession) -> bytes:
    """Return a closed session as its topic holds it."""
    return orjson.dumps({"v": VERSION, **closed._asdict()})


def decode_session(value: bytes | None) -> ClosedSession:
    """Return the session in a message. Raises BadMessage naming what is wrong with it."""
    given = _fields(value, SESSION_FIELDS)
    if not (isinstance(given["exchange"], str) and isinstance(given["session"], str) and type(given["close"]) is int):
        raise BadMessage("a session has an exchange and a date as text, and its close as whole epoch seconds")
    return ClosedSession(given["exchange"], given["session"], given["close"])


def encode_alert(alert: Alert) -> bytes:
    """Return an alert as its topic holds it."""
    return orjson.dumps({"v": VERSION, **alert._asdict()})


def decode_alert(value: bytes | None) -> Alert:
    """Return the alert in a message. Raises BadMessage naming what is wrong with it."""
    given = _fields(value, ALERT_FIELDS)
    words = [given[name] for name in ("kind", "reason", "model_version")]
    if not all(isinstance(word, str) for word in words):
        raise BadMessage("an alert says its kind, its reason and the model's version as text")
    return Alert(*words, *(_number(name, given[name]) for name in ("raised_at", "market_at")))


def _fields(value: bytes | None, wanted: frozenset[str], optional: frozenset[str] = frozenset()) -> JsonObject:
    """Return the fields of a message that has those wanted, and no others but optional ones.

    Raises BadMessage naming what is wrong with it.
    """
    if value is None or len(value) > LARGEST:
        raise BadMessage("there is no value" if value is None else f"{len(value)} bytes are more than {LARGEST}")
    try:
        given = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise BadMessage(f"not JSON: {error}") from None
    if not isinstance(given, dict):
        raise BadMessage(f"not a JSON object but {_shown(given)}")
    if type(given.get("v")) is not int or given["v"] != VERSION:
        raise BadMessage(f"schema version {_shown(given.get('v'))} is unknown; this is version {VERSION}")
    if wrong := (given.keys() - optional) ^ wanted:
        raise BadMessage(f"fields missing or unknown: {_shown(sorted(wrong))}")
    return given


def _number(name: str, given: object) -> float:
    """Return a field as a number. Raises BadMessage unless it is a finite one."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise BadMessage(f"{name} is {_shown(given)}, it must be a number")
    return float(given)


def _revision(given: JsonObject) -> int:
    number = given.get("revision", 0)
    if type(number) is not int or not 0 <= number <= LAST_REVISION:
        raise BadMessage(f"revision is {_shown(number)}, it must be a whole number from 0 to {LAST_REVISION}")
    return number


def _minute(given: object) -> int:
    if type(given) is not int or not 0 <= given < YEAR_2100 or given % MINUTE:
        raise BadMessage(f"ts is {_shown(given)}, it must be whole epoch seconds on the minute")
    return given


def _shown(given: object) -> str:
    return f"{given!r:.80}"
