"""What the page says of the services: pure, from what they last said of themselves."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from stock_ml.adapters.forecast_reader import Service
from stock_ml.errors import without_login

STALE = 15.0  # wall seconds without a word from a service
KNOWN_AFTER = 60_000  # milliseconds from a bar's open until it is known


def service_states(services: Mapping[str, Service], last_bar: int | None, mlflow: str) -> dict[str, Any]:
    """Return market, services and model; times in epoch milliseconds by the services' clock, ages in seconds."""
    producer, consumer = services.get("producer"), services.get("consumer")
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
        "model": _model(consumer, mlflow),
    }


def freshness(service: Service | None) -> dict[str, Any]:
    """Return how long ago a service spoke, whether that is too long, and what it waits for."""
    if service is None:
        return {"seen": False, "age": None, "stale": True, "waiting": None, "lag": None}
    waiting, lag = service.state.get("waiting"), service.state.get("lag")
    return {"seen": True, "age": service.age, "stale": service.age > STALE, "waiting": waiting, "lag": lag}


def _model(consumer: Service | None, mlflow: str) -> dict[str, Any] | None:
    version = consumer.state.get("model_version") if consumer else None
    if consumer is None or version is None:
        return None
    run = consumer.state.get("run_id")
    page = f"runs/{quote(str(run), safe='')}" if run else "models"
    trained_until = _ms(consumer.state.get("trained_until"))
    return {
        "version": str(version),
        "trained_until": trained_until,
        "url": f"{without_login(mlflow).rstrip('/')}/#/{page}",
    }


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
