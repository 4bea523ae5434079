"""How every client reaches Kafka: the brokers, and what they require; and the position of a message."""

import logging
from threading import Thread
from typing import NamedTuple

from confluent_kafka import Consumer, Message
from pydantic import SecretStr

from stock_ml.config import Settings
from stock_ml.errors import BadSetting

log = logging.getLogger(__name__)
CLOSE_SECONDS = 10.0  # closing takes milliseconds, and some seconds where the broker is away
Config = dict[str, str | int | float | bool]
USER, MECHANISM = "stockml", "SCRAM-SHA-512"  # of clients of the project's own broker


class Position(NamedTuple):
    """Name a place in a topic."""

    partition: int
    offset: int


def client_config(s: Settings) -> Config:
    """Return the configuration that all clients share; the broker that runs here has a generated password.

    Raises BadSetting where the file of certificates is missing.
    """
    config: Config = {"bootstrap.servers": s.kafka, "log_level": 2}
    if s.kafka_servers is None:
        return config | (_own_login(s.kafka_password) if s.kafka_password else {})
    return config | {"security.protocol": s.kafka_security_protocol} | _certificates(s) | _login(s)


def sasl(mechanism: str, user: str, password: SecretStr) -> dict[str, str]:
    """Return the part of a configuration that logs in."""
    return {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password.get_secret_value()}


def position(message: Message) -> Position:
    """Return the position of a message. Raises ValueError for one that reports a fault of the client itself."""
    partition, offset = message.partition(), message.offset()
    if partition is None or offset is None:
        raise ValueError("this message is in no partition")
    return Position(partition, offset)


def close(consumer: Consumer, seconds: float = CLOSE_SECONDS) -> bool:
    """Close a consumer, and say whether it closed in time; what calls goes on in any case.

    librdkafka waits for its own threads, and now and then one never ends (confluent-kafka-python, issue 1667): such a
    client is left behind.
    """
    closing = Thread(target=consumer.close, name="kafka-close", daemon=True)
    closing.start()
    closing.join(seconds)
    if closing.is_alive():
        log.warning("a Kafka client did not close within %g s and is left behind", seconds)
    return not closing.is_alive()


def _certificates(s: Settings) -> dict[str, str]:
    if s.kafka_ca_file is None:
        return {}
    if not s.kafka_ca_file.is_file():
        raise BadSetting(f"STOCKML_KAFKA_CA_FILE: there is no file {s.kafka_ca_file}")
    return {"ssl.ca.location": str(s.kafka_ca_file)}


def _own_login(password: SecretStr) -> dict[str, str]:
    return {"security.protocol": "SASL_PLAINTEXT"} | sasl(MECHANISM, USER, password)


def _login(s: Settings) -> dict[str, str]:
    if s.kafka_username is None or s.kafka_password is None or "SASL" not in s.kafka_security_protocol:
        return {}
    return sasl(s.kafka_sasl_mechanism, s.kafka_username, s.kafka_password)
