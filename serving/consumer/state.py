"""What the consumer knows of every symbol: its newest bars in ring buffers, and how its intervals adapted."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from serving.common.decode_bars import FIELDS, BarBatch
from serving.consumer import in_order, out_of_order
from serving.consumer.in_order import Update
from serving.consumer.out_of_order import Merged
from serving.consumer.recent_bars import RecentBars
from serving.consumer.recent_closes import Closes, RecentCloses
from serving.consumer.ring_buffers import CHANNEL, RingBuffers
from serving.consumer.versions import Revisions
from serving.stream_config import StreamConfig
from stock_ml.adapters.postgres.store import Around, ForecastStore
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.official_close import OfficialClose
from stock_ml.model.adaptive import AdaptiveIntervals, StoredForecasts
from stock_ml.model.conformal import LEVELS

CLOSED = 30 * 86_400  # seconds: no exchange is closed for longer


class OutOfOrder(NamedTuple):
    """Hold bars of a symbol that did not all come in order, or once, and its history, without a gap `since` a time."""

    bars: BarBatch
    history: BarBatch
    since: int


class NewBars(NamedTuple):
    """Hold bars that are not known yet, symbol by symbol: those in order, and symbols with bars out of order."""

    in_order: BarBatch
    out_of_order: list[OutOfOrder]


class Updates(NamedTuple):
    """Hold what new bars bring: of those in order, by calendar, and of symbols with bars out of order.

    A symbol with corrections may have several updates, in their order. `older` bars are versions of which newer ones
    were known before, and `unfilled` by slot the minutes, (k,), that were filled and are not any more.
    """

    in_order: list[Update]
    out_of_order: list[Update]
    older: list[BarBatch]
    unfilled: list[tuple[int, np.ndarray]]


class ConsumerState:
    """Hold what the next forecasts need; it is read from the database where it is not in memory."""

    def __init__(self, store: ForecastStore, config: StreamConfig) -> None:
        symbols = len(config.names)
        self._store, self._config = store, config
        self._buffers = RingBuffers(symbols, config.rows)
        self._recent, self._closes = RecentBars(symbols), RecentCloses()
        self._revisions = Revisions()
        self.intervals = AdaptiveIntervals(symbols, config.horizon)
        self._partition = np.full(symbols, -1)  # from which a symbol's bars come

    def assign(self, bars: BarBatch, partitions: np.ndarray) -> None:
        """Record the partition of each bar, (n,); a symbol that changed its partition is read again."""
        self._buffers.clear(bars.slot[self._partition[bars.slot] != partitions])
        self._partition[bars.slot] = partitions

    def forget(self, partitions: Sequence[int]) -> None:
        """Drop the symbols of partitions that were assigned or revoked: another process may have stored their bars."""
        self._buffers.clear(np.isin(self._partition, partitions))

    def load(self, bars: BarBatch) -> NewBars:
        """Read what is stored of bars' symbols where memory lacks it; return the bars that are not known yet.

        Raises StoreUnavailable: call it again.
        """
        bars = bars.by_symbol()
        self._load_symbols(bars)
        newest = self._recent.newest(bars.slot)
        again = np.flatnonzero(bars.ts <= newest)
        known = np.zeros(len(bars), dtype=bool)
        at = bars.slot[again], bars.ts[again]
        known[again] = self._buffers.contains(*at) | self._recent.contains(*at)
        known[1:] |= (bars.slot[1:] == bars.slot[:-1]) & (bars.ts[1:] == bars.ts[:-1])
        revised = self._revisions.concern(bars)
        keep = ~known | revised
        bars, newest, revised = bars.select(keep), newest[keep], revised[keep]
        before = np.where(bars.is_first, newest, np.concatenate([newest[:1], bars.ts[:-1]]))
        unordered = np.isin(bars.slot, bars.slot[bars.ts <= before]) | revised
        return NewBars(bars.select(~unordered), self._with_history(bars.select(unordered)))

    def record_closes(self, closes: Sequence[OfficialClose]) -> None:
        """Give official closes to the rows of the sessions after them: later windows have them, earlier ones stay."""
        if not closes:
            return
        new = self._closes_of(closes)
        self._closes.add(new)
        for own, sessions in self._config.by_calendar(slots := np.unique(new.slot)):
            ts = self._buffers.ts[slots[own]]
            slot = np.repeat(slots[own], ts.shape[1])
            before = self._closes.before(slot, ts.ravel(), sessions)
            self._buffers.table[CHANNEL["close_before"], slots[own]] = before.reshape(ts.shape)

    def _closes_of(self, closes: Sequence[OfficialClose]) -> Closes:
        slot = np.array([self._config.slots[close.symbol] for close in closes], dtype=np.int64)
        ts = np.array([close.ts for close in closes], dtype=np.int64)
        prices, volumes = (np.array([close[at] for close in closes], dtype=np.float64) for at in (2, 3))
        return Closes(slot, ts, prices, volumes)

    def update(self, new: NewBars) -> Updates:
        """Put new bars into the ring buffers; return the rows to store, and the windows that are complete."""
        bars = new.in_order
        parts = [(bars.select(own), sessions) for own, sessions in self._config.by_calendar(bars.slot)]
        ordered = [self._append(part, sessions) for part, sessions in parts if len(part)]
        merged = [self._merge(symbol) for symbol in new.out_of_order]
        self._closes.drop_old()  # not before: bars that come late need old ones
        updates = [update for one in merged for update in one.updates]
        return Updates(ordered, updates, [one.older for one in merged], [one.unfilled for one in merged])

    def _append(self, bars: BarBatch, sessions: Sessions) -> Update:
        outlier = self._recent.outliers(bars, sessions, self._config.limit)
        usable, left_out = bars.select(~outlier), bars.select(outlier)
        rows = in_order.fill(usable, self._buffers.newest(usable.slot), sessions, self._config, self._closes)
        occupied = self._recent.are_outliers(rows.slot, rows.minutes.ts)
        self._record(bars, outlier)
        complete, windows = self._buffers.append_and_slice(rows, self._config.window)
        return in_order.update(rows, complete, windows, sessions).with_outliers(left_out, occupied)

    def _record(self, bars: BarBatch, outlier: np.ndarray) -> None:
        """Record bars as received; outliers, (n,), stay out of the ring buffers."""
        self._recent.append(bars, outlier)
        # what comes out of order later needs them as well: it finds them in the database
        np.maximum.at(self._buffers.since, bars.slot[outlier], bars.ts[outlier] + MINUTE)

    def _merge(self, new: OutOfOrder) -> Merged:
        slot = int(new.bars.slot[0])
        sessions = self._config.sessions_of(self._config.names[slot])
        merged = out_of_order.merge(new.history, new.bars, sessions, self._config, self._closes.of(slot))
        self._reset(np.array([slot]), np.array([new.since]), merged.received)
        return merged

    def _load_symbols(self, bars: BarBatch) -> None:
        slots, oldest = _oldest(bars)
        missing = ~self._buffers.loaded[slots]
        if missing.any():
            slots, oldest = slots[missing], oldest[missing]
            names = [self._config.names[slot] for slot in slots]
            stored_forecasts = _stored_forecasts(slots, self._store.newest_forecasts(names, self._config.horizon))
            self._closes.clear(slots)
            since, stored = self._read(slots, oldest, self._config.earliest(slots, oldest))
            self.intervals.restore(slots, stored_forecasts)
            self._reset(slots, since, stored)

    def _with_history(self, bars: BarBatch) -> list[OutOfOrder]:
        """Return bars symbol by symbol with what is known of each, as far back as they need it."""
        slots, oldest = _oldest(bars)
        since = self._buffers.since[slots]
        known = {slot: self._in_memory(slot) for slot in slots.tolist()}
        earliest = self._config.earliest(slots, oldest)
        short = since > earliest
        if short.any():
            since[short], stored = self._read(slots[short], oldest[short], earliest[short])
            known |= {slot: stored.select(stored.slot == slot) for slot in slots[short].tolist()}
        parts = zip(slots.tolist(), since.tolist(), strict=True)
        return [OutOfOrder(bars.select(bars.slot == slot), known[slot], begin) for slot, begin in parts]

    def _in_memory(self, slot: int) -> BarBatch:
        minutes = self._buffers.received(slot)
        return BarBatch.of_minutes(slot, minutes, self._revisions.of(slot, minutes.ts))

    def _read(self, slots: np.ndarray, oldest: np.ndarray, earliest: np.ndarray) -> tuple[np.ndarray, BarBatch]:
        """Return since when bars are whole, and those stored: before `oldest` back to `earliest`, and all later."""
        names = [self._config.names[slot] for slot in slots]
        wanted = dict(zip(names, map(Around, earliest.tolist(), oldest.tolist()), strict=True))
        rows = self._store.newest(wanted, self._config.rows)
        self._closes.add(self._closes_of(self._store.official_closes(names, int(earliest.min()) - CLOSED)))
        first, older = _first_and_older(rows, oldest)
        since = np.where(older < self._config.rows, earliest, first)
        values = np.stack([rows[name] for name in FIELDS])
        return since, BarBatch(slots[rows["place"]], rows["ts"], values, rows["revision"])

    def _reset(self, slots: np.ndarray, since: np.ndarray, bars: BarBatch) -> None:
        """Reset some symbols: `bars`, sorted by symbol and time, are all that are known `since` a time."""
        self._buffers.reset(slots, since)
        self._revisions.reset(slots, bars)
        self._recent.clear(slots)
        for own, sessions in self._config.by_calendar(bars.slot):
            part = bars.select(own)
            outlier = self._recent.outliers(part, sessions, self._config.limit)
            self._record(part, outlier)
            usable = part.select(~outlier)
            newest = self._buffers.newest(usable.slot)
            self._buffers.append(in_order.fill(usable, newest, sessions, self._config, self._closes))


def _stored_forecasts(slots: np.ndarray, rows: np.ndarray) -> StoredForecasts:
    """Return the newest forecasts stored of some slots, as `newest_forecasts` gives them."""
    lower, upper, interval_scale = (
        np.stack([rows[f"{name}_{level}"] for level in LEVELS]) for name in ("lower", "upper", "stretch")
    )
    return StoredForecasts(
        slot=slots[rows["place"]],
        bar_ts=rows["bar_ts"],
        target=rows["target_ts"],
        lower=lower,
        upper=upper,
        interval_scale=interval_scale,
        actual=rows["close"],
    )


def _first_and_older(rows: np.ndarray, oldest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return of each symbol the first minute found, 0 where there is none, and how many there are before `oldest`."""
    places = np.arange(len(oldest))
    begins = np.searchsorted(rows["place"], places)
    first = np.append(rows["ts"], 0)[begins]
    return first, np.bincount(rows["place"][rows["ts"] < oldest[rows["place"]]], minlength=len(oldest))


def _oldest(bars: BarBatch) -> tuple[np.ndarray, np.ndarray]:
    """Return the slots of bars given symbol by symbol, and the oldest minute of each."""
    begins = np.flatnonzero(bars.is_first)
    if len(begins) == 0:
        return bars.slot, bars.ts
    return bars.slot[begins], np.minimum.reduceat(bars.ts, begins)
