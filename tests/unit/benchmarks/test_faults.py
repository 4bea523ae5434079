"""What counts as told in the fault matrix."""

import pytest

from benchmarks.faults import tells_of_a_fault
from local.watchdog.report import words
from local.watchdog.rule import Target, Verdict

SERVER = Target("server", "server", 60)


@pytest.mark.parametrize(
    ("verdict", "counts"),
    [
        (Verdict("restart", SERVER, "no answer", 60), True),
        (Verdict("silent", SERVER, "no answer", 60), True),
        (Verdict("back", SERVER, "", 60), False),
    ],
)
def test_that_something_is_well_again_tells_of_no_fault(verdict: Verdict, counts: bool) -> None:
    assert tells_of_a_fault(f"stock_ml: {words(verdict)[0]} · SIMULATED") == counts
