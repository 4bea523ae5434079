"""The state of services, model, DAGs and monitoring, from what they last reported. Nothing is read here."""

from collections.abc import Mapping
from typing import NamedTuple, TypedDict, cast
from urllib.parse import quote

from msgspec import structs

from serving.common.reports import ConsumerReport, ProducerReport
from serving.dashboard.responses import (
    DagRun,
    LiveBars,
    NewestReport,
    OfficialClose,
    OpenAlert,
    ServiceStatus,
    ServingModel,
    State,
    SymbolScore,
)
from serving.dashboard.scores import symbol_score
from stock_ml.adapters.postgres.connection import ServiceState
from stock_ml.adapters.postgres.reader import NO_SCORE, LastClose, Monitoring
from stock_ml.config import Settings
from stock_ml.errors import without_login

STALE = 15.0  # wall seconds without a report from a service
DAG = "dag:"  # before the id of a DAG that reports its last run
DAGS = ("ingest_bars", "maintain", "monitor_forecasts", "promote_model", "train_model")  # also before their first run
KNOWN_AFTER = 60_000  # milliseconds from a bar's open until it is known
NOT_SCORED = symbol_score([NO_SCORE])


class RunReport(TypedDict, total=False):
    """The last run of a DAG as its tasks report it; times in UTC epoch seconds."""

    state: str
    run_id: str
    started_at: float | None
    ended_at: float | None


class Links(NamedTuple):
    """Hold the addresses of MLflow and Airflow as a browser here opens them."""

    mlflow: str
    airflow: str

    @classmethod
    def of(cls, s: Settings) -> "Links":
        """Return this installation's."""
        return cls(without_login(s.mlflow).rstrip("/"), f"http://127.0.0.1:{s.airflow_port}")


def installation_state(services: Mapping[str, ServiceState], monitoring: Monitoring, links: Links) -> State:
    """Return the state as a symbol without bars has it; times in epoch milliseconds, ages in seconds."""
    producer, consumer = services.get("producer"), services.get("consumer")
    market = cast(ProducerReport, producer.state if producer else {})
    return State(
        now=_milliseconds(market.get("now")),
        market_open=market.get("market_open"),
        next_change=_milliseconds(market.get("next_change")),
        last_bar=None,
        last_bar_age=None,
        official_close=None,
        feed_delay=max((market.get("feed_delay") or {}).values(), default=0),
        request_interval=market.get("request_interval", 0),
        producer=service_status(producer),
        consumer=service_status(consumer),
        model=_model(cast(ConsumerReport, consumer.state if consumer else {}), links),
        dags=_dags(services, links),
        alert=OpenAlert(**monitoring.alert) if monitoring.alert else None,
        look=NewestReport(**monitoring.report) if monitoring.report else None,
        live_bars=newest_live_bars(services),
        score=NOT_SCORED,
    )


def with_symbol(state: State, last_bar: int | None, score: SymbolScore, official: LastClose | None = None) -> State:
    """Return the state with the newest bar, the scores and the official close after that bar of a symbol."""
    age = None
    if state.now is not None and last_bar is not None:
        age = max(0.0, (state.now - last_bar - KNOWN_AFTER) / 1000)
    close = OfficialClose(*official) if official else None
    return structs.replace(state, last_bar=last_bar, last_bar_age=age, score=score, official_close=close)


def service_status(service: ServiceState | None) -> ServiceStatus:
    """Return how long ago a service reported, whether that is too long, and what it waits for."""
    if service is None:
        return ServiceStatus(seen=False, age=None, stale=True, waiting=None, lag=None)
    report = service.state
    return ServiceStatus(True, service.age, service.age > STALE, report.get("waiting"), report.get("lag"))


def newest_live_bars(services: Mapping[str, ServiceState]) -> LiveBars | None:
    """Return the newest comparison of live bars with settled ones, None where there is none."""
    found = services.get("live_bars")
    return LiveBars(**found.state["sessions"][-1]) if found else None


def _model(consumer: ConsumerReport, links: Links) -> ServingModel | None:
    version, run = consumer.get("model_version"), consumer.get("run_id")
    if version is None:
        return None
    page = f"runs/{quote(str(run), safe='')}" if run else "models"
    return ServingModel(str(version), _milliseconds(consumer.get("trained_until")), f"{links.mlflow}/#/{page}")


def _dags(services: Mapping[str, ServiceState], links: Links) -> list[DagRun]:
    """Return the last run of each DAG, by its id."""
    runs = dict.fromkeys(DAGS, RunReport(state="no run yet"))
    runs |= {
        name.removeprefix(DAG): cast(RunReport, service.state)
        for name, service in services.items()
        if name.startswith(DAG)
    }
    return [_dag(dag, runs[dag], links) for dag in sorted(runs)]


def _dag(dag: str, report: RunReport, links: Links) -> DagRun:
    run = report.get("run_id")
    page = f"dags/{quote(dag, safe='')}" + (f"/runs/{quote(str(run), safe='')}" if run else "")
    started_at, ended_at = _milliseconds(report.get("started_at")), _milliseconds(report.get("ended_at"))
    return DagRun(dag, str(report.get("state")), f"{links.airflow}/{page}", started_at, ended_at)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
