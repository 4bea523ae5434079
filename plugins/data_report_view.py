"""On each DAG run a tab with its data report."""

from functools import cache
from typing import Any

from airflow.sdk.plugins_manager import AirflowPlugin

PREFIX = "/stock-ml"


async def reports(scope: Any, receive: Any, send: Any) -> None:
    """Answer as an ASGI application, which is made with the first request: other processes load plugins too."""
    await _app()(scope, receive, send)


@cache
def _app() -> Any:
    from fastapi import FastAPI

    app = FastAPI(openapi_url=None)
    app.get("/reports/{run}")(_page)
    return app


def _page(run: str) -> Any:
    from fastapi.responses import HTMLResponse

    from stock_ml.cleaning import run_report
    from stock_ml.config import load
    from stock_ml.errors import StoreUnavailable

    try:
        return HTMLResponse(run_report.page(load(), run))
    except StoreUnavailable as error:
        return HTMLResponse(f"<p>{error}", 503)


class DataReports(AirflowPlugin):
    """Serve the reports beside Airflow's own pages, and show each in its run."""

    name = "stock_ml_data_reports"
    fastapi_apps = [{"app": reports, "url_prefix": PREFIX, "name": "stock_ml data reports"}]  # noqa: RUF012 - a list
    external_views = [  # noqa: RUF012 - Airflow declares lists
        {
            "name": "Data report",
            "href": f"{PREFIX}/reports/{{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "stock-ml-data-report",
        },
    ]
