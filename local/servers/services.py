"""The product's own processes: sandbox exchange, producer, consumer, dashboard."""

import os
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from local import probes
from local.supervisor.program import PYTHON, ROOT, Program
from stock_ml.adapters import host
from stock_ml.config import Settings

GUNICORN = (PYTHON, "-m", "gunicorn", "--workers=1", "--log-level=warning", "--no-control-socket")
# a viewer of /stream stays connected: with gevent it costs kilobytes, not a thread; a stop does not wait for it
VIEWERS = ("--worker-class=gevent", "--worker-connections=20000", "--graceful-timeout=1")
OF_SUPERUSER = ("postgres_password",)
OF_AIRFLOW = ("postgres_airflow_password", "postgres_mlflow_password", "backup_key")  # backs all databases up
OF_MLFLOW = ("mlflow_password", "mlflow_reader_password")
MLFLOW_LIMITS = {  # a training reads them; MLflow itself tries a request eight times, 120 s each
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def programs(s: Settings) -> list[Program]:
    """Describe the processes; the sandbox exchange runs in sandbox mode only. Each gets the secrets that it needs."""
    # with the local MLflow's administrator a taken over consumer could choose its own model; it reads
    live = without(s, *OF_AIRFLOW, *OF_SUPERUSER, *(OF_MLFLOW[:1] if s.mlflow_reader_password else ()))
    apart = without(live, *OF_MLFLOW, *(() if s.kafka_servers else ("kafka_password",)))
    return [
        *([_sandbox(apart)] if s.simulated else []),
        _producer(live),
        _consumer(live),
        _dashboard(without(apart, "postgres_stockml_password")),
    ]


def without(s: Settings, *secrets: str) -> Settings:
    """Return the settings without some secrets."""
    return s.model_copy(update=dict.fromkeys(secrets))


def environment(s: Settings) -> dict[str, str]:
    """Return what a program needs to know: the settings, its Java, where the project's code is.

    Raises HostError where there is no Java.
    """
    # Spark's own search must end at the Java that was checked
    return settings_environment(s) | {"JAVA_HOME": host.java_home()}


def settings_environment(s: Settings) -> dict[str, str]:
    """Return every setting as an environment variable, secrets included: for the process's eyes only.

    A setting without a value is an empty variable, so that it replaces any older value.
    """
    given = {name: _text(value) for name, value in s}
    named = {"ALPHAVANTAGE_API_KEY": given.pop("alphavantage_api_key")}
    named |= {f"STOCKML_{name.upper()}": value for name, value in given.items()}
    return (
        named
        | aws_chain(s)
        | {
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        | MLFLOW_LIMITS
    )


def aws_chain(s: Settings) -> dict[str, str]:
    """Return what AWS's own search for credentials reads, for an S3 that is brought without keys."""
    asked = s.s3_url is not None and s.s3_access_key is None
    return {name: value for name, value in os.environ.items() if asked and name.startswith("AWS_")}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value.resolve())
    if isinstance(value, tuple):
        return ",".join(each if isinstance(each, str) else ":".join(each) for each in value)
    return str(value)


def _sandbox(s: Settings) -> Program:
    argv = (PYTHON, "-m", "sandbox")
    ports = {"sandbox_port": s.sandbox_port}
    return Program("sandbox", argv, probes.http(f"{s.sandbox}/healthz"), ports, environment(s))


def _producer(s: Settings) -> Program:
    after = ("topics", "tables", *(["sandbox"] if s.simulated else []))
    argv, ports = (PYTHON, "-m", "serving.producer.main"), {"producer_port": s.producer_port}
    return Program("producer", argv, probes.heartbeat(s, "producer"), ports, environment(s), after)


def _consumer(s: Settings) -> Program:
    argv, ports = (PYTHON, "-m", "serving.consumer.main"), {"consumer_port": s.consumer_port}
    return Program("consumer", argv, probes.heartbeat(s, "consumer"), ports, environment(s), ("topics", "tables"))


def _dashboard(s: Settings) -> Program:
    argv = (*GUNICORN, *VIEWERS, "--bind", f"127.0.0.1:{s.dashboard_port}", "serving.dashboard.app:create_app()")
    ports = {"dashboard_port": s.dashboard_port}
    ready = probes.http(f"http://127.0.0.1:{s.dashboard_port}/healthz")
    return Program("dashboard", argv, ready, ports, environment(s), ("tables",))
