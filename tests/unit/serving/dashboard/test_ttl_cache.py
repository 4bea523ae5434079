import pytest

from serving.dashboard.ttl_cache import TtlCache


class Reading:
    """Count up at each reading, which takes a while by its own clock."""

    def __init__(self, takes: float) -> None:
        self.takes, self.now, self.count = takes, 100.0, 0

    def read(self) -> int:
        self.now += self.takes
        self.count += 1
        return self.count


@pytest.mark.parametrize(("takes", "lifetime"), [(0.01, 1.0), (2.0, 20.0)])
def test_a_value_that_took_longer_to_read_lives_longer_and_a_second_at_least(takes: float, lifetime: float) -> None:
    reading = Reading(takes)
    value = TtlCache(reading.read, lambda: reading.now)
    assert value.get() == 1
    reading.now += lifetime - 0.001
    assert value.get() == 1
    reading.now += 0.002
    assert value.get() == 2


def test_after_an_error_it_is_read_again() -> None:
    answers = iter([ValueError("away"), 7])

    def read() -> int:
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    value = TtlCache(read)
    with pytest.raises(ValueError, match="away"):
        value.get()
    assert value.get() == 7
