"""What the topics hold already: the producer's memory, so that a restart neither repeats nor skips."""

from collections.abc import Iterable, Iterator

from serving.publishing import newest_by_symbol
from stock_ml.adapters.broker import Topics, decode_bar, decode_session, read_back
from stock_ml.bars import Bar
from stock_ml.config import Settings
from stock_ml.errors import BadMessage

TAIL = 20_000  # messages a partition


def newest_published(s: Settings) -> dict[str, int | None]:
    """Return each configured symbol's newest bar on the topic, None where there is none.

    The topic's tail is read; only where a symbol is not in it, the whole topic. Raises BrokerUnavailable.
    """
    found = newest_by_symbol(_bars(read_back(s, Topics.of(s).bars, TAIL)))
    if set(s.symbols) - found.keys():
        found = newest_by_symbol(_bars(read_back(s, Topics.of(s).bars)))
    return {symbol: found.get(symbol) for symbol in s.symbols}


def published_between(s: Settings, first: int, last: int) -> set[tuple[str, int]]:
    """Return symbol and time of all bars on the topic from one time to another, both included."""
    bars = _bars(read_back(s, Topics.of(s).bars))
    return {(bar.symbol, bar.ts) for bar in bars if first <= bar.ts <= last}


def last_announced(s: Settings) -> int | None:
    """Return the close of the newest session announced, in UTC epoch seconds."""
    closes = []
    for value in read_back(s, Topics.of(s).sessions, TAIL):
        try:
            closes.append(decode_session(value).close)
        except BadMessage:
            continue  # what others put there was never an announcement of ours
    return max(closes, default=None)


def _bars(values: Iterable[bytes | None]) -> Iterator[Bar]:
    for value in values:
        try:
            yield decode_bar(value)
        except BadMessage:
            continue  # the consumer rejects it; the producer never sent it
