"""What may be asked of `/data` and `/stream`, read from the address; a bad value is refused by name."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stock_ml.adapters.postgres.reader import Span
from stock_ml.errors import BadInput

FOREVER = 4_102_444_800_000  # 2100-01-01 in epoch milliseconds
LIMIT, MOST = 1950, 20_000  # five sessions; fifty
AT_ONCE = 100  # symbols
CURSOR = re.compile(r"b(\d{1,16})", re.ASCII)
OLD_CURSOR = re.compile(r"s\d{1,16}", re.ASCII)  # of pages that were loaded before batches were numbered
UNKNOWN = -1  # a batch that none is, so that all rows are sent
NUMBER = re.compile(r"\d{1,16}", re.ASCII)


class BadParameter(BadInput):
    """Refuse a parameter of an address; `parameter` is its name."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(f"{parameter}: {message}")
        self.parameter = parameter


class Query(NamedTuple):
    """Hold a checked question: rows of a time span, or, with `after` (the id of a batch), what came after that."""

    symbol: str
    since: int
    until: int
    limit: int
    after: int | None

    def whole(self) -> Span:
        """Return the span of everything that is asked for."""
        return Span(self.symbol, self.since, self.until, self.limit)


def parse(args: Mapping[str, str]) -> Query:
    """Read `symbol`, `since`, `until` and `limit`.

    `since` is a time in epoch milliseconds, or the `next` of an earlier answer. Raises BadParameter.
    """
    symbol = symbol_of(args.get("symbol", ""))
    limit = _number(args, "limit", LIMIT, MOST)
    if limit == 0:
        raise BadParameter("limit", f"0 is not 1 to {MOST}")
    after = _batch(args.get("since", ""))
    if after is not None and "until" in args:
        raise BadParameter("until", "leave it out where since is the next of an earlier answer")
    if after is not None:
        return Query(symbol, 0, FOREVER, limit, after)
    return Query(symbol, _number(args, "since", 0, FOREVER), _number(args, "until", FOREVER, FOREVER), limit, None)


def parse_span(args: Mapping[str, str]) -> Query:
    """Read `symbol`, `since`, `until` and `limit`; both are times in epoch milliseconds. Raises BadParameter."""
    query = parse(args)
    if query.after is not None:
        raise BadParameter("since", f"{args['since'][:40]!r} is not a time in epoch milliseconds before 2100")
    return query


class Watching(NamedTuple):
    """Hold what a viewer asked `/stream` for; `after` is a batch's id, or UNKNOWN."""

    symbol: str | None
    after: int | None


def watching(args: Mapping[str, str], last_event_id: str | None) -> Watching:
    """Read `symbol` and `since`, the `next` of an answer of `/data`; `Last-Event-ID` goes before it.

    Raises BadParameter.
    """
    symbol = symbol_of(args["symbol"]) if "symbol" in args else None
    if last_event_id:
        return Watching(symbol, int(last_event_id) if NUMBER.fullmatch(last_event_id) else UNKNOWN)
    if "since" not in args:
        return Watching(symbol, None)
    if (after := _batch(args["since"])) is None:
        raise BadParameter("since", f"{args['since'][:40]!r} is not the next of an answer of /data")
    return Watching(symbol, after)


def several(symbols: Sequence[str]) -> list[str]:
    """Return the symbols that are asked for, each once. Raises BadParameter."""
    if len(symbols) > AT_ONCE:
        raise BadParameter("symbol", f"{len(symbols)} are more than {AT_ONCE} at once")
    return list(dict.fromkeys(symbol_of(symbol) for symbol in symbols))


def cursor(batch: int) -> str:
    """Return the `next` that stands for the id of a batch."""
    return f"b{batch}"


def symbol_of(symbol: str) -> str:
    """Return what can be a symbol. Raises BadParameter."""
    if not symbol:
        raise BadParameter("symbol", "name one, such as ?symbol=GOOGL; /symbols lists them")
    if len(symbol) > 64 or not symbol.isprintable():
        raise BadParameter("symbol", "at most 64 printable characters")
    return symbol


def _batch(text: str) -> int | None:
    """Return the batch that a cursor stands for, None for what is no cursor."""
    if found := CURSOR.fullmatch(text):
        return int(found[1])
    return UNKNOWN if OLD_CURSOR.fullmatch(text) else None


def _number(args: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = args.get(name, str(default))
    if not NUMBER.fullmatch(text) or int(text) > most:
        what = f"a whole number from 1 to {most}" if name == "limit" else "a time in epoch milliseconds before 2100"
        raise BadParameter(name, f"{text[:40]!r} is not {what}")
    return int(text)
