"""What Kafka's client says of itself."""

import orjson
import pytest
from confluent_kafka import KafkaError

from stock_ml.adapters.broker.client_events import LOGIN_ADVICE, Brokers, Errors


def statistics(*states: str) -> str:
    return orjson.dumps({"brokers": {str(number): {"state": state} for number, state in enumerate(states)}}).decode()


def test_kafka_is_away_while_no_broker_is_connected() -> None:
    brokers = Brokers("a:9092")
    assert brokers.trouble is None  # nothing was heard yet
    brokers(statistics("INIT", "TRY_CONNECT"))
    assert brokers.trouble == "Kafka at a:9092 does not answer"
    brokers(statistics("INIT", "UP"))
    assert brokers.trouble is None


def test_a_login_that_is_refused_is_told_with_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    Errors()(KafkaError(KafkaError._AUTHENTICATION, "Invalid credentials"))
    assert caplog.messages == [f'kafka error="Invalid credentials; {LOGIN_ADVICE}"']


def test_each_kind_of_error_is_told_once_a_minute_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    told = Errors(lambda: now[0])
    refused, down = KafkaError(KafkaError._TRANSPORT, 'no "way"\nthere'), KafkaError(KafkaError._ALL_BROKERS_DOWN)
    for second in range(120):
        now[0] = float(second)
        told(refused)
        told(down)
    lines = [record.message for record in caplog.records]
    assert lines[0] == r'kafka error="no \"way\"\nthere"'
    assert len(lines) == 4
    assert all("\n" not in line for line in lines)
