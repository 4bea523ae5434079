"""Stalled partitions: messages wait in them, and the client, polled for long enough, returns none."""

from collections.abc import Mapping

LONGEST = 30.0  # seconds of asking


class Stalls:
    """Add up for how long the client was polled in vain for the next message of each partition."""

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._asked: dict[int, tuple[int, float]] = {}  # by partition: the offset that comes next, seconds

    def update(self, waiting: Mapping[int, int], seconds: float) -> None:
        """Note that the client was polled for some seconds, and has no more messages.

        `waiting` holds, by partition, the offset that comes next where messages wait; other partitions are not stalled.
        """
        before = self._asked
        self._asked = {
            at: (offset, before[at][1] + seconds if before.get(at, (None,))[0] == offset else 0.0)
            for at, offset in waiting.items()
        }

    def forget(self, partition: int) -> None:
        """Restart the count of a partition that was moved on."""
        self._asked.pop(partition, None)

    @property
    def offsets(self) -> dict[int, int]:
        """Return, by partition, the offsets at which partitions are stalled."""
        return {at: offset for at, (offset, seconds) in self._asked.items() if seconds >= self._longest}
