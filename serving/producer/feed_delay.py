"""Learn by how much a feed is delayed from how old its newest bars are when they first appear."""

from dataclasses import dataclass, field

from stock_ml.domain.bars import MINUTE

SAMPLES = 10  # newest minutes: a delay is longer than all of them say, or it is none
STEADY = 30  # seconds by which a longer delay must differ from the one in use


@dataclass
class LearnedDelay:
    """Hold the delay of one exchange's feed beyond what the settings state, in `seconds`; 0 for none.

    The smallest age of the newest minutes' appearances counts, so that slow responses are not taken for a delay. A bar
    that is younger shortens the delay at once; a longer delay needs SAMPLES minutes, however many symbols appear in
    each. A newest bar that the next response revises was still forming, so it first appeared a minute before it was
    final.
    """

    seconds: int = 0
    _ages: dict[int, float] = field(default_factory=dict)  # by minute, the smallest
    _revised: dict[int, bool] = field(default_factory=dict)  # by minute, whether any was

    def limit(self, age: float) -> None:
        """Shorten the delay where it is longer than a bar says that was there `age` seconds after its minute."""
        longest = self._delay_of(age)
        if longest < self.seconds:
            self.seconds = longest
        if longest == 0:
            self._ages.clear()
            self._revised.clear()

    def observe(self, minute: int, age: float, revised: bool) -> None:
        """Record how many seconds after its minute a bar appeared, and whether the one before it was revised then."""
        self.limit(age)
        self._ages[minute] = min(age, self._ages.get(minute, age))
        self._revised[minute] = revised or self._revised.get(minute, False)
        if len(self._ages) > SAMPLES:
            oldest = min(self._ages)
            del self._ages[oldest], self._revised[oldest]
        found = self._delay_of(min(self._ages.values()))
        if self._is_full and not self.seconds <= found <= self.seconds + STEADY:
            self.seconds = found

    @property
    def _is_full(self) -> bool:
        return len(self._ages) == SAMPLES

    def _delay_of(self, age: float) -> int:
        """Return the delay that an age says; until it is known whether the feed shows forming bars, as if it did."""
        if age < MINUTE:
            return 0
        return int(age) + (MINUTE if any(self._revised.values()) or not self._is_full else 0)
