"""Make the dashboard: `gunicorn "serving.dashboard.app:create_app()"`."""

import os
import signal

from flask import Flask

from serving.dashboard.compression import compress_files
from serving.dashboard.errors import register_error_handlers
from serving.dashboard.foreign_pages import refuse_foreign_pages
from serving.dashboard.headers import add_headers
from serving.dashboard.hub import Hub
from serving.dashboard.metrics import measure
from serving.dashboard.status import Links
from serving.dashboard.symbol_status import States
from serving.dashboard.views import Dashboard, views
from serving.dashboard.watchlist import Watchlist
from stock_ml.adapters.postgres.reader import ForecastReader
from stock_ml.config import Settings, load
from stock_ml.domain.calendar import sessions


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application, by default with the environment's settings. PostgreSQL need not answer yet.

    Raises BadSetting where a setting cannot be used.
    """
    s = settings or load()
    app = Flask(__name__)
    reader = ForecastReader.connect(s)
    states, zone = States(reader, Links.of(s)), sessions(s.exchange).zone
    hub = Hub(reader, states, end_process)
    metrics, watchlist = measure(app, hub.viewers, reader.services), Watchlist(reader, s.symbols, zone)
    app.extensions["dashboard"] = Dashboard(s, reader, states, hub, zone, metrics, watchlist)
    app.register_blueprint(views)
    register_error_handlers(app)
    refuse_foreign_pages(app, s.trusted_hosts)
    compress_files(app)
    add_headers(app, s)
    return app


def end_process() -> None:
    """End this worker process; gunicorn starts another one in its place."""
    os.kill(os.getpid(), signal.SIGTERM)
