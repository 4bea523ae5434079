"""The sandbox exchange over HTTP: it answers as Alpha Vantage does, with simulated bars at its own time."""

from collections.abc import Callable
from dataclasses import asdict
from urllib.parse import urlsplit

import numpy as np
from flask import Flask, Response, jsonify, render_template, request

from sandbox.exchange import control
from sandbox.exchange.control import SPEEDS
from sandbox.exchange.exchange import Exchange
from sandbox.exchange.market_identity import MarketIdentity, pin_own_origin
from sandbox.exchange.queries import query
from sandbox.faults.broken_responses import answer as broken_answer
from sandbox.faults.faults import Fault
from serving.dashboard.compression import compress_files
from serving.dashboard.foreign_pages import refuse_foreign_pages
from serving.dashboard.headers import add_headers
from stock_ml.config import Settings, load

NOW_HEADER = "X-Market-Time"  # an answer says at which market time it was given


def create_app(settings: Settings | None = None) -> Flask:
    """Return the exchange of an installation. Raises BadSetting where its bars are of another market."""
    s = settings or load()
    pin_own_origin(s)
    exchange = Exchange.of(s)
    app = Flask(__name__)
    refuse_foreign_pages(app, (*s.trusted_hosts, urlsplit(s.sandbox).hostname or ""))
    _show(app, exchange)
    _change(app, exchange)
    compress_files(app)
    add_headers(app, s)
    exchange.clock.store_every_second()
    return app


def _show(app: Flask, exchange: Exchange) -> None:
    app.add_url_rule("/", view_func=lambda: _page(exchange), endpoint="page")
    app.add_url_rule("/query", view_func=lambda: _query(exchange), endpoint="query")
    app.add_url_rule("/clock", view_func=lambda: jsonify(asdict(exchange.clock.now())), endpoint="clock")
    app.add_url_rule("/prices", view_func=lambda: jsonify(exchange.prices()), endpoint="prices")
    app.add_url_rule("/faults", view_func=lambda: control.faults(exchange), endpoint="faults")
    app.add_url_rule("/answered", view_func=lambda: jsonify(exchange.request_counts.as_dict()), endpoint="answered")
    app.add_url_rule("/healthz", view_func=lambda: jsonify(status="ok", simulated=True), endpoint="healthz")


def _change(app: Flask, exchange: Exchange) -> None:
    for path, change in {
        "/clock": control.set_clock,
        "/bars": control.put_bar,
        "/faults": control.set_fault,
        "/plans": control.set_plan,
    }.items():
        view = _with(exchange, change)
        app.add_url_rule(path, view_func=view, endpoint=change.__name__, methods=["POST"])


def _with(exchange: Exchange, change: Callable[[Exchange], Response]) -> Callable[[], Response]:
    return lambda: change(exchange)


def _query(exchange: Exchange) -> Response:
    now, key = exchange.clock.now().market, request.args.get("apikey", "")
    exchange.request_counts.add(key)
    fault = exchange.faults.next(key)
    refusal = exchange.plans.refusal(key) if fault is None else None
    fault = Fault(refusal) if refusal else fault

    def normal_response() -> Response:
        return query(exchange.feed, request.args, now)

    answer = broken_answer(fault, key, normal_response) if fault else normal_response()
    answer.headers[NOW_HEADER] = repr(now)
    return answer


def _page(exchange: Exchange) -> str:
    s, now = exchange.settings, exchange.clock.now()
    return render_template(
        "page.html",
        market=MarketIdentity.of(s),
        zone=exchange.clock.sessions.zone,
        now=now,
        at=exchange.feed.stamps(np.array([int(now.market)]))[0],
        speeds=SPEEDS,
        prices=exchange.prices(),
    )
