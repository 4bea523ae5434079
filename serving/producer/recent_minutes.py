"""Which minutes of a symbol were published last: enough to tell a bar that came late from one that came before."""

from collections.abc import Iterable

WINDOW = 100  # bars: a source's newest answer shows no more


class Recent:
    """Remember the newest WINDOW minutes of one symbol, in UTC epoch seconds.

    An answer of WINDOW bars with an unpublished one among them leaves out at least one of these minutes, so all that it
    shows of the past is newer than the oldest one remembered: nothing that was published is taken for new.
    """

    def __init__(self, ts: Iterable[int] = ()) -> None:
        self._known: set[int] = set()
        for one in ts:
            self.add(one)

    @property
    def newest(self) -> int | None:
        """Return the newest minute published, None where nothing was."""
        return max(self._known, default=None)

    def add(self, ts: int) -> None:
        """Remember a minute as published."""
        self._known.add(ts)
        if len(self._known) > WINDOW:
            self._known.remove(min(self._known))

    def lacks(self, ts: int) -> bool:
        """Say whether a minute is still to be published: newer than all, or passed over since the oldest one."""
        return ts not in self._known and ts >= min(self._known, default=ts)
