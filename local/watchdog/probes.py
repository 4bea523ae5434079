"""Ask each program for a sign of life. A probe returns why there is none, None where there is one."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import psycopg
import requests
from botocore.exceptions import ClientError
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from stock_ml.adapters.broker.client import client_config
from stock_ml.adapters.lake.objects import Objects
from stock_ml.adapters.postgres.service_states import ServiceStates
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable, without_login

DEADLINE = 8.0  # seconds for all probes of a look
TIMEOUT = 5  # seconds for each answer
FRESH = 30.0  # seconds: the producer reports once a second
SILENT = logging.Logger("watchdog probe", level=logging.CRITICAL)  # what the client logs is in the probe's result
Probe = Callable[[], str | None]


class NotKnown(Exception):
    """Report that a probe cannot tell."""


@dataclass
class Probes:
    """Run all probes at once. One that is not done in time is a fault, and is run again when it is done."""

    probes: Mapping[str, Probe]
    deadline: float = DEADLINE
    _running: dict[str, Future[str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(len(self.probes), "probe")

    def faults(self) -> dict[str, str | None]:
        """Return by name why there is no sign of life, None where there is one; nothing of one that cannot tell."""
        for name, probe in self.probes.items():
            if name not in self._running:
                self._running[name] = self._pool.submit(probe)
        done = wait(self._running.values(), self.deadline).done
        late = dict.fromkeys(self.probes, f"no answer within {self.deadline:.0f} s")
        answered = {name: self._running.pop(name) for name in self.probes if self._running[name] in done}
        results = {name: future for name, future in answered.items() if not _cannot_tell(future)}
        waiting = {name: fault for name, fault in late.items() if name not in answered}
        return waiting | {name: future.result() for name, future in results.items()}


def _cannot_tell(future: Future[str | None]) -> bool:
    return isinstance(future.exception(), NotKnown)


def postgres(s: Settings) -> Probe:
    """Return a probe that connects and sends the shortest query; a refusal is an answer too."""
    states = ServiceStates.connect(s)

    def probe() -> str | None:
        try:
            states.ping()
        except StoreUnavailable as error:
            return None if _is_refusal(error.__cause__) else str(error)
        return None

    return probe


def _is_refusal(cause: BaseException | None) -> bool:
    """Say whether PostgreSQL itself answered, with an error; psycopg gives those of a login no code."""
    if not isinstance(cause, psycopg.Error):
        return True  # the tables are of another source
    return cause.sqlstate is not None or "FATAL:" in str(cause)


def kafka(s: Settings) -> Probe:
    """Return a probe that asks a broker for the topics."""
    client = AdminClient(client_config(s) | {"log_level": 0}, logger=SILENT)

    def probe() -> str | None:
        try:
            client.list_topics(timeout=TIMEOUT)
        except KafkaException as error:
            return f"Kafka at {s.kafka} does not answer: {error.args[0].str()}"
        return None

    return probe


def s3(s: Settings) -> Probe:
    """Return a probe that asks for the bucket, signed with the keys; a refusal is an answer too."""
    objects = Objects.connect(s.model_copy(update={"s3_timeout": TIMEOUT}))

    def probe() -> str | None:
        try:
            objects.has_bucket()
        except StoreUnavailable as error:
            return None if isinstance(error.__cause__, ClientError) else str(error)
        return None

    return probe


def http(url: str) -> Probe:
    """Return a probe that takes any response, for whoever responds does not hang."""
    where = without_login(url)

    def probe() -> str | None:
        try:
            requests.get(url, timeout=TIMEOUT)
        except requests.RequestException as error:
            return f"{where}: {type(error).__name__}"
        return None

    return probe


def loop(port: int) -> Probe:
    """Return a probe of the producer's or consumer's `/healthz`: its loop goes round.

    The service works without this page where another program has taken the port, so a refused connection tells nothing.
    """
    url = f"http://127.0.0.1:{port}/healthz"

    def probe() -> str | None:
        try:
            response = requests.get(url, timeout=TIMEOUT)
        except requests.Timeout as error:
            return f"{url}: {type(error).__name__}"
        except requests.RequestException as error:
            raise NotKnown from error
        return "its loop has not gone round for a minute" if response.status_code == 503 else None

    return probe


def airflow_job(url: str, job: str) -> Probe:
    """Return a probe that asks Airflow's api-server for the heartbeat of a job."""

    def probe() -> str | None:
        try:
            known = requests.get(url, timeout=TIMEOUT).json()[job]
        except (requests.RequestException, LookupError) as error:
            raise NotKnown from error
        if not known or known["status"] is None:
            raise NotKnown
        beat = known[f"latest_{job}_heartbeat"]
        return None if known["status"] == "healthy" else f"its last heartbeat was at {beat}"

    return probe


def feed(s: Settings) -> Probe:
    """Return a probe that reads from the producer's report why no bars come while the market is open."""
    states = ServiceStates.connect(s)

    def probe() -> str | None:
        try:
            report = states.read("producer")
        except StoreUnavailable as error:
            raise NotKnown from error
        if report is None or report.age > FRESH:
            raise NotKnown
        waiting = report.state.get("waiting")
        return str(waiting) if waiting and report.state.get("market_open") else None

    return probe
