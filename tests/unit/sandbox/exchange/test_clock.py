"""The simulated clock runs, pauses, skips closed hours, and loses little when it is killed."""

import json

import numpy as np
import pytest

from sandbox.exchange.clock import StoredClock
from stock_ml.config import load
from stock_ml.domain.calendar import sessions
from stock_ml.errors import OtherMarket, UnknownSessions

XNYS = sessions("XNYS")
OPEN = float(XNYS.opens[np.searchsorted(XNYS.dates, np.datetime64("2024-03-01"))])


class Wall:
    """A wall clock that the test moves."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def clock_at(path, start="2024-03-01", speed=60.0) -> tuple[StoredClock, Wall]:
    s = load(source="sandbox", home=path, sandbox_start=start, sandbox_speed=speed)
    clock = StoredClock.load(path / "clock.json", XNYS, s)
    wall = Wall(clock.reading.wall)
    clock.wall = wall
    return clock, wall


def test_it_starts_at_the_open_of_its_day_or_of_the_next_session(tmp_path):
    assert clock_at(tmp_path)[0].now().market == OPEN
    assert clock_at(tmp_path, start="2024-03-02")[0].now().market == XNYS.opens[XNYS.upcoming(OPEN + 86_400)]


@pytest.mark.parametrize("start", ["1999-12-01", "2036-01-02"])
def test_it_does_not_start_on_a_day_that_the_calendar_does_not_know(tmp_path, start):
    with pytest.raises(UnknownSessions, match=f"not {start}.*STOCKML_SANDBOX_START"):
        clock_at(tmp_path, start=start)


def test_it_runs_at_its_speed_and_stands_while_paused(tmp_path):
    clock, wall = clock_at(tmp_path)
    wall.at += 2
    assert clock.now().market == OPEN + 120
    clock.set(paused=True)
    wall.at += 100
    assert clock.now().market == OPEN + 120
    clock.set(paused=False, speed=1)
    wall.at += 5
    assert clock.now().market == OPEN + 125


def test_a_change_of_speed_counts_from_its_moment_on(tmp_path):
    clock, wall = clock_at(tmp_path)
    wall.at += 1
    clock.set(speed=600)
    wall.at += 1
    assert clock.now().market == OPEN + 660


def test_what_was_stored_is_where_it_goes_on_and_the_time_away_does_not_count(tmp_path):
    clock, wall = clock_at(tmp_path)
    wall.at += 10
    clock.store()
    again, _ = clock_at(tmp_path)
    assert again.now().market == OPEN + 600
    assert not list(tmp_path.glob("*.new"))


def test_a_speed_set_by_hand_is_kept_until_the_setting_changes(tmp_path):
    clock, _ = clock_at(tmp_path)
    clock.set(speed=600, paused=True)
    assert clock_at(tmp_path)[0].now().speed == 600
    assert clock_at(tmp_path)[0].now().paused
    assert clock_at(tmp_path, speed=120.0)[0].now().speed == 120


@pytest.mark.parametrize("changed", [{"sandbox_seed": 8}, {"sandbox_market": "strong"}, {"sandbox_turn": "2024-03-06"}])
def test_the_bars_of_another_market_are_refused_and_left_alone(tmp_path, changed):
    clock_at(tmp_path)[0].store()
    before = (tmp_path / "clock.json").read_bytes()
    with pytest.raises(OtherMarket, match=r"make reset"):
        StoredClock.load(tmp_path / "clock.json", XNYS, load(source="sandbox", home=tmp_path, **changed))
    assert (tmp_path / "clock.json").read_bytes() == before


def test_an_installation_of_the_first_generator_is_refused(tmp_path):
    clock_at(tmp_path)[0].store()
    stored = json.loads((tmp_path / "clock.json").read_text())
    del stored["market"]
    (tmp_path / "clock.json").write_text(json.dumps(stored))
    with pytest.raises(OtherMarket, match=r"generator 1 there, 2 here.*make reset"):
        clock_at(tmp_path)


def test_the_file_is_whole_at_any_moment(tmp_path):
    clock, _ = clock_at(tmp_path)
    clock.store()
    stored = json.loads((tmp_path / "clock.json").read_text())
    assert stored["reading"]["market"] == OPEN


@pytest.mark.parametrize("delay", [0, 900])
def test_it_runs_on_after_a_close_until_a_delayed_feed_has_shown_the_last_bar(tmp_path, delay):
    s = load(source="sandbox", home=tmp_path, sandbox_start="2024-03-01", feed_delay=delay)
    clock = StoredClock.load(tmp_path / "clock.json", XNYS, s)
    clock.wall = Wall(clock.reading.wall + 391)
    assert clock.now().market == OPEN + 391 * 60
    clock.wall.at += delay / 60 + 1
    assert clock.now().market == XNYS.opens[XNYS.upcoming(OPEN + 86_400)]


def test_a_clock_that_cannot_be_stored_goes_on_and_is_stored_later(tmp_path, caplog):
    clock, wall = clock_at(tmp_path)
    in_the_way = tmp_path / "clock.new"
    in_the_way.mkdir()  # as a disk that is full: writing there is an OSError
    for _ in range(2):
        clock.store_or_warn()
    assert caplog.text.count("the clock cannot be stored, and goes on") == 1
    in_the_way.rmdir()
    wall.at += 2
    clock.store_or_warn()
    assert json.loads((tmp_path / "clock.json").read_text())["reading"]["market"] == OPEN + 120
