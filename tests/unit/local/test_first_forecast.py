"""What `make up` says while it waits for the first forecast."""

from typing import Any

import pytest
from rich.console import Console

from local.first_forecast import FirstForecast
from stock_ml.adapters.postgres.connection import ServiceState
from stock_ml.adapters.postgres.store import Stored
from stock_ml.config import load
from stock_ml.errors import HostError

HOLDOUT = {"first": 0, "last": 60 * 779, "bars": 780}
NOTHING = Stored(0, 0)
OVER = {"replay": "over", "holdout": HOLDOUT, "waiting": None}


class Store:
    """Answer from memory; the forecast arrives at the look with the number `arrives`."""

    def __init__(self, *states: dict[str, Any], arrives: int = 99, held: Stored = NOTHING, age: float = 0) -> None:
        self.states, self.arrives, self.counted, self.age = list(states), arrives, held, age
        self.looks = 0

    def now(self) -> float:
        return 5.0

    def has_timely(self, since: float) -> bool:
        assert since == 5.0
        self.looks += 1
        return self.looks > self.arrives

    def count_stored(self, symbols: tuple[str, ...], horizon: int, first: int, last: int) -> Stored:
        assert (first, last) == (HOLDOUT["first"], HOLDOUT["last"])
        return self.counted

    def read_state(self, service: str) -> ServiceState | None:
        assert service == "producer"
        state = self.states.pop(0) if self.states[1:] else self.states[0]
        return ServiceState(state, self.age)


def waited(store: Store, source: str = "alpha_vantage", *, paused: bool = False) -> str:
    console = Console(width=200, force_terminal=False)
    s = load(source=source, csv_path="GOOGL.csv")
    with console.capture() as said:
        FirstForecast(s, store, console, lambda: paused, lambda _: None).wait(1.0)
    return said.get()


def test_a_forecast_that_arrives_ends_it_without_a_word() -> None:
    assert waited(Store({}, arrives=2)) == ""


def test_a_closed_market_ends_it_and_says_until_when() -> None:
    state = {"market_open": False, "next_change": 1_709_562_600}
    assert "market closed until 2024-03-04 14:30 UTC" in waited(Store(state))


def test_a_replay_is_over_when_its_bars_are_stored_and_forecast() -> None:
    assert "over: 777 forecasts at 780 held-out bars" in waited(Store(OVER, held=Stored(780, 777)), "csv")


@pytest.mark.parametrize("held", [NOTHING, Stored(779, 776), Stored(780, 0)])
def test_a_replay_is_not_over_while_the_consumer_is_behind_or_forecast_nothing(held: Stored) -> None:
    with pytest.raises(HostError, match="no forecast within"):
        waited(Store(OVER, held=held), "csv")


def test_where_nothing_is_held_out_that_is_said() -> None:
    assert waited(Store({"replay": "nothing", "waiting": "nothing is held out"}), "csv") == "nothing is held out\n"


def test_a_paused_exchange_ends_it() -> None:
    assert "paused" in waited(Store({}), "sandbox", paused=True)


def test_what_the_producer_waits_for_is_told_once_and_named_at_the_end() -> None:
    words = {"waiting": "waiting for [history]"}
    assert waited(Store(words, words, {"waiting": None}, arrives=3)) == "producer: waiting for [history]\n"
    with pytest.raises(HostError, match=r"waiting for \[history\].*make logs"):
        waited(Store(words))


def test_a_refusal_that_waiting_cannot_help_ends_it_at_once() -> None:
    refused = "PremiumEndpoint: Alpha Vantage sells minute bars to paying keys only"
    with pytest.raises(HostError, match="paying keys only"):
        waited(Store({"waiting": refused}, arrives=1))


def test_an_old_word_of_the_producer_says_nothing() -> None:
    with pytest.raises(HostError, match="no forecast within 1 s: see"):
        waited(Store({"waiting": "BadKey: x"}, age=16))
