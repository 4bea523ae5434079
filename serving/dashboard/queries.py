"""The query parameters of each endpoint. Values are checked against the types that openapi.py describes."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from stock_ml.adapters.postgres.reader import Span
from stock_ml.errors import BadInput

FOREVER = 4_102_444_800_000  # 2100-01-01 in epoch milliseconds
LIMIT, MOST = 1950, 20_000  # five sessions; fifty
AT_ONCE = 100  # symbols
LONGEST = 64  # characters of a symbol
CURSOR = re.compile(r"b(\d{1,16})", re.ASCII)
OLD_CURSOR = re.compile(r"s\d{1,16}", re.ASCII)  # of pages that were loaded before batches were numbered
UNKNOWN = -1  # a batch that none is, so that all rows are sent
NUMBER = re.compile(r"\d{1,16}", re.ASCII)

Symbol = Annotated[str, Meta(min_length=1, max_length=LONGEST, description="a symbol that /symbols lists")]
Time = Annotated[int, Meta(ge=0, le=FOREVER, description="a time in epoch milliseconds before 2100")]
Limit = Annotated[int, Meta(ge=1, le=MOST, description=f"a number of newest bars, from 1 to {MOST}")]
Since = Annotated[
    str,
    Meta(
        pattern="^[bs]?[0-9]{1,16}$",
        description="a time in epoch milliseconds before 2100, or the `next` of an earlier answer",
    ),
]
Next = Annotated[str, Meta(pattern="^[bs][0-9]{1,16}$", description="the `next` of an answer of /data")]
Q = TypeVar("Q", bound=Struct)


class BadParameter(BadInput):
    """Refuse a parameter of an address; `parameter` is its name."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(f"{parameter}: {message}")
        self.parameter = parameter


class DataParameters(Struct):
    """The query parameters of `/data`. `until` is refused where `since` is the `next` of an earlier answer."""

    symbol: Symbol
    since: Since = "0"
    until: Time = FOREVER
    limit: Limit = LIMIT


class SpanParameters(Struct):
    """The query parameters of `/data.csv`."""

    symbol: Symbol
    since: Time = 0
    until: Time = FOREVER
    limit: Limit = LIMIT


class StreamParameters(Struct):
    """The query parameters of `/stream`."""

    symbol: Symbol | UnsetType = UNSET
    since: Next | UnsetType = UNSET


class SymbolsParameters(Struct):
    """The query parameters of `/symbols`."""

    symbol: Annotated[
        list[Symbol], Meta(max_length=AT_ONCE, description="only these symbols, each with the closes of its day")
    ] = []


class Query(NamedTuple):
    """Hold a checked query: rows of a time span, or, with `after` (the id of a batch), what was stored later."""

    symbol: str
    since: int
    until: int
    limit: int
    after: int | None

    def whole(self) -> Span:
        """Return the span of all rows."""
        return Span(self.symbol, self.since, self.until, self.limit)


class Subscription(NamedTuple):
    """Hold the symbol that a viewer of `/stream` watches, None for all; `after` is a batch's id, or UNKNOWN."""

    symbol: str | None
    after: int | None


def parse(args: Mapping[str, str]) -> Query:
    """Parse the query of `/data`. Raises BadParameter."""
    data = _convert(DataParameters, args)
    after = _batch(data.since)
    if after is None:
        return parse_span(args)
    if "until" in args:
        raise BadParameter("until", "leave it out where since is the next of an earlier answer")
    return Query(data.symbol, 0, FOREVER, data.limit, after)


def parse_span(args: Mapping[str, str]) -> Query:
    """Parse the query of `/data.csv`. Raises BadParameter."""
    span = _convert(SpanParameters, args)
    return Query(span.symbol, span.since, span.until, span.limit, after=None)


def parse_subscription(args: Mapping[str, str], last_event_id: str | None) -> Subscription:
    """Parse the query of `/stream`; the header `Last-Event-ID` goes before `since`. Raises BadParameter."""
    if last_event_id:
        args = {name: value for name, value in args.items() if name != "since"}
    stream = _convert(StreamParameters, args)
    symbol = None if stream.symbol is UNSET else stream.symbol
    if last_event_id:
        return Subscription(symbol, int(last_event_id) if NUMBER.fullmatch(last_event_id) else UNKNOWN)
    return Subscription(symbol, None if stream.since is UNSET else _batch(stream.since))


def parse_symbols(symbols: Sequence[str]) -> SymbolsParameters:
    """Parse the query of `/symbols`; each symbol is in it once. Raises BadParameter."""
    if len(symbols) > AT_ONCE:
        raise BadParameter("symbol", f"{len(symbols)} are more than {AT_ONCE} at once")
    return SymbolsParameters(list(dict.fromkeys(_symbol(symbol) for symbol in symbols)))


def cursor(batch: int) -> str:
    """Return the `next` for the id of a batch."""
    return f"b{batch}"


def descriptions(kind: type[Struct]) -> dict[str, str]:
    """Return the description of each parameter."""
    _, components = msgspec.json.schema_components([kind])
    return {name: schema["description"] for name, schema in components[kind.__name__]["properties"].items()}


@cache
def _fields(kind: type[Struct]) -> dict[str, structs.FieldInfo]:
    return {field.name: field for field in structs.fields(kind)}


def _convert(kind: type[Q], args: Mapping[str, str]) -> Q:
    texts = {name: args.get(name, "" if field.required else None) for name, field in _fields(kind).items()}
    return kind(**{name: _value(kind, name, text) for name, text in texts.items() if text is not None})


def _value(kind: type[Struct], name: str, text: str) -> str | int:
    if name == "symbol":
        return _symbol(text)
    expected = _fields(kind)[name].type
    values = (text, int(text)) if NUMBER.fullmatch(text) else (text,)  # a parameter is text or a whole number
    for value in values if text.isprintable() else ():
        with suppress(msgspec.ValidationError):
            converted: str | int = msgspec.convert(value, expected)
            return converted
    raise BadParameter(name, f"{text[:40]!r} is not {descriptions(kind)[name]}")


def _symbol(text: str) -> str:
    if not text:
        raise BadParameter("symbol", "name one, such as ?symbol=GOOGL; /symbols lists them")
    if len(text) > LONGEST or not text.isprintable():
        raise BadParameter("symbol", f"at most {LONGEST} printable characters")
    return text


def _batch(text: str) -> int | None:
    """Return the batch of a cursor, None for other text."""
    if found := CURSOR.fullmatch(text):
        return int(found[1])
    return UNKNOWN if OLD_CURSOR.fullmatch(text) else None
