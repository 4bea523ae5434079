"""The tries of each symbol of a batch."""

from stock_ml import errors


def counted(*tries: dict[str, Exception], most: int = 2) -> dict[str, dict[str, object]]:
    # each worker collects every file; Airflow, 2 s of a core, is for the ones that run these tests
    from dags.symbol_tries import count

    found: dict[str, dict[str, object]] = {}
    for failed in tries:
        found = count(found, failed, most)
    return found


def test_each_symbol_has_its_own_tries_and_the_third_failure_ends_them() -> None:
    slow, bad = errors.TimedOut("no answer"), errors.BadFile("row 7")
    found = counted({"A": slow, "B": bad}, {"A": slow, "C": slow}, {"A": slow})
    assert found == {
        "A": {"failures": 3, "reason": "TimedOut: no answer"},
        "B": {"failures": 1, "reason": "BadFile: row 7"},
        "C": {"failures": 1, "reason": ""},
    }


def test_waiting_for_a_day_or_for_a_turn_is_no_failure() -> None:
    waits = [{"A": errors.DailyLimit("spent")}, {"A": errors.BatchUnfinished("later")}] * 10
    assert counted(*waits) == {"A": {"failures": 0, "reason": ""}}


def test_where_airflow_allows_no_other_try_every_failure_is_the_last() -> None:
    found = counted({"A": errors.DailyLimit("spent"), "B": ValueError("secret")}, most=-1)
    assert [known["reason"] for known in found.values()] == ["DailyLimit: spent", "ValueError, see its log"]
