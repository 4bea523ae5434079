"""Decode a batch of messages: bars and official closes of this installation, and the others with their reasons."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np

from serving.stream_config import StreamConfig
from stock_ml.adapters.broker import decode_bar, decode_bars, decode_official_close, is_official_close
from stock_ml.domain.bars import Bar
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.gaps import Minutes
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BadMessage

FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, eq=False)
class BarBatch:
    """Hold received bars of many symbols.

    `slot` of the symbol and `ts` in UTC epoch seconds, (n,); `values`, a row for each of FIELDS, (5, n). `revision` of
    each, (n,), 0 for the values that were shown first.
    """

    slot: np.ndarray
    ts: np.ndarray
    values: np.ndarray
    revision: np.ndarray

    def __len__(self) -> int:
        return len(self.ts)

    @classmethod
    def of_bars(cls, bars: Sequence[Bar], slots: dict[str, int]) -> "BarBatch":
        """Return single bars as a batch, in their order."""
        slot = np.array([slots[bar.symbol] for bar in bars], dtype=np.int64)
        ts = np.array([bar.ts for bar in bars], dtype=np.int64)
        values = np.array([[getattr(bar, name) for bar in bars] for name in FIELDS], dtype=np.float64)
        return cls(slot, ts, values, np.array([bar.revision for bar in bars], dtype=np.int16))

    @classmethod
    def of_minutes(cls, slot: int, minutes: Minutes, revision: np.ndarray | None = None) -> "BarBatch":
        """Return the received bars of one symbol as a batch, as first shown unless their `revision`, (n,), is given."""
        values = np.stack([getattr(minutes, name) for name in FIELDS])
        first = np.zeros(len(minutes), dtype=np.int16)
        return cls(np.full(len(minutes), slot), minutes.ts, values, first if revision is None else revision)

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """Return the values by their FIELDS, (n,) each."""
        return dict(zip(FIELDS, self.values, strict=True))

    @property
    def minutes(self) -> Minutes:
        """Return the bars of ONE symbol as its minutes."""
        return Minutes(ts=self.ts, filled=np.zeros(len(self), dtype=bool), **self.columns)

    @property
    def is_first(self) -> np.ndarray:
        """Say of each bar, sorted by symbol, whether it is its symbol's first one, (n,)."""
        return np.asarray(np.diff(self.slot, prepend=-1) != 0)

    def select(self, at: np.ndarray | slice) -> "BarBatch":
        """Return the bars that a mask, a slice or indices choose."""
        return BarBatch(self.slot[at], self.ts[at], self.values[:, at], self.revision[at])

    def concat(self, other: "BarBatch") -> "BarBatch":
        """Return these bars, and others after them."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return BarBatch(*(np.concatenate(pair, axis=-1) for pair in pairs))

    def by_symbol(self) -> "BarBatch":
        """Return the bars symbol by symbol, each symbol's in the order of their messages."""
        return self.select(np.argsort(self.slot, kind="stable"))


class DecodeResult(NamedTuple):
    """Hold the bars of messages in their order, `at` which of the messages, and the index and reason of others.

    `closes` are the official closes among the messages.
    """

    bars: BarBatch
    at: np.ndarray
    rejects: list[tuple[int, str]]
    closes: list[OfficialClose]


def decode(values: Sequence[bytes | None], config: StreamConfig, latest: float = inf) -> DecodeResult:
    """Decode the messages' values; one that cannot be used never stops the others.

    `latest` is the last minute that may be over, in UTC epoch seconds.
    """
    regular = decode_bars(values)
    slot = np.array([config.slots.get(symbol, -1) for symbol in regular.symbols], dtype=np.int64)
    ours = np.array([source == config.source for source in regular.sources], dtype=bool)
    good = (slot >= 0) & ours
    good[good] = config.in_session(slot[good], regular.ts[good]) & (regular.ts[good] <= latest)
    bars, at = BarBatch(slot, regular.ts, regular.values, regular.revision).select(good), regular.at[good]
    result = DecodeResult(bars, at, [], [])
    return result if len(at) == len(values) else _with_irregular(result, values, config, latest)


def decode_each(values: Iterable[bytes | None], config: StreamConfig) -> Iterator[Bar | OfficialClose]:
    """Yield what `decode` accepts, one by one: for topics that are larger than memory."""
    for value in values:
        try:
            yield _decoded(value, config)
        except BadMessage:
            continue  # the consumer rejects it, and says why


def _with_irregular(
    regular: DecodeResult, values: Sequence[bytes | None], config: StreamConfig, latest: float
) -> DecodeResult:
    """Add the messages that `decode_bars` left out, decoded one by one, or rejected with their reasons."""
    irregular: dict[int, Bar] = {}
    closes, rejects = [], []
    for index in np.setdiff1d(np.arange(len(values)), regular.at).tolist():
        try:
            found = _decoded(values[index], config, latest)
        except BadMessage as error:
            rejects.append((index, str(error)))
            continue
        if isinstance(found, OfficialClose):
            closes.append(found)
        else:
            irregular[index] = found
    both = regular.bars.concat(BarBatch.of_bars(list(irregular.values()), config.slots))
    places = np.concatenate([regular.at, np.array(list(irregular), dtype=np.int64)])
    order = np.argsort(places)
    return DecodeResult(both.select(order), places[order], rejects, closes)


def _decoded(value: bytes | None, config: StreamConfig, latest: float = inf) -> Bar | OfficialClose:
    """Return what is in a message of this installation. Raises BadMessage."""
    is_close = is_official_close(value)
    found = decode_official_close(value) if is_close else decode_bar(value)
    if found.symbol not in config.symbols:
        raise BadMessage(f"symbol {found.symbol!r:.40} is not configured; see STOCKML_SYMBOLS")
    if found.source != config.source:
        raise BadMessage(f"the bar is of source {found.source!r:.40}, this installation is of {config.source}")
    _check_time(found.ts, is_close, config.sessions_of(found.symbol))
    if found.ts > latest:
        raise BadMessage(f"ts {found.ts} is more than a day to come; see the clocks of who published it")
    return found


def _check_time(ts: int, is_close: bool, sessions: Sessions) -> None:
    is_minute = sessions.number(np.array(ts)) >= 0
    if is_close and (is_minute or ts not in sessions.closes):
        raise BadMessage(f"ts {ts} is no close of a session of {sessions.exchange}")
    if not is_close and not is_minute:
        raise BadMessage(f"ts {ts} is no minute of a session of {sessions.exchange}")
