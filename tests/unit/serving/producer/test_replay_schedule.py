from math import inf

import pandas as pd
import pytest

from serving.producer.replay_schedule import (
    Span,
    bars_in,
    holdout_span,
    messages_in,
    minute_of,
    seconds_after,
    span_between,
    stored_sessions,
)
from stock_ml.domain import gaps
from stock_ml.domain.gaps import Minutes
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BadSetting
from tests.unit.serving.streams import day, minute
from tests.walks import NYSE, frame

RECEIVED = day(without=[30, 31], sessions=3)
CLEAN = frame("GOOGL", gaps.fill(Minutes.of_bars(RECEIVED), NYSE, 5), "sandbox")
NEXT_DAYS = 3 * 86_400  # from Friday 2024-03-01 to Monday


def test_the_holdout_is_the_newest_sessions_and_its_context_the_one_before() -> None:
    stored = stored_sessions(CLEAN, NYSE)
    held_out = Span(minute(0) + NEXT_DAYS, minute(389) + NEXT_DAYS + 86_400)
    assert holdout_span(stored, 2, 0, NYSE) == held_out
    assert holdout_span(stored, 2, 1, NYSE) == Span(minute(0), held_out.last)
    assert holdout_span(stored, 9, 1, NYSE) == Span(minute(0), held_out.last)
    assert holdout_span(stored, 0, 1, NYSE) is None


def test_a_span_holds_whole_sessions_between_two_dates() -> None:
    assert span_between("2024-03-01", "2024-03-03", NYSE) == Span(minute(0), minute(389))
    assert span_between("2024-02-29", "2024-03-01", NYSE).last == minute(389)


@pytest.mark.parametrize(("first", "last"), [("2024-03-02", "2024-03-03"), ("2024-03-04", "2024-03-01"), ("x", "y")])
def test_dates_without_a_session_are_refused(first: str, last: str) -> None:
    with pytest.raises(BadSetting, match=r"session|no date"):
        span_between(first, last, NYSE)


def test_received_bars_come_in_the_order_of_time_over_symbols() -> None:
    both = pd.concat([CLEAN, CLEAN.assign(symbol="AAPL")], ignore_index=True)
    chosen = bars_in(both, span_between("2024-03-01", "2024-03-01", NYSE))
    assert [bar for bar in chosen if bar.symbol == "GOOGL"] == RECEIVED[:388]
    assert [(bar.ts, bar.symbol) for bar in chosen] == sorted((bar.ts, bar.symbol) for bar in chosen)


def test_a_replay_keeps_its_pace_and_skips_closed_hours() -> None:
    assert seconds_after(minute(0), minute(10), 60.0, NYSE) == 10.0
    assert seconds_after(minute(389), minute(0) + NEXT_DAYS, 60.0, NYSE) == 1.0
    assert seconds_after(minute(0), minute(10), inf, NYSE) == 0.0


def test_official_closes_come_between_their_session_and_the_next() -> None:
    clean = CLEAN.copy()
    last = clean.index[clean["ts"] == pd.Timestamp(minute(389), unit="s", tz="UTC")]
    clean.loc[last, "official_close"] = 101.5
    found = messages_in(clean, span_between("2024-03-01", "2024-03-04", NYSE), lambda _: NYSE)
    close = OfficialClose("GOOGL", minute(390), 101.5, 0.0, "sandbox")
    assert found == [*RECEIVED[:388], close, *RECEIVED[388:778]]
    assert [minute_of(each) for each in found[386:389]] == [minute(388), minute(389), minute(389)]
    assert messages_in(clean, span_between("2024-03-04", "2024-03-04", NYSE), lambda _: NYSE) == RECEIVED[388:778]
