"""`airflow backfill create` through a real scheduler: a run for each session, each month asked for once, in budget.

What finds the day's requests spent waits for the next day, and holds no slot meanwhile.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import psycopg
import pytest
from pydantic import SecretStr

from local import ports, probes
from local.airflow_client import Airflow
from local.secrets import ensure_secrets
from local.servers import postgres, postgres_roles
from local.servers.airflow import airflow_environment, migrate, programs
from local.supervisor.program import PYTHON, ROOT
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.postgres.request_quota import fingerprint
from stock_ml.config import Settings
from stock_ml.domain.request_budget import next_day
from tests.servers import running, tables

KEY, MONTHS = "of the backfill", ("2023-11", "2023-12")
SESSIONS = ["2023-11-29", "2023-11-30", "2023-12-01"]
# nothing but the backfill: the newest session of the wall would spend requests too, and a training takes a minute
ALONE = "update dag set is_paused = dag_id <> 'ingest_bars', next_dagrun_create_after = '2100-01-01'"


@pytest.fixture(scope="module")
def of_a_key(exchange: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """An installation whose key may ask once a day; it has secrets of its own, and so a PostgreSQL of its own."""
    airflow_port, postgres_port = ports.free(2)
    given = {"source": "alpha_vantage", "symbols": ("GOOGL",), "alphavantage_api_key": SecretStr(KEY)}
    given |= {"alphavantage_url": f"{exchange.sandbox}/query", "requests_per_day": 1, "history_months": 1}
    given |= {"home": tmp_path_factory.mktemp("backfill"), "s3_bucket": "stockml-backfill"}
    s = exchange.model_copy(update=given | {"airflow_port": airflow_port, "postgres_port": postgres_port})
    with running(postgres.program(s), s):
        postgres_roles.ensure_roles(s)
        migrate(s, ensure_secrets(s))
        tables(s)
        yield s


@pytest.fixture(scope="module")
def airflow_parts(of_a_key: Settings) -> Iterator[Airflow]:
    """Airflow's api-server, dag-processor and scheduler."""
    s, secrets = of_a_key, ensure_secrets(of_a_key)
    parts = {p.name.removeprefix("airflow-"): p for p in programs(s, secrets)}
    airflow = Airflow(s, secrets)
    with ExitStack() as stack:
        for name in ("api-server", "dag-processor"):
            stack.enter_context(running(parts[name], s))
        probes.wait("the DAG as this source has it", lambda: "alpha_vantage" in tags(airflow), 60)
        with psycopg.connect(s.postgres("airflow")) as connection:
            connection.execute(ALONE)
        scheduler = stack.enter_context(running(parts["scheduler"], s))
        # told to end it would wait a minute for what it cannot reach here; its workers would outlive it alone
        stack.callback(os.killpg, scheduler.pid, signal.SIGKILL)
        yield airflow


def tags(airflow: Airflow) -> set[str]:
    return {tag["name"] for tag in airflow.get("dags/ingest_bars").get("tags", [])}


def create(s: Settings, *words: str) -> None:
    env = os.environ | airflow_environment(s, ensure_secrets(s))
    span = ["--from-date", SESSIONS[0], "--to-date", "2023-12-04"]
    argv = [PYTHON, "-m", "airflow", "backfill", "create", "--dag-id", "ingest_bars", *span, *words]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def states(s: Settings, airflow: Airflow) -> dict[str, str]:
    """Return how the run of each session goes; one with a task that waits for a day is told as such."""
    waiting = waits(s)
    runs = [run for run in airflow.runs("ingest_bars", 100) if run["run_type"] == "backfill"]
    return {run["data_interval_start"][:10]: "waits" if run["dag_run_id"] in waiting else run["state"] for run in runs}


def waits(s: Settings) -> dict[str, float]:
    """Return by run when Airflow tries again what waits for a day, in UTC epoch seconds."""
    query = """select run_id, extract(epoch from end_date)::float8 + retry_delay_override from task_instance
               where state = 'up_for_retry' and retry_delay_override is not null"""
    with psycopg.connect(s.postgres("airflow")) as connection:
        return dict(connection.execute(query).fetchall())


def settled(s: Settings, airflow: Airflow, *into: str) -> dict[str, str]:
    """Return how each run goes when none goes on."""
    probes.wait("the backfill", lambda: set(states(s, airflow).values()) <= set(into), 240)
    return states(s, airflow)


def end_backfill(s: Settings) -> None:
    """Tell Airflow, which looks twice a minute, that the backfill has ended."""
    with psycopg.connect(s.postgres("airflow")) as connection:
        connection.execute("update backfill set completed_at = now() where completed_at is null")


def next_day_comes(s: Settings) -> None:
    with psycopg.connect(s.postgres()) as connection:
        connection.execute("delete from requests_spent where key = %s", [fingerprint(KEY)])
    with psycopg.connect(s.postgres("airflow")) as connection:
        connection.execute("update task_instance set retry_delay_override = 0 where state = 'up_for_retry'")


def asked(s: Settings) -> tuple[int, list[int]]:
    """Return how many requests count as spent, and how many answers of each month are stored."""
    with psycopg.connect(s.postgres()) as connection:
        query = "select coalesce(sum(requests), 0)::int from requests_spent where key = %s"
        (spent,) = connection.execute(query, [fingerprint(KEY)]).fetchall()[0]
    return spent, [len(Lake.connect(s).raw_keys("GOOGL", month)) for month in MONTHS]


def test_a_backfill_keeps_to_the_days_requests_and_goes_on_by_itself_on_the_next_day(
    of_a_key: Settings, airflow_parts: Airflow
) -> None:
    s, airflow = of_a_key, airflow_parts
    create(s)
    probes.wait("the runs", lambda: sorted(states(s, airflow)) == SESSIONS, 60)
    first = settled(s, airflow, "success", "waits")
    spent, stored = asked(s)
    assert (spent, sorted(stored)) == (1, [0, 1])
    lacking = MONTHS[stored.index(0)]
    assert first == {day: "waits" if day.startswith(lacking) else "success" for day in SESSIONS}

    begins = next_day(time.time())
    assert list(waits(s).values()) == pytest.approx([begins + 300] * list(first.values()).count("waits"), abs=5)
    told = airflow.waiting_reason("ingest_bars")
    assert re.match(rf"task ingest: DailyLimit: all 1 requests .* Left of GOOGL: {lacking}; noted in ", told)
    assert told.endswith(f"; tried again after {datetime.fromtimestamp(begins + 300, UTC):%Y-%m-%d %H:%M} UTC")

    next_day_comes(s)
    assert settled(s, airflow, "success") == dict.fromkeys(SESSIONS, "success")
    assert asked(s) == (1, [1, 1])  # the month that was there was not asked for again
    assert airflow.waiting_reason("ingest_bars") == ""

    end_backfill(s)
    create(s, "--reprocess-behavior", "completed")
    assert settled(s, airflow, "success") == dict.fromkeys(SESSIONS, "success")
    assert asked(s) == (1, [1, 1])  # the day's request is spent, and none was needed
