"""A week in the life of an installation: on the third session the market turns, and the log tells what follows."""

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks._airflow import champion, installation, market_time, set_clock
from benchmarks._servers import folder
from local import first_training, probes
from local.airflow_client import Airflow
from local.secrets import ensure_secrets
from local.servers.services import environment
from local.supervisor.program import PYTHON, ROOT
from stock_ml.adapters.mlflow.rest import tags
from stock_ml.adapters.postgres.connection import Row
from stock_ml.config import Settings
from stock_ml.domain.calendar import sessions
from stock_ml.domain.json_object import JsonObject

STARTS, TURNS, SESSIONS = "2024-03-04", date(2024, 3, 6), 12
QUICK, SLOW = 360.0, 60.0  # market seconds a second; slow before a close, as what follows it is quick then
BEFORE, AFTER = 600, 30  # market seconds around a close: from when on it is slow, and when the clock stands
MONITOR = "monitor_forecasts"
SCORES = """
select to_char(session, 'YYYY-MM-DD'), string_agg(distinct model_version, ', '), count(*)::int,
       1 - avg(abs(ln(predicted_close / actual_close))) / avg(abs(ln(last_close / actual_close))),
       avg((actual_close between lower_90 and upper_90)::int)::float8
from outcomes where counts group by session order by session
"""
ALERTS = "select reason, acted_on_at is not null from alerts order by id"
NEWEST_REPORT = "select model_version, report from looks order by id desc limit 1"


@dataclass
class Week:
    """Let sessions pass, a night after each in which the clock stands, and tell each event in a line."""

    s: Settings
    airflow: Airflow
    console: Console
    begun: float = field(default_factory=time.monotonic)
    known: dict[str, set[str]] = field(default_factory=dict)
    alerts: int = 0

    def pass_session(self) -> None:
        """Let a session pass, and see everything through that its close starts. Raises PipelineFailed, HostError."""
        for dag in (first_training.INGEST, first_training.TRAIN, MONITOR):
            self.known[dag] = {run["dag_run_id"] for run in self.airflow.runs(dag, 100)}
        self._to_the_close()
        ingest = self._wait_for_new_run(first_training.INGEST)
        self._report(
            f"ingest_bars: {len(self.s.symbols)} symbols clean, {self._seconds(first_training.INGEST, ingest)}"
        )
        self._wait_for_new_run(MONITOR)
        alerted = self._report_monitoring()
        trained = [self._wait_for_new_run(first_training.TRAIN, lambda run: self._is_started_by(run, ingest))]
        if alerted:
            trained.append(self._wait_for_new_run(first_training.TRAIN, self._is_started_by_alert))
        for run in sorted(set(trained), key=self._queued_at):
            self._report_training(run)
        self._wait_until_served()

    def _to_the_close(self) -> None:
        now, calendar = set_clock(self.s, paused=False, speed=QUICK), sessions(self.s.exchange)
        close = float(calendar.closes[calendar.upcoming(now)])
        self._report(f"session {datetime.fromtimestamp(close, UTC):%a %Y-%m-%d} opens")
        probes.wait("the close", lambda: market_time(self.s) >= close - BEFORE, 600)
        set_clock(self.s, speed=SLOW)
        probes.wait("the close", lambda: market_time(self.s) >= close + AFTER, 60)
        set_clock(self.s, paused=True)
        self._report("session closed")

    def _report_monitoring(self) -> bool:
        """Tell the newest look and what alert it raised, and say whether it did."""
        with psycopg.connect(self.s.postgres()) as connection:
            ((version, report),) = connection.execute(NEWEST_REPORT).fetchall()
            alerts = connection.execute(ALERTS).fetchall()
        found = f"skill {report['skill']:+.1%}, 90 % interval covered {report['coverage_90']:.1%}"
        self._report(f"monitor_forecasts: version {version}, {report['forecasts']} forecasts: {found}")
        for reason, _ in alerts[self.alerts :]:
            self._report(f"ALERT: {reason}")
        before, self.alerts = self.alerts, len(alerts)
        return self.alerts > before

    def _report_training(self, run: str) -> None:
        (task,) = self.airflow.tasks(first_training.TRAIN, run)
        place = f"dags/{first_training.TRAIN}/dagRuns/{run}/taskInstances/train/xcomEntries"
        why = self.airflow.get(f"{place}/why")["value"]
        if task["state"] == "skipped":
            self._report(f"train_model ({why}): skipped, a training covers it")
            return
        result = self.airflow.get(f"{place}/return_value")["value"]
        text = f"version {result['version']}, {result['promoted']}: {result['reason']}"
        self._report(f"train_model ({why}): {text}, {self._seconds(first_training.TRAIN, run)}")

    def _wait_until_served(self) -> None:
        version = champion(self.s)
        last = f"{datetime.fromtimestamp(int(tags(version)['trained_until']), UTC):%a %Y-%m-%d %H:%M} UTC"
        probes.wait("the consumer", lambda: self._served_version() == version.version, 60)
        self._report(f"consumer serves version {version.version}, trained until {last}")

    def _served_version(self) -> str:
        with psycopg.connect(self.s.postgres()) as connection:
            ((state,),) = connection.execute("select state from service_state where service = 'consumer'").fetchall()
        return str(state["model_version"])

    def _wait_for_new_run(self, dag: str, fits: Callable[[str], bool] | None = None) -> str:
        """Return the run of a DAG that is new and fits, when it has ended well."""

        def found() -> list[str]:
            runs = [run["dag_run_id"] for run in self.airflow.runs(dag, 20)]
            return [run for run in runs if run not in self.known[dag] and (fits is None or fits(run))]

        probes.wait(f"a run of {dag}", lambda: bool(found()), 120)
        run = found()[-1]
        first_training.wait_for_run(self.airflow, dag, run)
        return run

    def _is_started_by(self, run: str, source: str) -> bool:
        return any(event["source_run_id"] == source for event in self._events(run))

    def _is_started_by_alert(self, run: str) -> bool:
        return any("payload" in (event["extra"] or {}) for event in self._events(run))

    def _events(self, run: str) -> list[JsonObject]:
        path = f"dags/{first_training.TRAIN}/dagRuns/{run}/upstreamAssetEvents"
        return list(self.airflow.get(path).get("asset_events", []))

    def _queued_at(self, run: str) -> str:
        return str(self.airflow.get(f"dags/{first_training.TRAIN}/dagRuns/{run}")["queued_at"])

    def _seconds(self, dag: str, run: str) -> str:
        found = self.airflow.get(f"dags/{dag}/dagRuns/{run}")
        begun, ended = (datetime.fromisoformat(found[name]) for name in ("queued_at", "end_date"))
        return f"{(ended - begun).total_seconds():.0f} s"

    def _report(self, event: str) -> None:
        at = datetime.fromtimestamp(market_time(self.s), UTC)
        self.console.print(f"{at:%a %H:%M} UTC  +{time.monotonic() - self.begun:4.0f} s  {event}")


