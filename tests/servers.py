"""Start the project's own server programs for tests, on free ports and in a folder of their own."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from local import jars, ports, probes
from local.secrets import ensure_secrets, with_secrets
from local.servers import kafka
from local.servers.kafka_user import BROKER_PASSWORD, ensure_user
from local.supervisor.program import ROOT, Program
from stock_ml.adapters.postgres.migrate import migrate
from stock_ml.adapters.postgres.retention import Retention
from stock_ml.config import Settings, load
from stock_ml.errors import WrongSource


def settings_in(home: Path, **given: object) -> Settings:
    """Return settings with secrets of their own, every port free, state in `home`."""
    names = [name for name in Settings.model_fields if name.endswith("_port")]
    numbers = dict(zip(names, ports.free(len(names)), strict=True))
    s = load(home=home, **({"jars": ROOT / ".cache" / "jars"} | numbers | given))
    return with_secrets(s, ensure_secrets(s))


def tables(s: Settings) -> None:
    """Make the tables, this source's from now on: tests of several sources share one server."""
    try:
        migrate(s)
    except WrongSource:
        with psycopg.connect(s.postgres()) as connection:
            connection.execute("update installation set source = %s", [s.source])


def drop_days(s: Settings) -> None:
    """Drop every day that other tests stored, so that what is newest is one's own."""
    store = Retention.connect(s)
    for day in store.days():
        with store.retire_day(day):
            pass
    store.close()


@contextmanager
def running(program: Program, s: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends; its log is in the state folder's `logs`."""
    program.prepare()
    log = s.state / "logs" / f"{program.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        env = os.environ | {"PYTHONPATH": str(ROOT)} | dict(program.env)
        process = subprocess.Popen(program.argv, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True)
    try:
        probes.wait(program.name, lambda: _alive(process, log) and program.ready())
        yield process
    finally:
        process.send_signal(getattr(signal, f"SIG{program.stop_signal}"))
        process.wait(60)


@contextmanager
def broker(s: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Run Kafka, with the user that its clients log in as, until the block ends."""
    jars.fetch("kafka", s.jars)
    secrets = ensure_secrets(s)
    with running(kafka.program(s, secrets), s) as process:
        ensure_user(s, secrets[BROKER_PASSWORD])
        yield process


def _alive(process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"it ended at once with {process.returncode}: {log.read_text()[-2000:]}")
    return True
