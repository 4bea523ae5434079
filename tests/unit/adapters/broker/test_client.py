"""How clients reach a Kafka that a person brings, and the one that runs here."""

from pathlib import Path
from threading import Event
from typing import cast

import pytest
from confluent_kafka import Consumer

from stock_ml.adapters.broker.client import client_config, close
from stock_ml.config import load
from stock_ml.errors import BadSetting

LOGIN = {"kafka_security_protocol": "SASL_SSL", "kafka_username": "me", "kafka_password": "secret"}


def test_the_broker_that_runs_here_has_a_login_of_its_own() -> None:
    assert client_config(load(**LOGIN)) == {
        "bootstrap.servers": "127.0.0.1:8604",
        "log_level": 2,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "stockml",
        "sasl.password": "secret",
    }


def test_without_an_installation_there_is_no_login() -> None:
    assert client_config(load()) == {"bootstrap.servers": "127.0.0.1:8604", "log_level": 2}


def test_a_login_is_needed_for_brought_servers_only() -> None:
    assert load(kafka_security_protocol="SASL_SSL").kafka_password is None


def test_a_brought_kafka_is_given_the_login_and_its_certificates(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.touch()
    s = load(kafka_servers="k:9093", kafka_ca_file=file, kafka_sasl_mechanism="SCRAM-SHA-512", **LOGIN)
    assert client_config(s) == {
        "bootstrap.servers": "k:9093",
        "log_level": 2,
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(file),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": "secret",
    }


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_the_client_itself_knows_each_mechanism(mechanism: str) -> None:
    s = load(kafka_servers="k:9093", kafka_sasl_mechanism=mechanism, **LOGIN | {"kafka_security_protocol": "SASL_SSL"})
    Consumer({**client_config(s), "bootstrap.servers": "", "group.id": "g"}).close()


def test_a_login_without_a_user_is_refused_by_name() -> None:
    with pytest.raises(BadSetting, match="SASL_SSL needs STOCKML_KAFKA_USERNAME and STOCKML_KAFKA_PASSWORD"):
        load(kafka_servers="k:9093", kafka_security_protocol="SASL_SSL", kafka_username="me")


def test_a_missing_file_of_certificates_is_told_by_name() -> None:
    with pytest.raises(BadSetting, match=r"STOCKML_KAFKA_CA_FILE: there is no file /no/ca\.pem"):
        client_config(load(kafka_servers="k:9093", kafka_security_protocol="SSL", kafka_ca_file="/no/ca.pem"))


class Stuck:
    """A client whose threads never end until it is let go."""

    def __init__(self) -> None:
        self.let_go = Event()

    def close(self) -> None:
        assert self.let_go.wait(60)


def test_a_client_that_does_not_close_is_left_behind_and_told(caplog: pytest.LogCaptureFixture) -> None:
    stuck = Stuck()
    assert not close(cast(Consumer, stuck), 0.01)
    assert caplog.messages == ["a Kafka client did not close within 0.01 s and is left behind"]
    stuck.let_go.set()
    assert close(cast(Consumer, stuck))
