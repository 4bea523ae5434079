"""The broker writes its warnings into its log."""

import socket

from local import probes
from stock_ml.config import Settings


def text(s: Settings) -> str:
    return (s.state / "logs" / "kafka.log").read_text()


def test_a_warning_of_the_broker_is_in_its_log(kafka: Settings) -> None:
    with socket.create_connection(("127.0.0.1", kafka.kafka_port)) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")  # read as a Kafka request, it is a gigabyte long
        assert stranger.recv(1) == b""
    probes.wait("the warning", lambda: "WARN" in text(kafka) and "InvalidReceiveException" in text(kafka), 30)
    assert "SLF4J" not in text(kafka)
    assert "NOP" not in text(kafka)
