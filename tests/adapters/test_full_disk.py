"""A disk that is full costs no topic, and nothing waits for a person once there is space again."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from local import probes
from local.secrets import ensure_secrets
from local.servers import kafka
from stock_ml.adapters.broker import Publisher, Topics, ensure_topics, read_back
from stock_ml.adapters.broker.client import client_config
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from tests.servers import broker, settings_in

BARS = [Bar("GOOGL", 1_709_303_400 + 60 * n, 10.0, 11.0, 9.0, 10.0, 5.0, "sandbox") for n in range(300)]


@pytest.fixture
def s(tmp_path: Path) -> Iterator[Settings]:
    """Settings whose state is on a file system of its own."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=450m", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("this user may not mount a file system")
    yield settings_in(tmp_path)
    subprocess.run(["umount", tmp_path], check=True)


def fill(folder: Path) -> Path:
    """Write a file until nothing is left."""
    path = folder / "filler"
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(2**16))
    return path


def publish(s: Settings) -> None:
    ensure_topics(s)
    publisher = Publisher.connect(s)
    for bar in BARS:
        publisher.bar(bar)
    assert publisher.flush(60) == 0


def test_a_broker_that_restarts_on_a_full_disk_waits_and_forgets_no_topic(s: Settings) -> None:
    program = kafka.program(s, ensure_secrets(s))
    with broker(s) as process:
        publish(s)
        process.kill()
    filler, log = fill(s.home), s.home.parent / f"{s.home.name}.log"  # supervision keeps logs on the same disk
    metadata = s.state / "kafka" / "__cluster_metadata-0" / "00000000000000000000.log"
    size = metadata.stat().st_size
    with log.open("wb") as out:
        again = subprocess.Popen(program.argv, env=os.environ | dict(program.env), stdout=out, stderr=out)
    try:
        probes.wait("the broker to say that it waits", lambda: b"waiting for 256 MiB" in log.read_bytes(), 30)
        assert not kafka.answers(client_config(s))
        assert metadata.stat().st_size == size
        filler.unlink()
        probes.wait("the broker", lambda: kafka.answers(client_config(s)), 60)
        assert len(list(read_back(s, Topics.of(s).bars))) == len(BARS)
    finally:
        again.terminate()
        again.wait(60)
