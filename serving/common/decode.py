"""Read a batch of messages: bars that belong to this installation, and the others with their reasons."""

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import NamedTuple

import numpy as np

from serving.common.bar_batch import Arrived
from serving.stream_config import Rules
from stock_ml.adapters.broker import decode_bar, decode_bars
from stock_ml.domain.bars import Bar
from stock_ml.errors import BadMessage


class Read(NamedTuple):
    """Hold the bars in the order of their messages, `at` which index, and of each refused one its index and reason."""

    bars: Arrived
    at: np.ndarray
    refused: list[tuple[int, str]]


def read(values: Sequence[bytes | None], rules: Rules, latest: float = inf) -> Read:
    """Read the messages' values; one that cannot be used never stops the others.

    `latest` is the last minute that may have been, in UTC epoch seconds.
    """
    plain = decode_bars(values)
    slot = np.array([rules.slots.get(symbol, -1) for symbol in plain.symbols], dtype=np.int64)
    ours = np.array([source == rules.source for source in plain.sources], dtype=bool)
    good = (slot >= 0) & ours
    good[good] = _in_session(slot[good], plain.ts[good], rules) & (plain.ts[good] <= latest)
    bars = Arrived(slot, plain.ts, plain.values).pick(good)
    at = plain.at[good]
    return Read(bars, at, []) if len(at) == len(values) else _with_the_rest(Read(bars, at, []), values, rules, latest)


def _with_the_rest(plain: Read, values: Sequence[bytes | None], rules: Rules, latest: float) -> Read:
    """Read one by one what was not plainly good: `decode_bar` and `_checked` say what is wrong with it, if anything."""
    odd: dict[int, Bar] = {}
    refused = []
    for index in np.setdiff1d(np.arange(len(values)), plain.at).tolist():
        try:
            odd[index] = _checked(decode_bar(values[index]), rules, latest)
        except BadMessage as error:
            refused.append((index, str(error)))
    both = plain.bars.and_then(Arrived.of_bars(list(odd.values()), rules.slots))
    places = np.concatenate([plain.at, np.array(list(odd), dtype=np.int64)])
    order = np.argsort(places)
    return Read(both.pick(order), places[order], refused)


def _in_session(slot: np.ndarray, ts: np.ndarray, rules: Rules) -> np.ndarray:
    if len(rules.calendars) == 1:
        return np.asarray(rules.sessions.number(ts) >= 0)
    inside = [sessions.number(ts) >= 0 for sessions in rules.calendars]
    return np.asarray(np.choose(rules.calendar[slot], inside))


def accepted(values: Iterable[bytes | None], rules: Rules) -> Iterator[Bar]:
    """Yield the bars that `read` takes, one by one: for topics that are larger than memory."""
    for value in values:
        try:
            yield _checked(decode_bar(value), rules)
        except BadMessage:
            continue  # the consumer rejects it, and says why


def _checked(bar: Bar, rules: Rules, latest: float = inf) -> Bar:
    if bar.symbol not in rules.symbols:
        raise BadMessage(f"symbol {bar.symbol!r:.40} is not configured; see STOCKML_SYMBOLS")
    if bar.source != rules.source:
        raise BadMessage(f"the bar is of source {bar.source!r:.40}, this installation is of {rules.source}")
    sessions = rules.sessions_of(bar.symbol)
    if sessions.number(np.array(bar.ts)) < 0:
        raise BadMessage(f"ts {bar.ts} is no minute of a session of {sessions.exchange}")
    if bar.ts > latest:
        raise BadMessage(f"ts {bar.ts} is more than a day to come; see the clocks of who published it")
    return bar
