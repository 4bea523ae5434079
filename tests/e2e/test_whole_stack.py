"""The whole product, started as a person starts it: real servers, DAGs through Airflow's API, a real browser."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import requests
from playwright.sync_api import Browser

from local import first_training, probes
from local.airflow_client import Airflow, AirflowFault, TaskInstance
from local.installation import Installation, describe
from local.servers.services import environment
from local.supervisor.configuration import log_file
from local.supervisor.program import PYTHON, ROOT
from local.supervisor.supervisor import Supervisor
from stock_ml.adapters.broker import ClosedSession, Publisher, Topics, read_back
from stock_ml.adapters.mlflow.rest import champion
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import sessions
from stock_ml.evaluation.live_performance import Alert
from tests.servers import settings_in

SYMBOL = "GOOGL"
DRAWN = "id => Highcharts.charts.at(-1).get(id).points.map(point => [point.x, point.y ?? point.close])"


def local(s: Settings, command: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | environment(s)
    return subprocess.run([PYTHON, "-m", "local", command], cwd=ROOT, env=env, capture_output=True, text=True)


@pytest.fixture(scope="module")
def stack() -> Iterator[Installation]:
    """The stack with two symbols and a month of history, brought up by the command behind `make up`."""
    home = Path(tempfile.mkdtemp(prefix="stock_ml-e2e-"))
    s = settings_in(home, source="sandbox", symbols=(SYMBOL, "MSFT"), history_months=1)
    try:
        done = local(s, "up")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:] + logs(s)
        assert "Dashboard" in done.stdout.splitlines()[-4], done.stdout
        yield describe(s)
    finally:
        local(s, "down")
        shutil.rmtree(home)


def logs(s: Settings) -> str:
    return "".join(f"\n== {p.name}\n{p.read_text()[-1500:]}" for p in sorted((s.state / "logs").glob("*.log")))


def data(s: Settings) -> dict[str, Any]:
    answer = requests.get(f"http://127.0.0.1:{s.dashboard_port}/data", params={"symbol": SYMBOL}, timeout=30)
    return dict(answer.json())


def put_bar(s: Settings) -> tuple[int, float]:
    """Put a bar in at the source, some minutes ahead of its clock, and return its time and close."""
    calendar = sessions(s.exchange)
    now = set_clock(s, paused=True)
    at = calendar.upcoming(now)
    ts = int(max(now, calendar.opens[at])) // MINUTE * MINUTE + 5 * MINUTE
    ts = ts if ts < calendar.closes[at] - MINUTE else int(calendar.opens[at + 1]) + MINUTE
    close = round(data(s)["bars"][-1][4] * 1.01, 2)
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    bar = {"symbol": SYMBOL, "ts": ts, "volume": 4321, **prices}
    requests.post(f"{s.sandbox}/bars", json=bar, timeout=30).raise_for_status()
    set_clock(s, paused=False)
    return ts, close


def set_clock(s: Settings, *, paused: bool) -> float:
    """Pause or run the exchange, and return its time."""
    answer = requests.post(f"{s.sandbox}/clock", json={"paused": paused}, timeout=30)
    return float(answer.json()["market"])


def test_a_bar_put_in_at_the_source_is_seen_in_the_browser_with_its_forecast(
    stack: Installation, browser: Browser
) -> None:
    s = stack.settings
    ts, close = put_bar(s)
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{s.dashboard_port}/?symbol={SYMBOL}")
        page.wait_for_selector("html[data-ready=true]")
        probes.wait("the bar", lambda: [ts * 1000, close] in page.evaluate(DRAWN, "bars"), 60)
        probes.wait(
            "its forecast", lambda: (ts + MINUTE) * 1000 in [x for x, _ in page.evaluate(DRAWN, "forecast")], 60
        )
        assert page.locator("#simulated").inner_text() == "SIMULATED"
    ours = [f for f in data(s)["forecasts"] if f[7] == ts * 1000]
    assert len(ours) == 1
    assert abs(ours[0][1] - close) < 0.05 * close


def test_every_process_runs_and_none_was_restarted(stack: Installation) -> None:
    s = stack.settings
    there = {p["name"]: p["statename"] for p in Supervisor(s).processes()}
    assert there == {p.name: "RUNNING" for p in stack.programs}
    started = re.findall(r"spawned: '(.+?)' with pid (\d+)", log_file(s.state, "supervisord").read_text())
    assert sorted(started) == sorted((name, str(pid)) for name, pid in pids(s).items())
    assert "nothing runs" not in local(s, "status").stdout


def test_dags_triggered_through_the_api_lead_to_a_champion_that_is_served_without_a_restart(
    stack: Installation,
) -> None:
    s = stack.settings
    airflow = Airflow(s, stack.secrets)
    consumer = next(p["pid"] for p in Supervisor(s).processes() if p["name"] == "consumer")
    before = champion(s).version
    first_training.wait_for_run(airflow, first_training.INGEST, airflow.trigger(first_training.INGEST))
    first_training.wait_for_run(airflow, first_training.TRAIN, airflow.trigger(first_training.TRAIN))
    after = champion(s).version
    assert int(after) > int(before)
    probes.wait(f"a forecast of version {after}", lambda: data(s)["forecasts"][-1][6] == after, 60)
    assert consumer == next(p["pid"] for p in Supervisor(s).processes() if p["name"] == "consumer")


def test_airflow_tells_kafka_of_its_runs_and_their_logs_outlive_the_machine_they_ran_on(stack: Installation) -> None:
    s, airflow = stack.settings, Airflow(stack.settings, stack.secrets)
    run = next(run["dag_run_id"] for run in airflow.runs(first_training.INGEST) if run["state"] == "success")
    told = [json.loads(message) for message in read_back(s, Topics.of(s).airflow)]
    assert [event["event"] for event in told if event["run_id"] == run] == ["dag_run.running", "dag_run.success"]
    shutil.rmtree(s.state / "airflow" / "logs" / f"dag_id={first_training.INGEST}" / f"run_id={run}")
    log = airflow.get(f"dags/{first_training.INGEST}/dagRuns/{run}/taskInstances/plan/logs/1", {"full_content": True})
    assert "requests: about" in str(log["content"]) or "requests: at once" in str(log["content"])


def pending_approvals(airflow: Airflow, dag: str) -> list[TaskInstance]:
    """Return the tasks of a DAG that wait for a person.

    A task that has put its question and does not wait yet is left out: Airflow stores a response to it, and never
    continues. Respond to none within seconds of its `start_date`: its scheduler may hear of the end of the process that
    put the question only after the response, takes it for the end of the one that continues, and fails the task.
    """
    found = airflow.get(f"dags/{dag}/dagRuns/~/hitlDetails", {"response_received": False})["hitl_details"]
    return [detail["task_instance"] for detail in found if detail["task_instance"]["state"] == "awaiting_input"]


def approve(airflow: Airflow, task: TaskInstance) -> None:
    path = f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}/-1/hitlDetails"
    airflow.request("PATCH", path, body={"chosen_options": ["Approve"], "params_input": {}})


def test_a_person_is_asked_and_what_was_approved_serves(stack: Installation) -> None:
    s, airflow = stack.settings, Airflow(stack.settings, stack.secrets)
    serving = champion(s).version
    first_training.wait_for_run(
        airflow, first_training.TRAIN, airflow.trigger(first_training.TRAIN, form={"becomes": "ask"})
    )
    assert champion(s).version == serving

    def answered() -> bool:
        """Answer as late as a person would, and say whether the answer was acted on."""
        for question in pending_approvals(airflow, "promote_model"):
            if datetime.now(UTC) - datetime.fromisoformat(question["start_date"]) > timedelta(seconds=10):
                approve(airflow, question)
        return int(champion(s).version) > int(serving)

    probes.wait("the approved version", answered, 120)


def test_a_session_announced_on_kafka_is_ingested_and_leads_to_no_training_before_enough_have_closed(
    stack: Installation,
) -> None:
    s, airflow = stack.settings, Airflow(stack.settings, stack.secrets)
    dags = (first_training.INGEST, first_training.TRAIN, "monitor_forecasts")
    before = {dag: {run["dag_run_id"] for run in airflow.runs(dag)} for dag in dags}
    publisher = Publisher.connect(s)
    publisher.session(ClosedSession(s.exchange, "2024-03-01", 1709326800))
    assert publisher.flush(10) == 0
    for dag in before:
        probes.wait(f"a run of {dag}", lambda dag=dag: newest(airflow, dag)["dag_run_id"] not in before[dag], 60)
        first_training.wait_for_run(airflow, dag, newest(airflow, dag)["dag_run_id"])
    (train,) = airflow.tasks(first_training.TRAIN, newest(airflow, first_training.TRAIN)["dag_run_id"])
    assert train["state"] == "skipped"


def test_a_thousand_alerts_on_kafka_at_once_start_one_training(stack: Installation) -> None:
    s, airflow = stack.settings, Airflow(stack.settings, stack.secrets)
    before = {run["dag_run_id"] for run in airflow.runs(first_training.TRAIN)}
    version = int(champion(s).version)
    publisher = Publisher.connect(s)
    alert = Alert("skill", "said by a test", str(version), time.time(), 1709326800.0)
    for _ in range(1000):
        publisher.alert(alert)
    assert publisher.flush(10) == 0

    def alerted(run: str) -> bool:
        place = f"dags/{first_training.TRAIN}/dagRuns/{run}/upstreamAssetEvents"
        try:
            found = airflow.get(place)["asset_events"]
        except AirflowFault:  # it is told of a run before it knows its events
            return False
        return any("payload" in (event["extra"] or {}) for event in found)

    def runs() -> list[dict[str, Any]]:
        """Return the alerts' runs: clean bars may start others meanwhile."""
        new = [run for run in airflow.runs(first_training.TRAIN, 100) if run["dag_run_id"] not in before]
        return [run for run in new if alerted(run["dag_run_id"])]

    def tasks() -> list[str]:
        return [airflow.tasks(first_training.TRAIN, run["dag_run_id"])[0]["state"] for run in reversed(runs())]

    probes.wait("a training", lambda: tasks()[:1] == ["success"], 180)
    probes.wait("the end of all", lambda: all(run["state"] == "success" for run in runs()), 60)
    assert set(tasks()[1:]) <= {"skipped"}  # what Airflow has yet to read of them is the same alert


