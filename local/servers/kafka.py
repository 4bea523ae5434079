"""Apache Kafka in KRaft mode: one process is broker and controller, no ZooKeeper.

Both ask for a login. Clients log in by SCRAM, which gives their password to nobody, so also not to
another user who takes the port while the broker is down. The broker itself logs in by PLAIN: its
password is in the configuration, and so needs nothing that is stored yet.
"""

import logging
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from local.commands import run_command
from local.secrets import write_private
from local.servers.kafka_user import BROKER, BROKER_PASSWORD, broker_config
from local.supervisor.program import ROOT, Program
from stock_ml.adapters import host
from stock_ml.adapters.broker.client import MECHANISM, Config
from stock_ml.adapters.host import listeners
from stock_ml.config import Settings

NAME, JARS = "kafka", "kafka-jars"  # JARS is the step that fetches what it is made of
SILENT = logging.Logger("kafka probe", level=logging.CRITICAL)  # a broker that is not up yet is no news
LOGGING = Path(__file__).with_name("kafka-log4j2.yaml")
SPACE = "256"  # MiB that are free before the broker starts: it truncates its metadata where it starts on a full disk
MODULES = "org.apache.kafka.common.security"
WAIT_FOR_SPACE = ROOT / "docker" / "wait_for_space.sh"


def program(s: Settings, secrets: Mapping[str, str]) -> Program:
    """Describe the broker; a killed consumer's partitions move after six seconds, not 45."""
    # the collector that works beside the broker takes a third of its time from everybody on two cores
    memory = ("-XX:+UseSerialGC", "-Xmx512m", "-Xms128m")
    wait = ("sh", str(WAIT_FOR_SPACE), str(folder(s)), SPACE)
    argv = (*wait, host.java(), *memory, f"-Dlog4j2.configurationFile={LOGGING}", *_classpath(s), "kafka.Kafka")
    ports = {"kafka_port": s.kafka_port, "kafka_controller_port": s.kafka_controller_port}
    text = _text(properties(s, secrets[BROKER_PASSWORD]))
    env = {"STOCKML_KAFKA_CONFIG": sha256(text.encode()).hexdigest()}  # a change restarts it
    prepare, ready = partial(_format, s, secrets["KAFKA_CLUSTER_ID"], text), partial(_is_ready, s, secrets)
    return Program(NAME, (*argv, str(_config(s))), ready, ports, env, after=(JARS,), prepare=prepare)


def _is_ready(s: Settings, secrets: Mapping[str, str]) -> bool:
    # PLAIN sends the password, and another user may have taken the port
    return listeners.is_own(s.kafka_port) and answers(broker_config(s, secrets[BROKER_PASSWORD]))


def answers(config: Config) -> bool:
    """Say whether the broker answers a client."""
    admin = AdminClient(config | {"log_level": 0}, logger=SILENT)
    try:
        admin.list_topics(timeout=2)
    except KafkaException:
        return False
    return True


def folder(s: Settings) -> Path:
    """Return where the broker keeps its topics."""
    return s.state / "kafka"


def _classpath(s: Settings) -> tuple[str, str]:
    return ("-cp", str(s.jars.resolve() / "kafka" / "*"))


def _config(s: Settings) -> Path:
    return s.state / "kafka.properties"


def _format(s: Settings, cluster_id: str, text: str) -> None:
    write_private(_config(s), text)
    if (folder(s) / "meta.properties").exists():  # written last; the id in it stays where secrets.env was lost
        return
    words = [f"--cluster-id={cluster_id}", "-c", str(_config(s))]  # an id may begin with a dash
    argv = [host.java(), f"-Dlog4j2.configurationFile={LOGGING}", *_classpath(s)]
    argv += ["kafka.tools.StorageTool", "format", *words]
    run_command(argv, "Kafka could not format its folder")


def _text(values: Mapping[str, object]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


def properties(s: Settings, password: str) -> dict[str, object]:
    """Return the broker's configuration, its own password included."""
    return _logins(password) | {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{s.kafka_controller_port}",
        "listeners": f"BROKER://127.0.0.1:{s.kafka_port},CONTROLLER://127.0.0.1:{s.kafka_controller_port}",
        "advertised.listeners": f"BROKER://127.0.0.1:{s.kafka_port}",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": folder(s),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "group.consumer.min.session.timeout.ms": 6000,
        "group.consumer.session.timeout.ms": 6000,
        "group.consumer.min.heartbeat.interval.ms": 1000,
        "group.consumer.heartbeat.interval.ms": 1000,
    }


def _logins(password: str) -> dict[str, object]:
    login = f'{MODULES}.plain.PlainLoginModule required username="{BROKER}" password="{password}"'
    plain = f'{login} user_{BROKER}="{password}";'
    return {
        "listener.security.protocol.map": "BROKER:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": plain,
        "listener.name.broker.plain.sasl.jaas.config": plain,
        "listener.name.broker.sasl.enabled.mechanisms": f"PLAIN,{MECHANISM}",
        f"listener.name.broker.{MECHANISM.lower()}.sasl.jaas.config": f"{MODULES}.scram.ScramLoginModule required;",
    }
