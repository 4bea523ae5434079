from math import inf

import pytest

from serving.producer.main import arguments, calendar_warnings
from stock_ml.domain.calendar import RELEASED, sessions


def test_a_replay_takes_one_or_two_words_and_a_speed() -> None:
    assert vars(arguments([])) == {"replay": None, "speed": None}
    assert vars(arguments(["--replay", "holdout", "--speed", "max"])) == {"replay": ["holdout"], "speed": inf}
    given = arguments(["--replay", "2024-03-01", "2024-03-04", "--speed", "600"])
    assert (given.replay, given.speed) == (["2024-03-01", "2024-03-04"], 600.0)


@pytest.mark.parametrize(
    "words", ["--speed 5", "--replay a b c", "--replay a --speed 0", "--replay a --speed nan", "x"]
)
def test_a_command_line_that_makes_no_sense_is_refused(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments(words.split())
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_the_log_warns_of_calendars_that_end_and_of_an_old_release() -> None:
    now = float((RELEASED + 366).astype("datetime64[s]").astype(int))
    mumbai = sessions("XBOM")
    assert calendar_warnings([sessions("XNYS")], now - 86_400) == []
    ends, old = calendar_warnings([mumbai], max(now, float(mumbai.closes[-1])))
    assert ends == f"the sessions of XBOM are known until {mumbai.dates[-1]} only"
    assert old.startswith("exchange-calendars ")
