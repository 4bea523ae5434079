"""A check that raises is a finding like the others."""

from stock_ml.config import Settings, load
from stock_ml.doctor.check import CheckResult, Finding, examine
from stock_ml.errors import StoreUnavailable

S = load(_env_file=None, source="sandbox")


def well(s: Settings) -> CheckResult:
    return CheckResult(f"source {s.source}")


def tight(_: Settings) -> CheckResult:
    return CheckResult("little room", "make room", "note")


def away(_: Settings) -> CheckResult:
    raise StoreUnavailable("it does not answer")


def test_each_part_is_told_in_order_with_what_to_do() -> None:
    found = examine(S, {"a": (well, "never said"), "b": (tight, "never said"), "c": (away, "start it")})
    assert found == [
        Finding("a", "ok", "source sandbox"),
        Finding("b", "note", "little room", "make room"),
        Finding("c", "bad", "StoreUnavailable: it does not answer", "start it"),
    ]
