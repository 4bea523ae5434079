"""Which refusals of a broker are tried again, and for how long."""

import pytest
from confluent_kafka import KafkaError, KafkaException
from tenacity import Retrying

from stock_ml.adapters.broker.groups import SECONDS, STARTING, UNTIL_COORDINATED


class Broker:
    """Refuse so many times, then answer; time passes only where somebody waits."""

    def __init__(self, code: int, refusals: int) -> None:
        self.code, self.refusals, self.waits = code, refusals, list[float]()
        self.retries: Retrying = UNTIL_COORDINATED.copy(sleep=self.waits.append)

    def answer(self) -> int:
        if len(self.waits) < self.refusals:
            raise KafkaException(KafkaError(self.code))
        return 30


@pytest.mark.parametrize("code", STARTING)
def test_a_broker_that_only_begins_to_coordinate_is_asked_again(code: int) -> None:
    broker = Broker(code, refusals=5)
    assert broker.retries(broker.answer) == 30
    assert len(broker.waits) == 5


def test_it_is_asked_for_a_quarter_of_a_minute_at_most() -> None:
    broker = Broker(KafkaError.NOT_COORDINATOR, refusals=1000)
    with pytest.raises(KafkaException, match="Not coordinator"):
        broker.retries(broker.answer)
    assert sum(broker.waits) == pytest.approx(SECONDS, abs=1)


@pytest.mark.parametrize("code", [KafkaError.NON_EMPTY_GROUP, KafkaError.GROUP_AUTHORIZATION_FAILED])
def test_what_is_refused_for_good_is_not_asked_again(code: int) -> None:
    broker = Broker(code, refusals=1)
    with pytest.raises(KafkaException):
        broker.retries(broker.answer)
    assert broker.waits == []