def newest(airflow: Airflow, dag: str) -> dict[str, Any]:
    return airflow.runs(dag, 1)[0]


def pids(s: Settings) -> dict[str, int]:
    return {p["name"]: p["pid"] for p in Supervisor(s).processes()}


def test_a_second_up_finds_everything_there(stack: Installation) -> None:
    before = Supervisor(stack.settings).processes()
    assert local(stack.settings, "up").returncode == 0
    after = Supervisor(stack.settings).processes()
    assert [(p["name"], p["pid"], p["start"]) for p in before] == [(p["name"], p["pid"], p["start"]) for p in after]


def stored(s: Settings, table: str) -> set[tuple[Any, ...]]:
    """Return what must never change: every forecast, every received bar."""
    received = "where not filled" if table == "bars" else ""
    with psycopg.connect(s.postgres()) as connection:
        return set(connection.execute(f"select * from {table} {received}").fetchall())  # noqa: S608 -- our own words


def kill_everything(s: Settings) -> None:
    """Kill each process without a warning, and those that the supervisor starts anew meanwhile with it, then itself."""
    supervisor = int((s.state / "supervisord.pid").read_text())
    for pid in pids(s).values():
        os.kill(pid, signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)
    probes.wait("the end of supervisord", lambda: not Supervisor(s).is_up(), 20)


def test_after_everything_was_killed_up_recovers_and_nothing_that_was_stored_is_lost(stack: Installation) -> None:
    s = stack.settings
    before = {table: stored(s, table) for table in ("bars", "forecasts")}
    kill_everything(s)
    done = local(s, "up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert before["forecasts"] <= stored(s, "forecasts")
    assert before["bars"] <= stored(s, "bars")
    probes.wait("new forecasts", lambda: len(stored(s, "forecasts")) > len(before["forecasts"]), 60)
    assert holes(s) == []


def holes(s: Settings) -> list[int]:
    """Return after which bars of the symbol, in UTC epoch seconds, minutes of the same session are missing."""
    with psycopg.connect(s.postgres()) as connection:
        rows = connection.execute("select ts from bars where symbol = %s order by ts", [SYMBOL]).fetchall()
    ts = np.array([int(at.timestamp()) for (at,) in rows])
    session = sessions(s.exchange).number(ts)
    return ts[:-1][(np.diff(ts) != MINUTE) & (np.diff(session) == 0)].tolist()
