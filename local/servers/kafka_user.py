"""The user of Kafka's clients: the broker keeps it among its metadata, and so adds it itself, at each `make up`."""

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from pydantic import SecretStr

from stock_ml.adapters.broker.client import USER, Config, sasl
from stock_ml.config import Settings
from stock_ml.errors import BrokerUnavailable

BROKER, BROKER_PASSWORD = "broker", "KAFKA_BROKER_PASSWORD"
ITERATIONS = 4096  # the password is random: no number of them makes a guess harder
SECONDS = 15


def broker_config(s: Settings, password: str) -> Config:
    """Return the configuration of a client that logs in as the broker itself."""
    config: Config = {"bootstrap.servers": s.kafka, "log_level": 2, "security.protocol": "SASL_PLAINTEXT"}
    return config | sasl("PLAIN", BROKER, SecretStr(password))


def ensure_user(s: Settings, broker_password: str) -> None:
    """Let clients log in with the password of the settings, and with no earlier one.

    A second run changes nothing but the salt. Raises BrokerUnavailable where Kafka does not answer or refuses.
    """
    if s.kafka_password is None:
        return
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    user = UserScramCredentialUpsertion(USER, info, s.kafka_password.get_secret_value().encode())
    admin = AdminClient(broker_config(s, broker_password))  # held until the answer is there
    for answer in admin.alter_user_scram_credentials([user], request_timeout=SECONDS).values():
        try:
            answer.result()
        except KafkaException as error:
            problem = f"Kafka at {s.kafka} did not take the password of its clients: {error.args[0].str()}"
            raise BrokerUnavailable(problem) from error
