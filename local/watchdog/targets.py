"""Which signs of life an installation has: of what, after how long without one, and what each needs."""

from collections.abc import Iterator
from dataclasses import replace

from local.watchdog import probes
from local.watchdog.offsets import consumer_offsets
from local.watchdog.probes import Probe
from local.watchdog.rule import Target
from stock_ml.config import Settings

STREAM = ("postgres", "kafka")
JOBS = {"airflow-scheduler": "scheduler", "airflow-dag-processor": "dag_processor", "airflow-triggerer": "triggerer"}
TOLD = 50  # seconds: a restart costs Airflow the tasks that run, so it comes later than the word
API, OFFSETS = "airflow-api-server", "consumer's offsets"


def targets(s: Settings) -> list[Target]:
    """Return what is watched; servers that were brought are watched too, and never restarted."""
    brought = {"postgres": s.postgres_url, "kafka": s.kafka_servers, "s3": s.s3_url, "mlflow": s.mlflow_url}
    return [replace(each, program=None) if brought.get(each.name) else each for each in _targets(s)]


def _targets(s: Settings) -> Iterator[Target]:
    source = ("sandbox",) if s.simulated else ()
    yield from (Target(name, name, 60) for name in (*STREAM, "s3", *source))
    yield Target("mlflow", "mlflow", 120, ("postgres", "s3"))
    yield Target("producer", "producer", 120, (*STREAM, "s3", *source))
    yield Target("consumer", "consumer", 120, STREAM)
    yield Target(OFFSETS, "consumer", 180, (*STREAM, "mlflow", "consumer"))
    yield Target("dashboard", "dashboard", 60, ("postgres",))
    if not s.replayed:
        yield Target("feed", None, 300, (*STREAM, *source))
    yield Target(API, API, 150, ("postgres",), told=TOLD)
    yield from (Target(name, name, 180, ("postgres", API), told=TOLD) for name in JOBS)


def probes_of(s: Settings) -> dict[str, Probe]:
    """Return the probe of each target, by its name."""
    health = f"http://127.0.0.1:{s.airflow_port}/api/v2/monitor/health"
    return {
        "postgres": probes.postgres(s),
        "kafka": probes.kafka(s),
        "s3": probes.s3(s),
        "mlflow": probes.http(f"{s.mlflow.rstrip('/')}/health"),
        "producer": probes.loop(s.producer_port),
        "consumer": probes.loop(s.consumer_port),
        OFFSETS: consumer_offsets(s),
        "dashboard": probes.http(f"http://127.0.0.1:{s.dashboard_port}/healthz"),
        API: probes.http(health),
        **({"sandbox": probes.http(f"{s.sandbox}/healthz")} if s.simulated else {}),
        **({} if s.replayed else {"feed": probes.feed(s)}),
        **{name: probes.airflow_job(health, job) for name, job in JOBS.items()},
    }
