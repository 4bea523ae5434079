"""Keep bars: what is known of each symbol, from the database when it is not in memory, and back into it."""

from collections.abc import Sequence
from math import inf

import numpy as np

from serving.common.bar_batch import Arrived
from serving.consumer.in_order import remember
from serving.consumer.predict import Models
from serving.consumer.process import Handled, Memory, handle, split
from serving.consumer.ring_buffers import Rings
from serving.consumer.sort_batch import in_order, new
from serving.stream_config import Rules
from stock_ml.adapters.postgres.store import Around, ForecastStore, Stored
from stock_ml.domain.clock import Clock, EventClock
from stock_ml.domain.gaps import Minutes
from stock_ml.model.adaptive import Adaptation, Pending
from stock_ml.model.conformal import LEVELS

DAY = 86_400  # seconds


class Keeper:
    """Turn received bars into stored bars and forecasts: `take` a batch once, then `store` it until that succeeds."""

    def __init__(self, store: ForecastStore, clock: Clock, rules: Rules) -> None:
        self._store, self._clock, self._rules = store, clock, rules
        self._rings = Rings(len(rules.names), rules.rows)
        self._memory = Memory(self._rings, Adaptation(len(rules.names), rules.horizon))
        self._partition = np.full(len(rules.names), -1)  # from which a symbol's bars come

    def see(self, bars: Arrived, partitions: np.ndarray) -> None:
        """Note from which partition each bar came, (n,); a symbol that comes from another one is not known any more."""
        self._rings.forget(bars.slot[self._partition[bars.slot] != partitions])
        self._partition[bars.slot] = partitions

    def forget(self, partitions: Sequence[int]) -> None:
        """Drop the symbols of partitions that come or go: another process may store them; the database knows it all."""
        self._rings.forget(np.isin(self._partition, partitions))

    def latest(self) -> float:
        """Return the last minute that may have been, by the Clock and a day: clocks differ. A replay's has no end.

        Raises SourceUnavailable (the sandbox's clock).
        """
        return inf if isinstance(self._clock, EventClock) else self._clock.now() + DAY

    def take(self, bars: Arrived, models: Models) -> Handled:
        """Take a batch into memory, and return what it brings; the same bars again bring nothing.

        Raises StoreUnavailable: nothing is taken then, call it again.
        """
        bars = bars.by_symbol()
        self._load_for(bars)
        bars = new(self._rings, bars)
        return handle(self._memory, bars, self._histories(bars), models, self._rules)

    def store(self, handled: Handled) -> Stored:
        """Store what a batch brought, its forecasts made now; the same again changes nothing.

        Raises StoreUnavailable or SourceUnavailable (the sandbox's clock): nothing is stored then, call it again.
        """
        if not isinstance(self._clock, EventClock):  # a replay's time is told by the bars themselves
            handled = handled.made(self._clock.now)
        return self._store.store_batch(*handled)

    def _load_for(self, bars: Arrived) -> None:
        slots, oldest = _oldest(bars)
        lacking = ~self._rings.loaded[slots]
        if lacking.any():
            names = [self._rules.names[slot] for slot in slots[lacking]]
            foretold = self._store.newest_forecasts(names, self._rules.horizon)
            found = self._stored(slots[lacking], oldest[lacking])
            self._memory.adaptation.learn(slots[lacking], _pending(slots[lacking], foretold))
            for part, sessions in split(found, self._rules):
                remember(self._rings, part, sessions, self._rules)

    def _histories(self, bars: Arrived) -> dict[int, Minutes]:
        """Return what is known of the symbols whose bars did not come in order, as far back as they need it."""
        slots, oldest = _oldest(bars.pick(~in_order(self._rings, bars)))
        known = {slot: self._rings.received(slot) for slot in slots.tolist()}
        short = self._rings.since[slots] > self._needed(slots, oldest)
        if short.any():
            found = self._stored(slots[short], oldest[short])
            known |= {slot: found.pick(found.slot == slot).minutes() for slot in slots[short].tolist()}
        return known

    def _stored(self, slots: np.ndarray, oldest: np.ndarray) -> Arrived:
        """Return what is stored of symbols as far back as bars from `oldest` on need it; begin anew with these."""
        names, needed = (self._rules.names[slot] for slot in slots), self._needed(slots, oldest)
        wanted = map(Around, needed.tolist(), oldest.tolist())
        rows = self._store.newest(dict(zip(names, wanted, strict=True)), self._rules.rows)
        first, older = _first_and_older(rows, oldest)
        self._rings.relearn(slots, np.where(older < self._rules.rows, needed, first))
        values = np.stack([rows[name] for name in ("open", "high", "low", "close", "volume")])
        return Arrived(slots[rows["place"]], rows["ts"], values)

    def _needed(self, slots: np.ndarray, oldest: np.ndarray) -> np.ndarray:
        needed = np.empty(len(slots), dtype=np.int64)
        for number, sessions in enumerate(self._rules.calendars):
            own = self._rules.calendar[slots] == number
            needed[own] = self._rules.needed(oldest[own], sessions)
        return needed


def _pending(slots: np.ndarray, rows: np.ndarray) -> Pending:
    """Return the newest forecasts stored of some slots, as `newest_forecasts` gives them."""
    lower, upper, stretch = (
        np.stack([rows[f"{name}_{level}"] for level in LEVELS]) for name in ("lower", "upper", "stretch")
    )
    return Pending(slots[rows["place"]], rows["bar_ts"], rows["target_ts"], lower, upper, stretch, rows["close"])


def _first_and_older(rows: np.ndarray, oldest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return of each symbol the first minute found, 0 where there is none, and how many there are before `oldest`."""
    places = np.arange(len(oldest))
    begins = np.searchsorted(rows["place"], places)
    first = np.append(rows["ts"], 0)[begins]
    return first, np.bincount(rows["place"][rows["ts"] < oldest[rows["place"]]], minlength=len(oldest))


def _oldest(bars: Arrived) -> tuple[np.ndarray, np.ndarray]:
    """Return the slots of bars given symbol by symbol, and the oldest minute of each."""
    begins = np.flatnonzero(bars.first())
    if len(begins) == 0:
        return bars.slot, bars.ts
    return bars.slot[begins], np.minimum.reduceat(bars.ts, begins)
