"""What was published last of a symbol: it tells a late or corrected bar, or official close, from one of before."""

from collections.abc import Iterable

from stock_ml.domain.bars import LAST_REVISION, Bar
from stock_ml.domain.official_close import OfficialClose

SESSION = 1500  # bars, as many as the longest session has, where settled ones are to be told from live ones
WINDOW = 100  # bars: Alpha Vantage's newest response has no more; of Yahoo's session older ones are known by time
CLOSES = 40  # official closes: a month's response has no more


class Recent:
    """Hold the newest version of the newest published bars of one symbol, `window` of them.

    A response of that many bars with an unpublished one among them leaves out at least one of these minutes. So all its
    minutes are newer than the oldest one held here, and no published bar is mistaken for a new one.
    """

    def __init__(self, bars: Iterable[Bar] = (), window: int = WINDOW) -> None:
        self._window = window
        self._known: dict[int, Bar] = {}
        self._closes: dict[int, OfficialClose] = {}
        self._newest: int | None = None
        for bar in bars:
            self.add(bar)

    @property
    def newest(self) -> int | None:
        """Return the newest minute published, in UTC epoch seconds, None where nothing was."""
        return self._newest

    @property
    def minutes(self) -> frozenset[int]:
        """Return the minutes held, in UTC epoch seconds."""
        return frozenset(self._known)

    def add(self, bar: Bar) -> None:
        """Record a bar as published; of several versions the newest one is held."""
        known = self._known.get(bar.ts)
        if known is None or bar.revision > known.revision:
            self._known[bar.ts] = bar
        self._newest = bar.ts if self._newest is None else max(self._newest, bar.ts)
        if len(self._known) > self._window:
            del self._known[min(self._known)]

    @property
    def newest_close(self) -> int | None:
        """Return when the session closes whose official close was published last, None where none was."""
        return max(self._closes, default=None)

    def add_close(self, close: OfficialClose) -> None:
        """Record an official close as published; of several for a session the last one is held."""
        self._closes[close.ts] = close
        if len(self._closes) > CLOSES:
            del self._closes[min(self._closes)]

    def is_unpublished_close(self, close: OfficialClose, first: int) -> bool:
        """Say whether an official close is to be published: of a session with one of the minutes held, or later.

        One that was published is published again where its price or volume changed: shortly after the bell it may be
        the last trade before the auction. `first` is the minute from which on bars are published where none is held.
        """
        known = self._closes.get(close.ts)
        return close.ts > min(self._known, default=first) and (known is None or known[2:4] != close[2:4])

    def unpublished(self, bar: Bar) -> Bar | None:
        """Return a bar as it is to be published, with the number of its revision; None where it is not.

        A bar is published if it is newer than all, or left out since the oldest one, or if its prices or its volume
        are not those that were published last.
        """
        known = self._known.get(bar.ts)
        if known is None:
            return bar if bar.ts >= min(self._known, default=bar.ts) else None
        if known[2:7] == bar[2:7] or known.revision == LAST_REVISION:
            return None
        return bar._replace(revision=known.revision + 1)
