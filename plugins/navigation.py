"""Entries in Airflow's navigation for the dashboard, MLflow and the sandbox exchange."""

from typing import Any

from airflow.sdk.plugins_manager import AirflowPlugin

from stock_ml.config import Settings, load
from stock_ml.errors import without_login


class Navigation(AirflowPlugin):
    """Show the forecasts, the models, and the exchange where it is simulated."""

    name = "stock_ml"

    @classmethod
    def on_load(cls, *_: Any, **__: Any) -> None:
        cls.external_views = links(load())


def links(s: Settings) -> list[dict[str, str]]:
    """Return the entries, each a page that Airflow shows inside its own."""
    models = f"{s.mlflow}/#/models/{s.mlflow_model}"  # MLflow's own first page is about other things
    pages = [("Forecasts", "forecasts", f"http://127.0.0.1:{s.dashboard_port}/"), ("Models", "models", models)]
    if s.simulated:
        pages.append(("Exchange (SIMULATED)", "exchange", s.sandbox))
    pages = [(name, route, without_login(href)) for name, route, href in pages]
    shown = {"destination": "nav", "category": "stock_ml"}
    return [{"name": name, "url_route": f"stock-ml-{route}", "href": href, **shown} for name, route, href in pages]
