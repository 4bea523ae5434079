"""Nobody reads, writes or deletes a topic without a login, on the broker's port or the controller's."""

import os
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from local.commands import run_command
from local.secrets import ensure_secrets, with_secrets
from local.servers import kafka as kafka_program
from local.servers.kafka_user import BROKER, BROKER_PASSWORD, ensure_user
from local.supervisor.program import Program
from stock_ml.adapters import host
from stock_ml.adapters.broker import Publisher, Topics, ensure_topics, read_back
from stock_ml.adapters.broker.client import Config, client_config, sasl
from stock_ml.adapters.host import listeners
from stock_ml.cli.installation import SECRETS
from stock_ml.config import Settings
from stock_ml.doctor import checks
from stock_ml.domain.bars import Bar
from stock_ml.errors import BrokerUnavailable
from tests.adapters.raw_kafka import connected, text
from tests.other_user import USER
from tests.servers import running, settings_in
from tests.unit.docker.compose import services

BARS = [Bar("GOOGL", 1_709_303_400 + 60 * n, 10.0, 11.0, 9.0, 10.0, 5.0, "sandbox") for n in range(10)]
CREATE_TOPICS, DELETE_TOPICS = 19, 20
SECONDS = 1
PLACES = ("KAFKA_CONTROLLER_QUORUM_VOTERS", "KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS", "KAFKA_LOG_DIRS")
REFUSED: dict[str, Config] = {
    "no login": {"security.protocol": "PLAINTEXT"},
    "another password": sasl("SCRAM-SHA-512", "stockml", SecretStr("other")),
    "another user": sasl("SCRAM-SHA-512", "other", SecretStr("other")),
    "another password of the broker": sasl("PLAIN", BROKER, SecretStr("other")),
    "a weaker mechanism": sasl("SCRAM-SHA-256", "stockml", SecretStr("other")),
}


def in_compose(s: Settings) -> Program:
    """Return the broker as its image configures it, with ports and a folder of this machine."""
    here, folder = kafka_program.program(s, ensure_secrets(s)), s.state / "image"
    env = services(STACK_KAFKA_BROKER_PASSWORD=ensure_secrets(s)[BROKER_PASSWORD])["kafka"]["environment"]
    values = kafka_program.properties(s, "")
    moved = {name: str(values[name.removeprefix("KAFKA_").lower().replace("_", ".")]) for name in PLACES}
    file = str(folder / "server.properties")

    def prepare() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "log4j2.yaml").write_text(kafka_program.LOGGING.read_text())
        folders = [word for kind in ("default", "mounted", "final") for word in (f"--{kind}-configs-dir", str(folder))]
        argv = [host.java(), "-cp", here.argv[here.argv.index("-cp") + 1], "kafka.docker.KafkaDockerWrapper", "setup"]
        ids = {"CLUSTER_ID": ensure_secrets(s)["KAFKA_CLUSTER_ID"]}
        run_command([*argv, *folders], "the image's tool failed", env=os.environ | env | moved | ids)

    return replace(here, argv=(*here.argv[:-1], file), prepare=prepare)


