"""`airflow backfill create` through a real scheduler: a run for each session, each month asked for once, in budget."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest
from pydantic import SecretStr

from local import ports, probes
from local.airflow_api import Airflow
from local.private import keep_secrets
from local.program import PYTHON, ROOT
from local.programs import orchestration, postgres
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.request_ledger import fingerprint
from stock_ml.config import Settings
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
        postgres.create_databases(s)
        orchestration.migrate(s, keep_secrets(s))
        tables(s)
        yield s


@pytest.fixture(scope="module")
def airflow_parts(of_a_key: Settings) -> Iterator[Airflow]:
    """Airflow's api-server, dag-processor and scheduler."""
    s, secrets = of_a_key, keep_secrets(of_a_key)
    parts = {p.name.removeprefix("airflow-"): p for p in orchestration.programs(s, secrets)}
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
    env = os.environ | orchestration.airflow_environment(s, keep_secrets(s))
    span = ["--from-date", SESSIONS[0], "--to-date", "2023-12-04"]
    argv = [PYTHON, "-m", "airflow", "backfill", "create", "--dag-id", "ingest_bars", *span, *words]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def ended(s: Settings, airflow: Airflow) -> dict[str, str]:
    """Return how the run of each session ended, and tell Airflow, which looks twice a minute, that the backfill did."""

    def states() -> dict[str, str]:
        runs = [run for run in airflow.runs("ingest_bars", 100) if run["run_type"] == "backfill"]
        return {run["data_interval_start"][:10]: run["state"] for run in runs}

    probes.wait("the backfill", lambda: bool(states()) and set(states().values()) <= {"success", "failed"}, 240)
    with psycopg.connect(s.postgres("airflow")) as connection:
        connection.execute("update backfill set completed_at = now() where completed_at is null")
    return states()


def asked(s: Settings) -> tuple[int, list[int]]:
    """Return how many requests count as spent, and how many answers of each month are stored."""
    with psycopg.connect(s.postgres()) as connection:
        query = "select coalesce(sum(requests), 0)::int from requests_spent where key = %s"
        (spent,) = connection.execute(query, [fingerprint(KEY)]).fetchall()[0]
    return spent, [len(Lake.connect(s).raw_keys("GOOGL", month)) for month in MONTHS]


def test_a_backfill_keeps_to_the_days_requests_and_goes_on_where_it_was(
    of_a_key: Settings, airflow_parts: Airflow
) -> None:
    s = of_a_key
    create(s)
    first = ended(s, airflow_parts)
    spent, stored = asked(s)
    assert (sorted(first), spent, sorted(stored)) == (SESSIONS, 1, [0, 1])
    lacking = MONTHS[stored.index(0)]
    assert first == {day: "failed" if day.startswith(lacking) else "success" for day in SESSIONS}

    with psycopg.connect(s.postgres()) as connection:  # the next day
        connection.execute("delete from requests_spent where key = %s", [fingerprint(KEY)])
    create(s, "--reprocess-behavior", "failed")
    assert ended(s, airflow_parts) == dict.fromkeys(SESSIONS, "success")
    assert asked(s) == (1, [1, 1])  # the month that was there was not asked for again

    create(s, "--reprocess-behavior", "completed")
    assert ended(s, airflow_parts) == dict.fromkeys(SESSIONS, "success")
    assert asked(s) == (1, [1, 1])  # the day's request is spent, and none was needed
