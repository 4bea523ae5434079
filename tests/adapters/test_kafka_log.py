"""The broker writes its warnings into its log."""

import struct

from local import probes
from stock_ml.config import Settings
from tests.adapters.raw_kafka import connected

METADATA = 3


def text(s: Settings) -> str:
    return (s.state / "logs" / "kafka.log").read_text()


def test_a_warning_of_the_broker_is_in_its_log(kafka: Settings) -> None:
    with connected(kafka.kafka_port) as stranger:
        assert stranger.request(METADATA, 1, struct.pack(">i", -1)) == b""
    probes.wait("the warning", lambda: "WARN" in text(kafka) and "InvalidRequestException" in text(kafka), 30)
    assert "SLF4J" not in text(kafka)
    assert "NOP" not in text(kafka)
