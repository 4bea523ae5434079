"""Steps run when what they need is done."""

import pytest

from local.startup_steps import Step, StepTime, run_all
from stock_ml.errors import HostError


class Listener:
    """Keep what is shown, in order."""

    def __init__(self) -> None:
        self.news: list[str] = []

    def on_start(self, step: str) -> None:
        self.news.append(f"{step} began")

    def on_end(self, step: str, time: StepTime) -> None:
        self.news.append(f"{step} ended")


def nothing() -> None:
    """Do nothing."""


def test_a_step_begins_when_what_it_needs_has_ended() -> None:
    heard = Listener()
    run_all([Step("b", nothing, ("a",)), Step("a", nothing)], heard)
    assert heard.news == ["a began", "a ended", "b began", "b ended"]


def test_a_need_that_is_no_step_here_holds_nothing_up() -> None:
    heard = Listener()
    run_all([Step("topics", nothing, ("kafka",))], heard)  # someone brings a Kafka of their own
    assert heard.news == ["topics began", "topics ended"]


def test_the_first_error_is_raised_and_what_needs_it_never_begins() -> None:
    def fail() -> None:
        raise HostError("port 1 is taken")

    heard = Listener()
    with pytest.raises(HostError, match="port 1"):
        run_all([Step("a", fail), Step("b", nothing, ("a",))], heard)
    assert heard.news == ["a began"]


def test_each_step_tells_when_it_began_and_ended() -> None:
    times = run_all([Step("a", nothing), Step("b", nothing, ("a",))], Listener())
    assert times["a"].start <= times["a"].end <= times["b"].start <= times["b"].end
