"""Partitions that stand still: messages wait in them, and the client, asked for long enough, gives none."""

from collections.abc import Mapping

LONGEST = 30.0  # seconds of asking


class Stalls:
    """Add up for how long the client was asked in vain for the next message of each partition."""

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._asked: dict[int, tuple[int, float]] = {}  # by partition: the offset that comes next, seconds

    def update(self, waiting: Mapping[int, int], seconds: float) -> None:
        """Note that the client was asked for some seconds, and has no more to give.

        `waiting` holds, by partition, the offset that comes next where messages wait; other partitions do not stand.
        """
        before = self._asked
        self._asked = {
            at: (offset, before[at][1] + seconds if before.get(at, (None,))[0] == offset else 0.0)
            for at, offset in waiting.items()
        }

    def forget(self, partition: int) -> None:
        """Begin anew with a partition that was moved on."""
        self._asked.pop(partition, None)

    @property
    def offsets(self) -> dict[int, int]:
        """Return, by partition, the offsets at which partitions stand."""
        return {at: offset for at, (offset, seconds) in self._asked.items() if seconds >= self._longest}
