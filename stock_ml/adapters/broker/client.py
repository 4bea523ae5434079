"""How every client reaches Kafka: the brokers, and what they require; and the position of a message."""

from typing import NamedTuple

from confluent_kafka import Message

from stock_ml.config import Settings
from stock_ml.errors import BadSetting

Config = dict[str, str | int | float | bool]


class Position(NamedTuple):
    """Name a place in a topic."""

    partition: int
    offset: int


def client_config(s: Settings) -> Config:
    """Return the configuration that all clients share; the broker that runs here requires no login.

    Raises BadSetting where the file of certificates is missing.
    """
    config: Config = {"bootstrap.servers": s.kafka, "log_level": 2}
    if s.kafka_servers is None:
        return config
    return config | {"security.protocol": s.kafka_security_protocol} | _certificates(s) | _login(s)


def position(message: Message) -> Position:
    """Return the position of a message. Raises ValueError for one that reports a fault of the client itself."""
    partition, offset = message.partition(), message.offset()
    if partition is None or offset is None:
        raise ValueError("this message is in no partition")
    return Position(partition, offset)


def _certificates(s: Settings) -> dict[str, str]:
    if s.kafka_ca_file is None:
        return {}
    if not s.kafka_ca_file.is_file():
        raise BadSetting(f"STOCKML_KAFKA_CA_FILE: there is no file {s.kafka_ca_file}")
    return {"ssl.ca.location": str(s.kafka_ca_file)}


def _login(s: Settings) -> dict[str, str]:
    if s.kafka_username is None or s.kafka_password is None or "SASL" not in s.kafka_security_protocol:
        return {}
    login = {"sasl.username": s.kafka_username, "sasl.password": s.kafka_password.get_secret_value()}
    return {"sasl.mechanism": s.kafka_sasl_mechanism} | login
