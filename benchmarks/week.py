"""A week in the life of an installation: on the third session the market turns, and the log tells what follows."""

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks._airflow import champion, installation, market_time, set_clock
from benchmarks._servers import folder
from local import pipeline, probes
from local.airflow_client import Airflow
from local.secrets import ensure_secrets
from local.servers.services import environment
from local.supervisor.program import PYTHON, ROOT
from stock_ml.adapters.mlflow.rest import tags
from stock_ml.config import Settings
from stock_ml.domain.calendar import sessions

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
LOOK = "select model_version, report from looks order by id desc limit 1"


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
        for dag in (pipeline.INGEST, pipeline.TRAIN, MONITOR):
            self.known[dag] = {run["dag_run_id"] for run in self.airflow.runs(dag, 100)}
        self._to_the_close()
        ingest = self._ended(pipeline.INGEST)
        self._tell(f"ingest_bars: {len(self.s.symbols)} symbols clean, {self._seconds(pipeline.INGEST, ingest)}")
        self._ended(MONITOR)
        alerted = self._judged()
        trained = [self._ended(pipeline.TRAIN, lambda run: self._comes_from(run, ingest))]
        if alerted:
            trained.append(self._ended(pipeline.TRAIN, self._comes_from_an_alert))
        for run in sorted(set(trained), key=lambda run: self._run(run)["queued_at"]):
            self._tell_training(run)
        self._served()

    def _to_the_close(self) -> None:
        now, calendar = set_clock(self.s, paused=False, speed=QUICK), sessions(self.s.exchange)
        close = float(calendar.closes[calendar.upcoming(now)])
        self._tell(f"session {datetime.fromtimestamp(close, UTC):%a %Y-%m-%d} opens")
        probes.wait("the close", lambda: market_time(self.s) >= close - BEFORE, 600)
        set_clock(self.s, speed=SLOW)
        probes.wait("the close", lambda: market_time(self.s) >= close + AFTER, 60)
        set_clock(self.s, paused=True)
        self._tell("session closed")

    def _judged(self) -> bool:
        """Tell the newest look and what alert it raised, and say whether it did."""
        with psycopg.connect(self.s.postgres()) as connection:
            ((version, look),) = connection.execute(LOOK).fetchall()
            alerts = connection.execute(ALERTS).fetchall()
        found = f"skill {look['skill']:+.1%}, 90 % interval covered {look['coverage_90']:.1%}"
        self._tell(f"monitor_forecasts: version {version}, {look['forecasts']} forecasts: {found}")
        for reason, _ in alerts[self.alerts :]:
            self._tell(f"ALERT: {reason}")
        before, self.alerts = self.alerts, len(alerts)
        return self.alerts > before

    def _tell_training(self, run: str) -> None:
        (task,) = self.airflow.tasks(pipeline.TRAIN, run)
        place = f"dags/{pipeline.TRAIN}/dagRuns/{run}/taskInstances/train/xcomEntries"
        why = self.airflow.get(f"{place}/why")["value"]
        if task["state"] == "skipped":
            self._tell(f"train_model ({why}): skipped, a training covers it")
            return
        made = self.airflow.get(f"{place}/return_value")["value"]
        told = f"version {made['version']}, {made['promoted']}: {made['reason']}"
        self._tell(f"train_model ({why}): {told}, {self._seconds(pipeline.TRAIN, run)}")

    def _served(self) -> None:
        made = champion(self.s)
        last = f"{datetime.fromtimestamp(int(tags(made)['trained_until']), UTC):%a %Y-%m-%d %H:%M} UTC"
        probes.wait("the consumer", lambda: self._serving() == made.version, 60)
        self._tell(f"consumer serves version {made.version}, trained until {last}")

    def _serving(self) -> str:
        with psycopg.connect(self.s.postgres()) as connection:
            ((state,),) = connection.execute("select state from service_state where service = 'consumer'").fetchall()
        return str(state["model_version"])

    def _ended(self, dag: str, fits: Callable[[str], bool] | None = None) -> str:
        """Return the run of a DAG that is new and fits, when it has ended well."""

        def found() -> list[str]:
            runs = [run["dag_run_id"] for run in self.airflow.runs(dag, 20)]
            return [run for run in runs if run not in self.known[dag] and (fits is None or fits(run))]

        probes.wait(f"a run of {dag}", lambda: bool(found()), 120)
        run = found()[-1]
        pipeline.wait_for_run(self.airflow, dag, run)
        return run

    def _comes_from(self, run: str, source: str) -> bool:
        return any(event["source_run_id"] == source for event in self._events(run))

    def _comes_from_an_alert(self, run: str) -> bool:
        return any("payload" in (event["extra"] or {}) for event in self._events(run))

    def _events(self, run: str) -> list[dict[str, Any]]:
        return list(
            self.airflow.get(f"dags/{pipeline.TRAIN}/dagRuns/{run}/upstreamAssetEvents").get("asset_events", [])
        )

    def _run(self, run: str) -> dict[str, Any]:
        return self.airflow.get(f"dags/{pipeline.TRAIN}/dagRuns/{run}")

    def _seconds(self, dag: str, run: str) -> str:
        told = self.airflow.get(f"dags/{dag}/dagRuns/{run}")
        begun, ended = (datetime.fromisoformat(told[name]) for name in ("queued_at", "end_date"))
        return f"{(ended - begun).total_seconds():.0f} s"

    def _tell(self, event: str) -> None:
        at = datetime.fromtimestamp(market_time(self.s), UTC)
        self.console.print(f"{at:%a %H:%M} UTC  +{time.monotonic() - self.begun:4.0f} s  {event}")


def run(console: Console) -> dict[str, float]:
    """Live through the week, leave nothing running, and return the figures."""
    given = {"source": "sandbox", "sandbox_start": STARTS, "sandbox_turn": TURNS, "sandbox_speed": QUICK}
    with folder("week") as home, installation(home, **given) as s:
        _up(s)
        week = Week(s, Airflow(s, ensure_secrets(s)), console)
        week._served()
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


def _figures(scores: list[tuple[Any, ...]]) -> dict[str, float]:
    by_day = {row[0]: row for row in scores}
    turned = by_day[str(TURNS)]
    before, after = [row for row in scores if row[0] < str(TURNS)], [row for row in scores if row[0] > str(TURNS)]
    named = {"before": before[-1], "turned": turned, "after": after[-1]}
    skills = {f"skill_{name}": round(row[3], 4) for name, row in named.items()}
    return skills | {f"coverage_{name}": round(row[4], 3) for name, row in named.items()}


def _table(scores: list[tuple[Any, ...]]) -> Table:
    table = Table("session", "version", "forecasts", "skill", "90 % interval covered")
    for session, version, count, skill, coverage in scores:
        table.add_row(session, version, f"{count:,}", f"{skill:+.1%}", f"{coverage:.1%}")
    return table
