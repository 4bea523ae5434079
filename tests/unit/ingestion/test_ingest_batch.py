"""How the symbols of a batch fail, wait, and go on, each by itself."""

import logging
from itertools import count
from typing import Any

import pytest

from stock_ml import errors
from stock_ml.errors import BatchFailed, without_login
from stock_ml.ingestion.ingest_batch import IN_A_ROW, SECONDS, run

Items = list[dict[str, Any]]


def items(number: int) -> Items:
    return [{"symbol": f"S{place}", "months": []} for place in range(number)]


class Step:
    """Raise what is given for a symbol, and remember which symbols began."""

    def __init__(self, **raised: BaseException) -> None:
        self.raised, self.began = raised, list[str]()

    def __call__(self, item: Any) -> None:
        self.began.append(item["symbol"])
        if error := self.raised.get(item["symbol"]):
            raise error


def test_one_that_fails_stops_no_other_and_the_log_has_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    bad, strange = errors.BadFile("row 7 is none"), ValueError("a bug")
    step = Step(S1=bad, S3=strange)
    assert run(items(6), step, workers=2) == {"S1": bad, "S3": strange}
    assert sorted(step.began) == [f"S{place}" for place in range(6)]
    assert "S1 is not clean: BadFile: row 7 is none" in caplog.messages
    traces = {record.getMessage(): bool(record.exc_info) for record in caplog.records}
    assert traces["S3 is not clean: ValueError: a bug"]
    assert not traces["S1 is not clean: BadFile: row 7 is none"]


def test_what_fails_for_all_is_not_tried_with_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    key = errors.BadKey("refused")
    step = Step(**{f"S{place}": key for place in range(20)})
    found = run(items(20), step, workers=1)
    assert len(step.began) == IN_A_ROW
    assert found == {f"S{place}": key for place in range(20)}


def test_failures_of_single_symbols_and_successes_between_are_no_common_cause() -> None:
    down, bad = errors.TimedOut("no answer"), errors.BadQuality("holes")
    raised: dict[str, BaseException] = {f"S{place}": down for place in range(20) if place % IN_A_ROW}
    step = Step(**raised)
    assert run(items(20), step, workers=1) == raised
    assert len(step.began) == 20
    step = Step(**{f"S{place}": bad for place in range(20)})
    assert len(run(items(20), step, workers=1)) == len(step.began) == 20


def test_when_time_is_up_no_other_symbol_begins_and_those_wait_for_the_next_try() -> None:
    clock, step = count(0.0, SECONDS / 3), Step()
    found = run(items(6), step, workers=1, clock=lambda: next(clock))
    assert step.began == ["S0", "S1"]  # the clock was read once before
    assert {name: type(error) for name, error in found.items()} == dict.fromkeys(
        ["S2", "S3", "S4", "S5"], errors.BatchUnfinished
    )


def test_the_message_of_a_batch_names_some_symbols_and_counts_all() -> None:
    failed = {f"S{place}": errors.BadFile(f"row {place}") for place in range(5)}
    text = str(BatchFailed.of(failed, 250, 2))
    assert text.startswith("7 of 250 symbols are not clean, see the log. S0: BadFile: row 0; S1: ")
    assert text.endswith("S2: BadFile: row 2; 2 more; 2 failed for good in an earlier try")
    assert without_login(text) == text
