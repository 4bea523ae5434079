"""What the triggerer makes of an event of messages as they come."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dags import kafka_events
from stock_ml.adapters.broker import ClosedSession, encode_session
from stock_ml.adapters.broker.messages import encode_alert
from stock_ml.evaluation.live_performance import Alert

ALERT = Alert("skill", "skill -14 %", "7", 1_000.0, 1_709_758_800.0)


@dataclass
class Message:
    body: bytes | None

    def value(self) -> bytes | None:
        return self.body

    def offset(self) -> int:
        return 12

    def topic(self) -> str:
        return "stockml.alerts"


@pytest.fixture(autouse=True)
def wall(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock that stands, and no alert that another test passed on."""
    now = [5.0]
    monkeypatch.setattr(kafka_events.time, "monotonic", lambda: now[0])
    kafka_events._recent_alerts.clear()
    yield now
    kafka_events._recent_alerts.clear()


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"kind": "skill"}', b"\xff", b"", None])
def test_what_is_no_alert_and_no_session_is_passed_over_with_its_place(
    body: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    assert kafka_events.alert(Message(body)) is None
    assert kafka_events.closed_session(Message(body)) is None
    assert caplog.messages[0].startswith("message 12 of stockml.alerts is passed over: ")


def test_a_closed_session_becomes_an_event() -> None:
    closed = ClosedSession("XNYS", "2024-03-06", 1_709_758_800)
    assert kafka_events.closed_session(Message(encode_session(closed))) == closed._asdict()


def test_of_a_thousand_equal_alerts_at_once_one_is_passed_on_and_after_a_while_it_is_told_again(
    wall: list[float],
) -> None:
    message = Message(encode_alert(ALERT))
    told = [kafka_events.alert(message) for _ in range(1000)]
    assert [event for event in told if event] == [ALERT._asdict()]
    assert kafka_events.alert(Message(encode_alert(ALERT._replace(raised_at=1_001.0)))) is not None
    wall[0] += kafka_events.AGAIN
    assert kafka_events.alert(message) == ALERT._asdict()
