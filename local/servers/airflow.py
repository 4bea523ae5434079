"""Airflow: api-server, scheduler (LocalExecutor), dag-processor and triggerer on PostgreSQL."""

import json
import os
from collections.abc import Callable, Mapping
from importlib.metadata import version

from local import probes
from local.commands import run_command
from local.secrets import write_private
from local.servers.services import OF_SUPERUSER, environment, without
from local.supervisor.configuration import inherited
from local.supervisor.program import PYTHON, ROOT, Program
from stock_ml.adapters.broker import Topics
from stock_ml.adapters.broker.client import client_config
from stock_ml.adapters.lake import keys
from stock_ml.adapters.postgres.connection import admin_connection
from stock_ml.config import Settings

# Airflow starts last: four heavy processes would hold up the forecasts, which do not need it
AFTER = ("airflow-tables", "mlflow", "producer", "consumer", "dashboard")
WATCHED = ("sessions", "alerts")  # topics on which the triggerer waits, each with a consumer group of its own
PARTS = ("scheduler", "dag-processor", "triggerer")


def programs(s: Settings, secrets: Mapping[str, str]) -> list[Program]:
    """Describe the four processes; no log server runs, since the api-server reads the same files."""
    env = airflow_environment(s, secrets)
    words = ("--host", "127.0.0.1", "--port", str(s.airflow_port), "--workers", "1")
    api = (PYTHON, "-m", "airflow", "api-server", *words)
    ready = probes.http(f"{address(s)}/api/v2/monitor/health")
    ports = {"airflow_port": s.airflow_port}
    prepare = _passwords(s, secrets)
    server = Program("airflow-api-server", api, ready, ports, env, AFTER, prepare)
    return [server, *(_part(name, env) for name in PARTS)]


def address(s: Settings) -> str:
    """Return the address of Airflow's UI and API."""
    return f"http://127.0.0.1:{s.airflow_port}"


def migrate(s: Settings, secrets: Mapping[str, str]) -> None:
    """Bring Airflow's own tables to this version; where they are known to be there, ten seconds are saved."""
    mark = s.state / "airflow" / "tables"
    if mark.exists() and mark.read_text() == _tables(s):
        return
    argv = [PYTHON, "-m", "airflow", "db", "migrate"]
    env = inherited(os.environ) | airflow_environment(s, secrets)
    run_command(argv, "`airflow db migrate` failed", cwd=ROOT, env=env)
    write_private(mark, _tables(s))


def _tables(s: Settings) -> str:
    """Return Airflow's version, and the version of the tables in its database."""
    installed = version("apache-airflow-core")
    with admin_connection(s, "airflow") as connection:
        known = connection.execute("select to_regclass('alembic_version')").fetchone() != (None,)
        there = connection.execute("select version_num from alembic_version").fetchall() if known else []
    return f"{installed} {there}"


def airflow_environment(s: Settings, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return Airflow's configuration: the same values for all its processes."""
    section = {
        "CORE__DAGS_FOLDER": ROOT / "dags",
        "CORE__PLUGINS_FOLDER": ROOT / "plugins",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__EXECUTOR": "preloaded_executor.PreloadedExecutor",
        "CORE__PARALLELISM": 4,
        "CORE__FERNET_KEY": secrets["AIRFLOW_FERNET_KEY"],
        "CORE__EXECUTION_API_SERVER_URL": f"{address(s)}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": s.state / "airflow" / "passwords.json",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "DATABASE__SQL_ALCHEMY_CONN": s.postgres("airflow").replace("postgresql://", "postgresql+psycopg2://", 1),
        "API__SECRET_KEY": secrets["AIRFLOW_SECRET_KEY"],
        "API__BASE_URL": address(s),
        "API_AUTH__JWT_SECRET": secrets["AIRFLOW_JWT_SECRET"],
        "EXECUTION_API__JWT_EXPIRATION_TIME": 86400,  # a laptop that sleeps must not lose its running tasks
        # if the scheduler is killed, its tasks die with it: they are retried within about a minute, not after five
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": 30,
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": 60,
        "DAG_PROCESSOR__REFRESH_INTERVAL": 30,
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 300,  # parsing again and again is most of its rest
        "KAFKA_EVENT_PRODUCER__DAG_RUN_EVENTS_ENABLED": True,
        "KAFKA_EVENT_PRODUCER__KAFKA_CONFIG_ID": "stockml_events",
        "KAFKA_EVENT_PRODUCER__TOPIC": Topics.of(s).airflow,
        "KAFKA_EVENT_PRODUCER__SOURCE": f"stock_ml-{s.source}",
        "KAFKA_EVENT_PRODUCER__TOPIC_CHECK_TIMEOUT": 2,  # seconds that the scheduler waits where Kafka is unavailable
        "LOGGING__BASE_LOG_FOLDER": s.state / "airflow" / "logs",
        "LOGGING__REMOTE_LOGGING": True,  # a finished try's log goes to S3, and is read from there
        "LOGGING__REMOTE_BASE_LOG_FOLDER": f"s3://{s.s3_bucket}/{keys.logs_folder(s.source).rstrip('/')}",
        "LOGGING__REMOTE_LOG_CONN_ID": "aws_default",
        "LOGGING__DELETE_LOCAL_LOGS": True,  # once S3 has it
        "USAGE_DATA_COLLECTION__ENABLED": False,
    }
    env = {f"AIRFLOW__{name}": str(value) for name, value in section.items()}
    return environment(without(s, *OF_SUPERUSER)) | env | {"AIRFLOW_HOME": str(s.state / "airflow")} | _connections(s)


def _part(name: str, env: Mapping[str, str]) -> Program:
    skip = () if name == "dag-processor" else ("--skip-serve-logs",)
    argv = (PYTHON, "-m", "airflow", name, *skip)
    return Program(f"airflow-{name}", argv, lambda: True, {}, env, AFTER)


def _passwords(s: Settings, secrets: Mapping[str, str]) -> Callable[[], None]:
    users = {"admin": secrets["AIRFLOW_ADMIN_PASSWORD"], "viewer": secrets["AIRFLOW_VIEWER_PASSWORD"]}
    return lambda: write_private(s.state / "airflow" / "passwords.json", json.dumps(users))


def _connections(s: Settings) -> dict[str, str]:
    """Return the connections of Airflow's operators and triggers as its variables, secrets included."""
    kafka = {f"AIRFLOW_CONN_STOCKML_{topic.upper()}": _kafka_connection(s, topic) for topic in WATCHED}
    return {
        "AIRFLOW_CONN_AWS_DEFAULT": _aws_connection(s),
        "AIRFLOW_CONN_STOCKML_EVENTS": _events_connection(s),
    } | kafka


def _aws_connection(s: Settings) -> str:
    credentials = (s.s3_access_key, s.s3_secret_key)
    access, secret = (key.get_secret_value() if key else "" for key in credentials)
    extra = {"endpoint_url": s.s3, "region_name": s.s3_region}
    return json.dumps({"conn_type": "aws", "login": access, "password": secret, "extra": extra})


def _events_connection(s: Settings) -> str:
    return json.dumps({"conn_type": "kafka", "extra": client_config(s)})


def _kafka_connection(s: Settings, topic: str) -> str:
    # from the first message on: messages sent while Airflow was down are read when it is back
    group = {"group.id": f"{s.kafka_topic}-airflow-{topic}", "auto.offset.reset": "earliest"}
    extra = client_config(s) | group | {"enable.auto.commit": False}
    return json.dumps({"conn_type": "kafka", "extra": extra})
