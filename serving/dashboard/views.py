"""The addresses of the dashboard; openapi.json describes them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from flask import Blueprint, Response, abort, current_app, render_template, request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest

from serving.dashboard.compression import send
from serving.dashboard.csv_export import csv_of
from serving.dashboard.data import answer, whole
from serving.dashboard.hub import Hub
from serving.dashboard.queries import parse, parse_span, several, watching
from serving.dashboard.status import Links
from serving.dashboard.stream import begin, told
from serving.dashboard.symbol_status import States
from serving.dashboard.viewers import Viewer
from serving.dashboard.watchlist import Watchlist
from stock_ml import __version__
from stock_ml.adapters.postgres.reader import ForecastReader
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable

views = Blueprint("views", __name__)
HERE = Path(__file__).parent
VENDOR = HERE / "static" / "vendor" / "highcharts"


class Dashboard(NamedTuple):
    """Hold what every view needs; `zone` is the exchange's time zone."""

    settings: Settings
    reader: ForecastReader
    states: States
    hub: Hub
    zone: str
    figures: CollectorRegistry
    watchlist: Watchlist


def dashboard() -> Dashboard:
    """Return this application's own."""
    own: Dashboard = current_app.extensions["dashboard"]
    return own


@views.get("/")
def index() -> str:
    """Show the page; it asks for the rest itself, so that it is there while PostgreSQL is not."""
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
        early=early(request.args, s.symbols[0]),
        modules=sorted(file.name for file in (HERE / "static" / "js").glob("*.js")),
        installed=all((VENDOR / name).is_file() for name in pin["files"]),
    )


def early(args: Mapping[str, str], first: str) -> str | None:
    """Return what the page will ask for first, so that a browser asks while it reads scripts; None if unsure."""
    symbol = args.get("symbol") or first
    plain = re.fullmatch(r"[A-Za-z0-9._-]{1,64}", symbol)  # what every encoding of addresses leaves as it is
    return f"/data?symbol={symbol}" if plain and args.get("range") != "all" else None


@views.get("/data")
def data() -> Response:
    """Answer with bars, forecasts and state; the schema stands in data.py."""
    own, query = dashboard(), parse(request.args)
    found = answer(own.reader, own.states, query, own.settings)
    if found is None:
        abort(404, f"no symbol {query.symbol!r} here; /symbols lists those there are")
    return send(request, found)


@views.get("/data.csv")
def spreadsheet() -> Response:
    """Answer with the same bars and forecasts as a file, a line a minute."""
    own, query = dashboard(), parse_span(request.args)
    rows = whole(own.reader, query)
    if not rows.bars and query.symbol not in own.settings.symbols and not own.reader.has_symbol(query.symbol):
        abort(404, f"no symbol {query.symbol!r} here; /symbols lists those there are")
    response = Response(csv_of(rows.bars, rows.forecasts), mimetype="text/csv")
    name = re.sub(r"[^A-Za-z0-9.-]", "_", query.symbol)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


@views.get("/stream")
def stream() -> Response:
    """Send what is committed as it comes; the events stand in stream.py."""
    own, asked = dashboard(), watching(request.args, request.headers.get("Last-Event-ID"))
    if (
        asked.symbol is not None
        and asked.symbol not in own.settings.symbols
        and not own.reader.has_symbol(asked.symbol)
    ):
        abort(404, f"no symbol {asked.symbol!r} here; /symbols lists those there are")
    if request.method == "HEAD":  # nobody would read on, and nobody would see the viewer go
        return Response(mimetype="text/event-stream")
    viewer = Viewer(asked.symbol, request.environ.get("gunicorn.socket"))
    first = begin(own.reader, own.hub, viewer, asked)
    return Response(told(own.hub, viewer, first), mimetype="text/event-stream")


@views.get("/symbols")
def symbols() -> Response:
    """List the symbols of the settings, then every other one with recent bars; or some of them more closely."""
    own, some = dashboard(), several(request.args.getlist("symbol"))
    return send(request, {"symbols": own.watchlist.of(some) if some else own.watchlist.all()})


@views.get("/metrics")
def metrics() -> Response:
    """Give the figures of this process for Prometheus."""
    return Response(generate_latest(dashboard().figures), content_type=CONTENT_TYPE_PLAIN_0_0_4)


@views.get("/openapi.json")
def openapi() -> Response:
    """Return the OpenAPI description of these addresses, with the version of the package."""
    document = json.loads((HERE / "openapi.json").read_bytes())
    document["info"]["version"] = __version__
    return Response(json.dumps(document), mimetype="application/json")


@views.get("/readyz")
def readyz() -> tuple[dict[str, object], int]:
    """Say whether PostgreSQL answers and viewers are told what comes, 503 where not."""
    trouble = dashboard().hub.trouble
    waiting = {"stream": trouble} if trouble else {}
    try:
        dashboard().reader.ping()
    except StoreUnavailable as error:
        waiting["postgresql"] = str(error)
    return {"ready": not waiting, "waiting": waiting}, 503 if waiting else 200


@views.get("/healthz")
def healthz() -> dict[str, object]:
    """Say that the process is up, and whether PostgreSQL answers; 200 either way, for a restart would not help."""
    try:
        dashboard().reader.ping()
    except StoreUnavailable as error:
        return {"status": "up", "database": False, "reason": str(error)}
    return {"status": "up", "database": True}
