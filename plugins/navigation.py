"""Entries in Airflow's navigation that open what stands beside it."""

from typing import Any

from airflow.sdk.plugins_manager import AirflowPlugin

from stock_ml.config import Settings, load


class Navigation(AirflowPlugin):
    """Link from Airflow to the forecasts and to the model's runs."""

    name = "stock_ml"

    @classmethod
    def on_load(cls, *_: Any, **__: Any) -> None:
        cls.external_views = links(load())


def links(s: Settings) -> list[dict[str, Any]]:
    """Return the entries: name and address of each page, opened in a tab of its own."""
    pages = {"Forecasts": f"http://127.0.0.1:{s.dashboard_port}/", "Models (MLflow)": s.mlflow}
    if s.simulated:
        pages["Sandbox exchange (SIMULATED)"] = s.sandbox
    return [{"name": name, "href": href, "destination": "nav", "category": "stock_ml"} for name, href in pages.items()]
