"""Handle a batch of new bars: what to store of them, and their forecasts. Nothing is read or written here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from serving.common.bar_batch import Arrived
from serving.consumer.in_order import extend, remember
from serving.consumer.out_of_order import take
from serving.consumer.predict import Models, Ready, When, features, forecasts, stamped
from serving.consumer.ring_buffers import Rings
from serving.stream_config import Rules
from stock_ml.adapters.postgres.store import BARS, Coming, Rows
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.gaps import Minutes
from stock_ml.model.adaptive import NOTHING, Adaptation, Closes


class Handled(NamedTuple):
    """Hold what a batch brings: `fresh` rows that nobody can have stored, and rows that may be `known`.

    The fresh forecasts are made when they are first asked for, which must be before the next batch is handled.
    """

    fresh: Coming
    known: Rows

    def made(self, now: Callable[[], float]) -> "Handled":
        """Return the same with its forecasts made at the time that `now` tells once they are, in UTC epoch seconds."""
        known = Rows(self.known.bars, *_made(self.known, now))
        return Handled(Coming(self.fresh.bars, lambda: _made(self.fresh, now)), known)


class Memory(NamedTuple):
    """Hold what is known of every symbol: its newest bars, and how its intervals adapted."""

    rings: Rings
    adaptation: Adaptation


def handle(memory: Memory, bars: Arrived, histories: Mapping[int, Minutes], models: Models, rules: Rules) -> Handled:
    """Take new bars, given symbol by symbol, into memory, and return what they bring.

    `histories` holds, by slot, the bars known of each symbol whose new ones did not all come in order. Without a model
    bars are kept, and nothing is forecast. A forecast is made when the newest bar of its symbol became known.
    """
    late = np.isin(bars.slot, list(histories))
    fresh = [_fresh(memory, part, sessions, models, rules) for part, sessions in split(bars.pick(~late), rules)]
    known = [
        _known(memory, bars.pick(bars.slot == slot), history, models, rules) for slot, history in histories.items()
    ]
    return Handled(Coming.together(*fresh), Rows.together(Rows.of(), *known))


def split(bars: Arrived, rules: Rules) -> Iterator[tuple[Arrived, Sessions]]:
    """Yield the bars of each calendar with its sessions: of most installations all in one."""
    calendar = rules.calendar[bars.slot]
    for number in np.unique(calendar):
        yield bars.pick(calendar == number), rules.calendars[number]


def _fresh(memory: Memory, bars: Arrived, sessions: Sessions, models: Models, rules: Rules) -> Coming:
    brought = extend(memory.rings, bars, sessions, rules)
    rows = _bar_rows(brought.slot, brought.minutes, False, rules)

    def make() -> Sequence[np.ndarray]:
        came = _came(brought.slot, brought.minutes)
        if not any(models):
            return _none(memory, came)
        ended = bars.pick(brought.at)
        ready = Ready(ended.slot, ended.ts, ended.values[3], ended.ts + MINUTE, features(brought.windows))
        return forecasts(ready, models, When(sessions, rules), came, memory.adaptation)

    return Coming(rows, make)


def _known(memory: Memory, bars: Arrived, history: Minutes, models: Models, rules: Rules) -> Rows:
    rings, slot = memory.rings, int(bars.slot[0])
    sessions = rules.sessions_of(rules.names[slot])
    taken = take(history, bars, sessions, rules)
    rings.relearn(bars.slot[:1], rings.since[bars.slot[:1]])
    remember(rings, Arrived.of_minutes(slot, taken.received), sessions, rules)
    rows = _bar_rows(np.full(len(taken.minutes), slot), taken.minutes, taken.late, rules)
    came = _came(np.full(len(taken.minutes), slot), taken.minutes)
    if not any(models):
        return Rows(rows, *_none(memory, came))
    ready = Ready(np.full(len(taken.ts), slot), taken.ts, taken.close, taken.known, features(taken.windows))
    return Rows(rows, *forecasts(ready, models, When(sessions, rules), came, memory.adaptation))


def _none(memory: Memory, came: Closes) -> Sequence[np.ndarray]:
    """Make no forecasts; outcomes of those made before are taken all the same."""
    memory.adaptation.take(NOTHING, came)
    return Rows.of()[1:]


def _made(rows: Rows | Coming, now: Callable[[], float]) -> list[np.ndarray]:
    tables = rows.forecasts, rows.shadows
    at = now()
    return [stamped(table, at) for table in tables]


def _came(slot: np.ndarray, minutes: Minutes) -> Closes:
    order = np.lexsort((minutes.ts, slot))  # they come in rounds, of all symbols each
    return Closes(slot[order], minutes.ts[order], minutes.close[order])


def _bar_rows(slot: np.ndarray, minutes: Minutes, late: np.ndarray | bool, rules: Rules) -> np.ndarray:
    table = np.zeros(len(slot), BARS)
    table["symbol"], table["source"], table["late"] = rules.symbol_table[slot], rules.source.encode(), late
    for name, column in vars(minutes).items():
        table[name] = column
    return table
