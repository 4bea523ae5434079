from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from stock_ml.adapters.broker import Publisher, Topics
from stock_ml.adapters.broker.publisher import FULL
from stock_ml.errors import BrokerRefused, BrokerUnavailable
from tests.unit.serving.streams import day

BARS = day()[:3]
TOPICS = Topics("bars", "rejected", "sessions", "alerts", "airflow")
TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)


@dataclass
class Client:
    """Stand for Kafka's client: what is produced waits until it is told what became of it."""

    room: int = 10
    broken: KafkaError | None = None
    broken_poll: Exception | None = None
    waiting: list[Callable[[KafkaError | None, Any], None]] = field(default_factory=list)
    due: list[tuple[Callable[[KafkaError | None, Any], None], KafkaError | None]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.waiting) + len(self.due)  # confirmed ones count until the client is asked, as in the real one

    def produce(self, topic: str, *, on_delivery: Callable[[KafkaError | None, Any], None], **_: object) -> None:
        if self.broken is not None:
            raise KafkaException(self.broken)
        if len(self.waiting) == self.room:
            raise BufferError
        self.waiting.append(on_delivery)

    def answer(self, error: KafkaError | None = None) -> None:
        self.due.append((self.waiting.pop(0), error))

    def poll(self, _: float) -> int:
        if self.broken_poll is not None:
            raise self.broken_poll
        heard = len(self.due)
        while self.due:
            told, error = self.due.pop(0)
            told(error, None)
        return heard

    def flush(self, seconds: float) -> int:
        self.poll(seconds)
        return len(self.waiting)


def test_what_is_delivered_is_no_news() -> None:
    client = Client()
    publisher = Publisher(client, TOPICS)
    publisher.bar(BARS[0])
    assert publisher.undelivered == 1
    client.answer()
    publisher.poll()
    assert publisher.flush(1) == publisher.undelivered == 0


def test_as_many_as_wait_at_most_are_kept_and_the_next_one_is_told_to_wait_until_one_is_heard_of() -> None:
    client = Client(room=2 * FULL)
    publisher = Publisher(client, TOPICS)
    for _ in range(FULL):
        publisher.bar(BARS[0])
    with pytest.raises(BrokerUnavailable, match=f"takes no messages, {FULL} wait"):
        publisher.bar(BARS[1])
    assert publisher.undelivered == FULL
    client.answer()
    publisher.bar(BARS[1])
    assert publisher.undelivered == FULL


def test_after_a_refused_message_nothing_is_sent_any_more_and_it_is_said_each_time() -> None:
    client = Client()
    publisher = Publisher(client, TOPICS)
    publisher.bar(BARS[0])
    client.answer(TOO_LARGE)
    with pytest.raises(BrokerRefused, match="Kafka refused a message for good"):
        publisher.poll()
    with pytest.raises(BrokerRefused):
        publisher.bar(BARS[1])
    with pytest.raises(BrokerRefused):
        publisher.flush(1)
    assert client.waiting == []


def test_a_client_that_broke_down_is_a_refusal() -> None:
    publisher = Publisher(Client(broken=KafkaError(KafkaError._FATAL)), TOPICS)
    with pytest.raises(BrokerRefused):
        publisher.bar(BARS[0])


GAP = KafkaException(KafkaError(KafkaError._GAPLESS_GUARANTEE))


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("error", [GAP, caused(SystemError("returned a result with an exception set"), GAP)])
def test_a_client_that_breaks_down_later_is_a_refusal_wherever_it_is_heard(error: Exception) -> None:
    client = Client()
    publisher = Publisher(client, TOPICS)
    publisher.bar(BARS[0])
    client.broken_poll = error
    for call in (publisher.poll, lambda: publisher.flush(1), lambda: publisher.bar(BARS[1])):
        with pytest.raises(BrokerRefused):
            call()
    assert publisher.undelivered == 1


def test_after_a_refusal_a_client_that_gives_no_reason_is_one_too_and_before_one_it_is_a_fault() -> None:
    client = Client(broken_poll=SystemError("returned NULL without setting an exception"))
    publisher = Publisher(client, TOPICS)
    with pytest.raises(SystemError):
        publisher.flush(1)
    client.broken_poll = GAP
    with pytest.raises(BrokerRefused):
        publisher.flush(1)
    client.broken_poll = SystemError("returned NULL without setting an exception")
    with pytest.raises(BrokerRefused):
        publisher.flush(1)


def test_a_full_buffer_takes_more_when_the_broker_is_back() -> None:
    client = Client(room=1)
    publisher = Publisher(client, TOPICS)
    publisher.bar(BARS[0])
    with pytest.raises(BrokerUnavailable, match="1 wait"):
        publisher.bar(BARS[1])
    client.answer()
    publisher.bar(BARS[1])
    assert publisher.undelivered == 1


def test_how_long_kafka_has_been_silent_counts_only_while_something_waits() -> None:
    now, client = [100.0], Client()
    publisher = Publisher(client, TOPICS, lambda: now[0])
    now[0] = 200.0
    assert publisher.unconfirmed == 0.0
    publisher.bar(BARS[0])
    publisher.bar(BARS[1])
    now[0] = 207.0
    assert publisher.unconfirmed == 7.0
    client.answer()
    assert publisher.unconfirmed == 0.0
    now[0] = 208.0
    assert publisher.unconfirmed == 1.0
    client.answer()
    assert publisher.unconfirmed == 0.0
