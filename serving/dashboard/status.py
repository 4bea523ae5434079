"""What the page says of the services: pure, from what they last said of themselves."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from stock_ml.adapters.postgres.connection import ServiceState
from stock_ml.adapters.postgres.reader import Monitoring
from stock_ml.config import Settings
from stock_ml.errors import without_login

STALE = 15.0  # wall seconds without a word from a service
DAG = "dag:"  # before the name of a DAG that tells of its last run
DAGS = ("ingest_bars", "maintain", "monitor_forecasts", "promote_model", "train_model")  # also before their first run
NO_RUN: Mapping[str, Any] = {"state": "no run yet"}
KNOWN_AFTER = 60_000  # milliseconds from a bar's open until it is known


class Said(NamedTuple):
    """Hold what the services last said, by name, and what monitoring found."""

    services: Mapping[str, ServiceState]
    monitoring: Monitoring


class Links(NamedTuple):
    """Hold the addresses of MLflow and Airflow as a browser here opens them."""

    mlflow: str
    airflow: str

    @classmethod
    def of(cls, s: Settings) -> "Links":
        """Return this installation's."""
        return cls(without_login(s.mlflow).rstrip("/"), f"http://127.0.0.1:{s.airflow_port}")


def service_states(said: Said, last_bar: int | None, links: Links) -> dict[str, Any]:
    """Return market, services, model, DAGs and monitoring; times in epoch milliseconds, ages in seconds."""
    producer, consumer = said.services.get("producer"), said.services.get("consumer")
    market = producer.state if producer else {}
    now = _ms(market.get("now"))
    return {
        "now": now,
        "market_open": market.get("market_open"),
        "next_change": _ms(market.get("next_change")),
        "last_bar": last_bar,
        "last_bar_age": None if now is None or last_bar is None else max(0.0, (now - last_bar - KNOWN_AFTER) / 1000),
        "producer": freshness(producer),
        "consumer": freshness(consumer),
        "model": _model(consumer, links),
        "dags": _dags(said.services, links),
        "alert": said.monitoring.alert,
        "look": said.monitoring.report,
    }


def freshness(service: ServiceState | None) -> dict[str, Any]:
    """Return how long ago a service spoke, whether that is too long, and what it waits for."""
    if service is None:
        return {"seen": False, "age": None, "stale": True, "waiting": None, "lag": None}
    waiting, lag = service.state.get("waiting"), service.state.get("lag")
    return {"seen": True, "age": service.age, "stale": service.age > STALE, "waiting": waiting, "lag": lag}


def _model(consumer: ServiceState | None, links: Links) -> dict[str, Any] | None:
    version = consumer.state.get("model_version") if consumer else None
    if consumer is None or version is None:
        return None
    run = consumer.state.get("run_id")
    page = f"runs/{quote(str(run), safe='')}" if run else "models"
    trained_until = _ms(consumer.state.get("trained_until"))
    return {"version": str(version), "trained_until": trained_until, "url": f"{links.mlflow}/#/{page}"}


def _dags(services: Mapping[str, ServiceState], links: Links) -> list[dict[str, Any]]:
    """Return the last run of each DAG, by its name."""
    told = {name.removeprefix(DAG): service.state for name, service in services.items() if name.startswith(DAG)}
    found = dict.fromkeys(DAGS, NO_RUN) | told
    return [_dag(name, found[name], links) for name in sorted(found)]


def _dag(name: str, state: Mapping[str, Any], links: Links) -> dict[str, Any]:
    run = state.get("run_id")
    page = f"dags/{quote(name, safe='')}" + (f"/runs/{quote(str(run), safe='')}" if run else "")
    times = {key: _ms(state.get(key)) for key in ("started_at", "ended_at")}
    return {"id": name, "state": str(state.get("state")), "url": f"{links.airflow}/{page}", **times}


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