def run(console: Console) -> dict[str, float]:
    """Live through the week, leave nothing running, and return the figures."""
    given = {"source": "sandbox", "sandbox_start": STARTS, "sandbox_turn": TURNS, "sandbox_speed": QUICK}
    with folder("week") as home, installation(home, **given) as s:
        _up(s)
        week = Week(s, Airflow(s, ensure_secrets(s)), console)
        week._wait_until_served()
        for _ in range(SESSIONS):
            week.pass_session()
        with psycopg.connect(s.postgres()) as connection:
            scores, alerts = connection.execute(SCORES).fetchall(), connection.execute(ALERTS).fetchall()
    console.print(_table(scores))
    return _figures(scores) | {"alerts": len(alerts), "seconds": round(time.monotonic() - week.begun)}


def _up(s: Settings) -> None:
    """Bring the stack up with the exchange's clock standing at the open. Raises CalledProcessError."""
    argv = [PYTHON, "-m", "local", "up"]
    with subprocess.Popen(argv, cwd=ROOT, env=os.environ | environment(s), stdout=subprocess.DEVNULL) as process:
        probes.wait("the exchange", probes.http(f"{s.sandbox}/healthz"))
        set_clock(s, paused=True)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)


def _figures(scores: list[Row]) -> dict[str, float]:
    by_day = {row[0]: row for row in scores}
    turned = by_day[str(TURNS)]
    before, after = [row for row in scores if row[0] < str(TURNS)], [row for row in scores if row[0] > str(TURNS)]
    named = {"before": before[-1], "turned": turned, "after": after[-1]}
    skills = {f"skill_{name}": round(row[3], 4) for name, row in named.items()}
    return skills | {f"coverage_{name}": round(row[4], 3) for name, row in named.items()}


def _table(scores: list[Row]) -> Table:
    table = Table("session", "version", "forecasts", "skill", "90 % interval covered")
    for session, version, count, skill, coverage in scores:
        table.add_row(session, version, f"{count:,}", f"{skill:+.1%}", f"{coverage:.1%}")
    return table
