"""The addresses of the dashboard; openapi.py describes them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn
from urllib.parse import quote

from flask import Blueprint, Response, abort, current_app, render_template, request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest

from serving.common.health import Readiness
from serving.dashboard.compression import respond
from serving.dashboard.csv_export import csv_of
from serving.dashboard.hub import Hub
from serving.dashboard.openapi import document
from serving.dashboard.queries import parse, parse_span, parse_subscription, parse_symbols
from serving.dashboard.responses import Health, Symbols, SymbolsWithCloses, json_response
from serving.dashboard.status import Links
from serving.dashboard.stream import event_stream, subscribe
from serving.dashboard.symbol_data import all_rows, symbol_data
from serving.dashboard.symbol_status import States
from serving.dashboard.viewers import Viewer
from serving.dashboard.watchlist import Watchlist
from stock_ml.adapters.postgres.reader import ForecastReader
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable

views = Blueprint("views", __name__)
HERE = Path(__file__).parent
VENDOR = HERE / "static" / "vendor" / "highcharts"


class Dashboard(NamedTuple):
    """Hold what the views need; `zone` is the exchange's time zone."""

    settings: Settings
    reader: ForecastReader
    states: States
    hub: Hub
    zone: str
    metrics: CollectorRegistry
    watchlist: Watchlist

    def check(self, symbol: str) -> None:
        """Answer 404 for a symbol that is neither configured nor stored. Raises StoreUnavailable."""
        if symbol not in self.settings.symbols and not self.reader.has_symbol(symbol):
            no_symbol(symbol)


def dashboard() -> Dashboard:
    """Return this application's own."""
    own: Dashboard = current_app.extensions["dashboard"]
    return own


@views.get("/")
def index() -> str:
    """Show the page; it requests its data itself, so that it opens without PostgreSQL."""
    own = dashboard()
    s = own.settings
    pin = json.loads((HERE / "highcharts.json").read_text(encoding="utf-8"))
    return render_template(
        "index.html",
        s=s,
        zone=own.zone,
        gap_ms=s.feed_gap_minutes * 60_000,
        links=Links.of(s),
        scripts=list(pin["files"]),
        version=pin["version"],
        first=s.symbols[0],
        preload=preload(request.args, s.symbols[0]),
        modules=sorted(file.name for file in (HERE / "static" / "js").glob("*.js")),
        installed=all((VENDOR / name).is_file() for name in pin["files"]),
    )


def preload(args: Mapping[str, str], first: str) -> str | None:
    """Return the address that the page will request first, for the browser to preload; None where that is unsure."""
    symbol = args.get("symbol") or first
    plain = re.fullmatch(r"[A-Za-z0-9./_-]{1,64}", symbol)  # what every encoding of addresses leaves as it is, and /
    return f"/data?symbol={quote(symbol, safe='')}" if plain and args.get("range") != "all" else None


@views.get("/data")
def data() -> Response:
    """Return bars, forecasts and state of a symbol."""
    own, query = dashboard(), parse(request.args)
    body = symbol_data(own.reader, own.states, query, own.settings)
    if body is None:
        no_symbol(query.symbol)
    return respond(request, body)


@views.get("/data.csv")
def spreadsheet() -> Response:
    """Return the same bars and forecasts as a file, a line a minute."""
    own, query = dashboard(), parse_span(request.args)
    rows = all_rows(own.reader, query)
    if not rows.bars:
        own.check(query.symbol)
    response = Response(csv_of(rows.bars, rows.forecasts), mimetype="text/csv")
    name = re.sub(r"[^A-Za-z0-9.-]", "_", query.symbol)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


@views.get("/stream")
def stream() -> Response:
    """Send what is committed as it is committed; stream.py describes the events."""
    own, subscription = dashboard(), parse_subscription(request.args, request.headers.get("Last-Event-ID"))
    if subscription.symbol is not None:
        own.check(subscription.symbol)
    if request.method == "HEAD":  # no events are read, and the end of the connection would not be noticed
        return Response(mimetype="text/event-stream")
    viewer = Viewer(subscription.symbol, request.environ.get("gunicorn.socket"))
    first = subscribe(own.reader, own.hub, viewer, subscription)
    return Response(event_stream(own.hub, viewer, first), mimetype="text/event-stream")


@views.get("/symbols")
def symbols() -> Response:
    """List the configured symbols, then the others with recent bars; or some symbols with their day's closes."""
    own, some = dashboard(), parse_symbols(request.args.getlist("symbol")).symbol
    return respond(request, SymbolsWithCloses(own.watchlist.of(some)) if some else Symbols(own.watchlist.all()))


@views.get("/metrics")
def metrics() -> Response:
    """Return the metrics of this process for Prometheus."""
    return Response(generate_latest(dashboard().metrics), content_type=CONTENT_TYPE_PLAIN_0_0_4)


@views.get("/openapi.json")
def openapi() -> Response:
    """Return the OpenAPI document of these addresses."""
    return Response(json.dumps(document()), mimetype="application/json")


@views.get("/readyz")
def readyz() -> Response:
    """Say whether PostgreSQL answers and viewers get their events, 503 where not."""
    fault = dashboard().hub.fault
    waiting = {"stream": fault} if fault else {}
    try:
        dashboard().reader.ping()
    except StoreUnavailable as error:
        waiting["postgresql"] = str(error)
    return json_response(Readiness(ready=not waiting, waiting=waiting), 503 if waiting else 200)


@views.get("/healthz")
def healthz() -> Response:
    """Say that the process is up, and whether PostgreSQL answers; 200 either way, for a restart would not help."""
    try:
        dashboard().reader.ping()
    except StoreUnavailable as error:
        return json_response(Health(status="up", database=False, reason=str(error)))
    return json_response(Health(status="up", database=True))


def no_symbol(symbol: str) -> NoReturn:
    """Answer 404."""
    abort(404, f"no symbol {symbol!r} here; /symbols lists those there are")
