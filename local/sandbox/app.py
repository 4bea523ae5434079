"""The sandbox exchange over HTTP: it answers as Alpha Vantage does, with simulated bars at its own time."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from flask import Flask, Response, abort, jsonify, render_template, request

from local.sandbox import answers
from local.sandbox.clock import StoredClock
from local.sandbox.feed import Feed, Look
from local.sandbox.market import KINDS, Market
from local.sandbox.placed import Placed
from local.sandbox.queries import query
from stock_ml.bars import MINUTE, Bar, utc
from stock_ml.config import SYMBOL, Settings, load
from stock_ml.received.rows import broken
from stock_ml.sessions import sessions

SPEEDS = (0.1, 3600.0)
NOW_HEADER = "X-Market-Time"  # an answer says at which market time it was given


@dataclass(frozen=True)
class Exchange:
    """Hold what the views answer from."""

    feed: Feed
    clock: StoredClock
    symbols: tuple[str, ...]


def create_app(settings: Settings | None = None) -> Flask:
    """Return the exchange of an installation; its clock goes on from where it stood."""
    s = settings or load()
    calendar, folder = sessions(s.exchange), s.state / "sandbox"
    clock = StoredClock.of(s)
    feed = Feed(Market(s.sandbox_seed, calendar, KINDS[s.sandbox_market]), Placed.load(folder / "bars.jsonl"))
    app = Flask(__name__)
    _routes(app, Exchange(feed, clock, s.symbols))
    clock.keep()
    return app


def _routes(app: Flask, exchange: Exchange) -> None:
    app.add_url_rule("/query", view_func=lambda: _query(exchange), endpoint="query")
    app.add_url_rule("/clock", view_func=lambda: jsonify(asdict(exchange.clock.now())), endpoint="clock")
    app.add_url_rule("/clock", view_func=lambda: _set_clock(exchange), endpoint="set_clock", methods=["POST"])
    app.add_url_rule("/bars", view_func=lambda: _put_bar(exchange), endpoint="bars", methods=["POST"])
    app.add_url_rule("/healthz", view_func=lambda: jsonify(status="ok", simulated=True), endpoint="healthz")
    app.add_url_rule("/", view_func=lambda: _page(exchange), endpoint="page")


def _query(exchange: Exchange) -> Response:
    now = exchange.clock.now().market
    error = answers.ERRORS.get(request.args.get("apikey", ""))
    answer = query(exchange.feed, request.args, now) if error is None else jsonify(error)
    answer.headers[NOW_HEADER] = repr(now)
    return answer


def _given() -> dict[str, Any]:
    # only JSON: a form on a foreign page cannot send it, so it cannot change anything here
    given = request.get_json()
    if not isinstance(given, dict):
        abort(400, "give a JSON object")
    return given


def _set_clock(exchange: Exchange) -> Response:
    given = _given()
    paused, speed = given.get("paused"), given.get("speed")
    if paused is not None and not isinstance(paused, bool):
        abort(400, "paused is true or false")
    if speed is not None and (type(speed) not in (int, float) or not SPEEDS[0] <= speed <= SPEEDS[1]):
        abort(400, f"speed is a number from {SPEEDS[0]} to {SPEEDS[1]}")
    return jsonify(asdict(exchange.clock.set(paused, None if speed is None else float(speed))))


def _put_bar(exchange: Exchange) -> Response:
    given = _given()
    bar = _bar(given)
    if bar is None or exchange.feed.market.sessions.number(np.array([bar.ts]))[0] < 0:
        abort(400, f"a bar has symbol, ts (a minute of regular hours), open, high, low, close, volume; this is {given}")
    exchange.feed.placed.put(bar)
    return jsonify(bar._asdict())


def _bar(given: dict[str, Any]) -> Bar | None:
    """Return the bar given as JSON, None where it breaks a rule of the record."""
    try:
        symbol, ts = str(given["symbol"]), given["ts"]
        values = np.array([[given[name] for name in answers.VALUES]], dtype=np.float64)
    except (KeyError, TypeError, ValueError):
        return None
    on_a_minute = isinstance(ts, int) and 0 <= ts < 2**32 and ts % MINUTE == 0
    if not on_a_minute or not SYMBOL.fullmatch(symbol) or broken(values)[0]:
        return None
    o, h, low, c, v = values[0].tolist()
    return Bar(symbol, ts, o, h, low, c, v, "sandbox")


def _page(exchange: Exchange) -> str:
    now = exchange.clock.now()
    newest = {symbol: exchange.feed.newest(Look(symbol, now.market), 1) for symbol in exchange.symbols}
    prices = {symbol: f"{day.values[-1, 3]:.2f}" for symbol, day in newest.items()}
    at = exchange.feed.stamps(np.array([int(now.market)]))[0]
    return render_template("page.html", at=at, utc=utc(now.market), now=now, prices=prices)
