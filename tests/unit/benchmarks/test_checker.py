import json

import pytest

from benchmarks import _checker

OPEN = 1_709_562_600
SERVED = {("A", OPEN): (1.0, 2.0, 0.5, 1.5, 10.0), ("A", OPEN + 60): (1.5, 2.5, 1.0, 2.0, 20.0)}
MESSAGES = [json.dumps({"v": 1, "symbol": symbol, "ts": ts}).encode() for symbol, ts in SERVED]
FORECASTS = {("A", OPEN, 1): (1.6, 1.0, 2.0, "1", OPEN + 60, OPEN + 60.5)}


def test_histories_that_agree_have_nothing_wrong() -> None:
    assert _checker.verdict(SERVED, SERVED, MESSAGES, FORECASTS) == _checker.Verdict(0, 0, 0, 0, 2, 1)


def test_a_bar_that_is_not_stored_is_lost() -> None:
    stored = {minute: prices for minute, prices in SERVED.items() if minute[1] == OPEN}
    assert _checker.verdict(SERVED, stored, MESSAGES, {}).lost == 1


def test_a_bar_of_another_price_is_changed() -> None:
    assert _checker.verdict(SERVED, SERVED | {("A", OPEN): (1.0, 2.0, 0.5, 1.4, 10.0)}, MESSAGES, {}).changed == 1


@pytest.mark.parametrize("more", [MESSAGES[:1], MESSAGES])
def test_a_message_that_stands_there_again_is_twice(more: list[bytes]) -> None:
    assert _checker.verdict(SERVED, SERVED, MESSAGES + more, {}).twice == len(more)


def test_a_bar_that_nobody_served_counts_too() -> None:
    assert _checker.verdict(SERVED, SERVED | {("B", OPEN): (1.0,) * 5}, MESSAGES, {}).twice == 1


def test_a_later_revision_and_an_official_close_are_not_twice() -> None:
    revised = json.dumps({"v": 1, "symbol": "A", "ts": OPEN, "revision": 1}).encode()
    close = json.dumps({"v": 1, "symbol": "A", "kind": "official_close"}).encode()
    assert _checker.repeated([*MESSAGES, revised, close, close]) == 0


@pytest.mark.parametrize(
    ("target", "made_at"), [(OPEN, OPEN + 61.0), (OPEN + 60, OPEN + 59.9)], ids=["its own bar", "before its end"]
)
def test_a_forecast_of_what_was_known_or_before_its_bar_is_early(target: int, made_at: float) -> None:
    made = {("A", OPEN, 1): (1.6, 1.0, 2.0, "1", target, made_at)}
    assert _checker.verdict(SERVED, SERVED, MESSAGES, made).early == 1
