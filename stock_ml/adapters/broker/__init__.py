"""Bars, sessions and rejected messages on Kafka."""

from confluent_kafka import Message

from stock_ml.adapters.broker.groups import consumer_group, rewind
from stock_ml.adapters.broker.messages import (
    ClosedSession,
    decode_alert,
    decode_bar,
    decode_bars,
    decode_official_close,
    decode_session,
    encode_alert,
    encode_bar,
    encode_official_close,
    encode_session,
    is_official_close,
)
from stock_ml.adapters.broker.publisher import Publisher
from stock_ml.adapters.broker.read_back import read_back
from stock_ml.adapters.broker.subscriber import Subscriber
from stock_ml.adapters.broker.topics import Topics, empty_topics, ensure_topics, list_topics
from stock_ml.adapters.broker.unreadable import UnreadableBatch

__all__ = [
    "ClosedSession",
    "Message",
    "Publisher",
    "Subscriber",
    "Topics",
    "UnreadableBatch",
    "consumer_group",
    "decode_alert",
    "decode_bar",
    "decode_bars",
    "decode_official_close",
    "decode_session",
    "empty_topics",
    "encode_alert",
    "encode_bar",
    "encode_official_close",
    "encode_session",
    "ensure_topics",
    "is_official_close",
    "list_topics",
    "read_back",
    "rewind",
]
