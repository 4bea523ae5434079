"""Apache Kafka in KRaft mode: one process is broker and controller, no ZooKeeper."""

import logging
from functools import partial
from hashlib import sha256
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from local.commands import run_command
from local.secrets import write_private
from local.supervisor.program import ROOT, Program
from stock_ml.adapters import host
from stock_ml.config import Settings

NAME, JARS = "kafka", "kafka-jars"  # JARS is the step that fetches what it is made of
SILENT = logging.Logger("kafka probe", level=logging.CRITICAL)  # a broker that is not up yet is no news
LOGGING = Path(__file__).with_name("kafka-log4j2.yaml")
SPACE = "256"  # MiB that are free before the broker starts: it truncates its metadata where it starts on a full disk
WAIT_FOR_SPACE = ROOT / "docker" / "wait_for_space.sh"


def program(s: Settings, cluster_id: str) -> Program:
    """Describe the broker; a killed consumer's partitions move after six seconds, not 45."""
    # the collector that works beside the broker takes a third of its time from everybody on two cores
    memory = ("-XX:+UseSerialGC", "-Xmx512m", "-Xms128m")
    wait = ("sh", str(WAIT_FOR_SPACE), str(folder(s)), SPACE)
    argv = (*wait, host.java(), *memory, f"-Dlog4j2.configurationFile={LOGGING}", *_classpath(s), "kafka.Kafka")
    ports = {"kafka_port": s.kafka_port, "kafka_controller_port": s.kafka_controller_port}
    prepare = partial(_format, s, cluster_id)
    env = {"STOCKML_KAFKA_CONFIG": sha256(_text(s).encode()).hexdigest()}  # a change restarts it
    return Program(NAME, (*argv, str(_config(s))), lambda: answers(s), ports, env, after=(JARS,), prepare=prepare)


def answers(s: Settings) -> bool:
    """Say whether the broker answers."""
    admin = AdminClient({"bootstrap.servers": s.kafka, "log_level": 0}, logger=SILENT)
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


def _format(s: Settings, cluster_id: str) -> None:
    write_private(_config(s), _text(s))
    words = ["--ignore-formatted", f"--cluster-id={cluster_id}", "-c", str(_config(s))]  # an id may begin with a dash
    argv = [host.java(), f"-Dlog4j2.configurationFile={LOGGING}", *_classpath(s)]
    argv += ["kafka.tools.StorageTool", "format", *words]
    run_command(argv, "Kafka could not format its folder")


def _text(s: Settings) -> str:
    return "".join(f"{name}={value}\n" for name, value in properties(s).items())


def properties(s: Settings) -> dict[str, object]:
    """Return the broker's configuration."""
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{s.kafka_controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{s.kafka_port},CONTROLLER://127.0.0.1:{s.kafka_controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{s.kafka_port}",
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