@pytest.fixture(scope="module", params=["make up", "docker compose"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A real broker with bars on its topic, as each of the two ways to run starts it."""
    s = settings_in(tmp_path_factory.mktemp("kafka"))
    program = kafka_program.program(s, ensure_secrets(s)) if request.param == "make up" else in_compose(s)
    with running(program, s):
        ensure_user(s, ensure_secrets(s)[BROKER_PASSWORD])
        ensure_topics(s)
        publish(s)
        yield s


def publish(s: Settings) -> None:
    publisher = Publisher.connect(s)
    for bar in BARS:
        publisher.bar(bar)
    assert publisher.flush(60) == 0


def count(s: Settings) -> int:
    return len(list(read_back(s, Topics.of(s).bars)))


@pytest.mark.parametrize("login", REFUSED.values(), ids=REFUSED)
def test_no_other_login_lists_topics(server: Settings, login: Config) -> None:
    heard: list[KafkaError] = []
    admin = AdminClient({**client_config(server), **login, "error_cb": heard.append})
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=SECONDS)
    admin.poll(0)
    assert {error.code() for error in heard} & {KafkaError._AUTHENTICATION, KafkaError._ALL_BROKERS_DOWN}


@pytest.mark.parametrize("name", ["no login", "another password"])
def test_without_the_login_no_topic_is_read_written_or_deleted(server: Settings, name: str) -> None:
    topic, config = Topics.of(server).bars, client_config(server) | REFUSED[name]
    admin = AdminClient(config)
    with pytest.raises(KafkaException):
        admin.delete_topics([topic], request_timeout=SECONDS)[topic].result()
    producer = Producer(config | {"message.timeout.ms": SECONDS * 1000})
    producer.produce(topic, b"of another")
    producer.flush(4 * SECONDS)
    reader = Consumer(config | {"group.id": "other", "auto.offset.reset": "earliest"})
    reader.assign([TopicPartition(topic, partition, 0) for partition in range(server.kafka_partitions)])
    taken = reader.poll(SECONDS)
    assert taken is None or taken.error()
    reader.close()
    assert count(server) == len(BARS)


def create_topic(name: str) -> bytes:
    return struct.pack(">i", 1) + text(name) + struct.pack(">ihiii?", 1, 1, 0, 0, 30_000, False)


def delete_topic(name: str) -> bytes:
    return struct.pack(">i", 1) + text(name) + struct.pack(">i", 30_000)


@pytest.mark.parametrize("port", ["kafka_port", "kafka_controller_port"])
def test_a_port_answers_no_request_before_the_login(server: Settings, port: str) -> None:
    place, password = getattr(server, port), ensure_secrets(server)[BROKER_PASSWORD]
    create, delete = create_topic(port), delete_topic(port)
    for key, version, body in ((CREATE_TOPICS, 2, create), (DELETE_TOPICS, 1, delete_topic(Topics.of(server).bars))):
        with connected(place) as connection:
            assert connection.request(key, version, body) == b""
        with connected(place) as connection:
            assert connection.login(BROKER, "other") != 0
            assert connection.request(key, version, body) == b""
    with connected(place) as connection:  # the requests are right, and refused for the login alone
        assert connection.login(BROKER, password) == 0
        created = connection.request(CREATE_TOPICS, 2, create)
        assert struct.unpack_from(">h", created, 4 + 4 + 2 + len(port)) == (0,)
        deleted = connection.request(DELETE_TOPICS, 1, delete)
        assert struct.unpack_from(">h", deleted, 4 + 4 + 2 + len(port)) == (0,)
    assert count(server) == len(BARS)


def test_no_password_is_among_the_arguments_or_in_the_log(server: Settings) -> None:
    secrets = ensure_secrets(server)
    hidden = (secrets[BROKER_PASSWORD], secrets["STOCKML_KAFKA_PASSWORD"])
    pid = listeners.pid_on(server.kafka_port)
    seen = " ".join(psutil.Process(pid).cmdline()) + (server.state / "logs" / "kafka.log").read_text()
    assert not [secret for secret in hidden if secret in seen]
    kept = server.state / "kafka_program.properties"
    assert not kept.exists() or kept.stat().st_mode & 0o077 == 0


def test_a_login_that_is_refused_is_told_in_words(kafka: Settings) -> None:
    wrong = kafka.model_copy(update={"kafka_password": SecretStr("other")})
    requests: list[Callable[[Settings], object]] = [checks.kafka, ensure_topics, count]
    with ThreadPoolExecutor(len(requests)) as pool:
        for failed in [pool.submit(request, wrong) for request in requests]:
            with pytest.raises(BrokerUnavailable, match=r"Kafka refuses the login.*STOCKML_KAFKA_PASSWORD"):
                failed.result()


def of_earlier_commit(s: Settings) -> Program:
    """Return the broker as installations started it before it asked for a login."""
    here = kafka_program.program(s, ensure_secrets(s))
    ports = {"PLAINTEXT": s.kafka_port, "CONTROLLER": s.kafka_controller_port}
    values = {
        name: v for name, v in kafka_program.properties(s, "").items() if "sasl" not in name and "listener" not in name
    }
    values |= {
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items()),
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{s.kafka_port}",
    }

    def prepare() -> None:
        here.prepare()
        Path(here.argv[-1]).write_text("".join(f"{name}={value}\n" for name, value in values.items()))

    return replace(here, prepare=prepare, ready=lambda: kafka_program.answers({"bootstrap.servers": s.kafka}))


def committed(s: Settings) -> int:
    reader = Consumer(client_config(s) | {"group.id": "kept"})
    places = [TopicPartition(Topics.of(s).bars, partition) for partition in range(s.kafka_partitions)]
    offsets = [max(at.offset, 0) for at in reader.committed(places, 30)]
    reader.close()
    return sum(offsets)


def commit(s: Settings) -> None:
    reader = Consumer(client_config(s) | {"group.id": "kept"})
    ends = [TopicPartition(Topics.of(s).bars, partition, 7) for partition in range(s.kafka_partitions)]
    reader.commit(offsets=ends, asynchronous=False)
    reader.close()


def test_an_installation_of_before_keeps_topics_records_and_offsets_and_is_closed(tmp_path: Path) -> None:
    s = settings_in(tmp_path)
    without = s.model_copy(update={"kafka_password": None})
    with running(of_earlier_commit(s), s):
        ensure_topics(without)
        publish(without)
        commit(without)
        before = (count(without), committed(without))
    with running(kafka_program.program(s, ensure_secrets(s)), s):
        ensure_user(s, ensure_secrets(s)[BROKER_PASSWORD])
        ensure_topics(s)
        assert (count(s), committed(s)) == before == (len(BARS), 7 * s.kafka_partitions)
        with pytest.raises(BrokerUnavailable):
            count(without)


def test_changed_secrets_replace_the_old_ones(tmp_path: Path) -> None:
    s = settings_in(tmp_path)
    old = ensure_secrets(s)
    with running(kafka_program.program(s, old), s):
        ensure_user(s, old[BROKER_PASSWORD])
        ensure_topics(s)
        publish(s)
    (s.state / SECRETS).unlink()
    new = ensure_secrets(s)
    changed = with_secrets(s.model_copy(update={"kafka_password": None}), new)
    with running(kafka_program.program(changed, new), changed):
        ensure_user(changed, new[BROKER_PASSWORD])
        assert count(changed) == len(BARS)
        with pytest.raises(BrokerUnavailable, match="refuses the login"):
            checks.kafka(s)
        with connected(s.kafka_port) as connection:
            assert connection.login(BROKER, old[BROKER_PASSWORD]) != 0


def test_the_broker_s_password_is_not_sent_to_another_user_who_took_its_port(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can act as another user")
    s = settings_in(tmp_path)
    with socket.create_server(("127.0.0.1", s.kafka_port)) as port:
        assert listeners.is_own(s.kafka_port)
        other = subprocess.Popen(["sleep", "60"], pass_fds=[port.fileno()], user=USER)
    try:
        assert listeners.pid_on(s.kafka_port) == other.pid
        assert not listeners.is_own(s.kafka_port)
        assert not kafka_program.program(s, ensure_secrets(s)).ready()
    finally:
        other.terminate()
        other.wait()
