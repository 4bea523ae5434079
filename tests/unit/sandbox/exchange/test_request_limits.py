"""Keys have plans: so many requests a second, a minute, a day."""

from sandbox.exchange.request_limits import Plan, Plans


class Wall:
    """A wall clock that the test moves."""

    at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


def test_a_free_key_has_one_request_a_second_and_25_a_day():
    plans = Plans(wall=(wall := Wall()))
    assert [plans.refusal("free-1"), plans.refusal("free-1")] == [None, "burst"]
    assert plans.refusal("free-2") is None
    for _ in range(24):
        wall.at += 2
        assert plans.refusal("free-1") is None
    assert plans.refusal("free-1") == "daily-limit"
    wall.at += 86_400
    assert plans.refusal("free-1") is None


def test_a_plan_given_to_a_key_counts_minutes_and_forgets_what_was_sent():
    plans = Plans(wall=(wall := Wall()))
    assert all(plans.refusal("paid") is None for _ in range(100))
    plans.set("paid", Plan(a_minute=3))
    assert [plans.refusal("paid") for _ in range(5)] == [None, None, None, "burst", "burst"]
    wall.at += 61
    assert plans.refusal("paid") is None
