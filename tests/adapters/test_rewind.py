"""A consumer group is set back while a broker of its own has only begun to run."""

from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from stock_ml.adapters.broker import Topics, encode_bar, ensure_topics, rewind
from stock_ml.adapters.broker.client import client_config
from stock_ml.config import Settings
from tests.adapters.test_consumer import bars_of, publish
from tests.servers import broker, settings_in

GROUP = "read-it-all"


@pytest.fixture
def s(tmp_path: Path) -> Settings:
    return settings_in(tmp_path, source="csv", csv_path=tmp_path, symbols=("GOOGL",), kafka_partitions=1)


def read_all(s: Settings, messages: int) -> None:
    reader = Consumer(client_config(s) | {"group.id": GROUP})
    reader.commit(offsets=[TopicPartition(Topics.of(s).bars, 0, messages)], asynchronous=False)
    reader.close()


def test_a_group_is_set_back_at_once_after_the_broker_started(s: Settings) -> None:
    bars = bars_of(s, 30)
    with broker(s):
        ensure_topics(s)
        publish(s, *map(encode_bar, bars))
        read_all(s, 30)
    with broker(s):  # it loads who reads what only when somebody asks
        assert rewind(s, Topics.of(s).bars, GROUP, bars[0].ts) == 30
