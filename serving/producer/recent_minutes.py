"""What was published last of a symbol: it tells a late bar or official close from one that was published before."""

from collections.abc import Iterable

WINDOW = 100  # bars: a source's newest response has no more
CLOSES = 40  # official closes: a month's response has no more


class Recent:
    """Hold the newest WINDOW published minutes of one symbol, in UTC epoch seconds.

    A response of WINDOW bars with an unpublished one among them leaves out at least one of these minutes. So all its
    minutes are newer than the oldest one held here, and no published bar is mistaken for a new one.
    """

    def __init__(self, ts: Iterable[int] = ()) -> None:
        self._known: set[int] = set()
        self._closes: set[int] = set()
        self._newest: int | None = None
        for one in ts:
            self.add(one)

    @property
    def newest(self) -> int | None:
        """Return the newest minute published, None where nothing was."""
        return self._newest

    @property
    def minutes(self) -> frozenset[int]:
        """Return the minutes held."""
        return frozenset(self._known)

    def add(self, ts: int) -> None:
        """Record a minute as published."""
        self._known.add(ts)
        self._newest = ts if self._newest is None else max(self._newest, ts)
        if len(self._known) > WINDOW:
            self._known.remove(min(self._known))

    @property
    def newest_close(self) -> int | None:
        """Return when the session closes whose official close was published last, None where none was."""
        return max(self._closes, default=None)

    def add_close(self, ts: int) -> None:
        """Record the official close of the session that closes at a time as published."""
        self._closes.add(ts)
        if len(self._closes) > CLOSES:
            self._closes.remove(min(self._closes))

    def is_unpublished_close(self, ts: int, first: int) -> bool:
        """Say whether an official close is to be published: of a session with one of the minutes held, or later.

        `first` is the minute from which on bars are published where none is held.
        """
        return ts not in self._closes and ts > min(self._known, default=first)

    def is_unpublished(self, ts: int) -> bool:
        """Say whether a minute is to be published: newer than all, or left out since the oldest one."""
        return ts not in self._known and ts >= min(self._known, default=ts)
