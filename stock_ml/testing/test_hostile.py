"""Hostile answers through the source's own client, its parser and the cleaning: the bars are those in truth."""

import numpy as np

from stock_ml.errors import BadFile
from stock_ml.testing.hostile_cases import Case
from stock_ml.testing.pytest_plugin import SYMBOL, Bench, case_of
from stock_ml.testing.replay import cleaned, mistake


def test_a_hostile_answer_gives_the_true_bars(bench: Bench, hostile: str) -> None:
    case = case_of(hostile, bench.service)
    assert outcome(bench, case) == ""


def outcome(bench: Bench, case: Case) -> str:
    """Return in which way the bars of a case are not as they should be, "" where they are."""
    month = str(case.calendar.session_days(np.array([max(case.bars)])).astype("datetime64[M]")[0])
    response = bench.source(case).fetch(SYMBOL, month)
    try:
        return mistake(case, cleaned(case, response, bench.service.convention))
    except BadFile as error:
        if bench.settings(case).replayed and case.counts["refused"] and ", line " in str(error):
            return ""  # the owner of a file can mend its lines
        raise
