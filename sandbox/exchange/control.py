"""Change the sandbox while it runs: its time, its bars, and the faults that requests meet. JSON only."""

from dataclasses import asdict
from typing import TypeVar

import numpy as np
from flask import Response, abort, jsonify, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.exchange.exchange import Exchange
from sandbox.exchange.request_limits import Plan
from sandbox.exchange.responses import VALUES
from sandbox.faults.faults import ALL, KINDS, Fault
from stock_ml.config import SYMBOL
from stock_ml.domain.bars import MINUTE, Bar, broken
from stock_ml.domain.json_object import JsonObject
from stock_ml.errors import UnknownSessions

SPEEDS = (0.1, 3600.0)
FARTHEST = 31 * 86_400.0  # seconds of open market: so far the clock is moved on at once, at most


class RequestBody(BaseModel):
    """Refuse fields of another type, and unknown ones."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ClockChange(RequestBody):
    """Pause or run; market seconds a wall second; seconds of open market to move on at once."""

    paused: bool | None = None
    speed: float | None = Field(None, ge=SPEEDS[0], le=SPEEDS[1])
    advance: float = Field(0.0, ge=0, le=FARTHEST)


class FaultChange(RequestBody):
    """Say which fault requests of a key meet, and how often; no kind takes it back."""

    kind: str | None
    key: str = ALL
    seconds: float = Field(15.0, ge=0, le=120)
    mebibytes: int = Field(200, ge=1, le=1024)
    times: int | None = Field(None, ge=1)


class PlanChange(RequestBody):
    """Say how many requests a key may send; left out is no limit."""

    key: str
    a_second: int | None = Field(None, ge=0)
    a_minute: int | None = Field(None, ge=0)
    a_day: int | None = Field(None, ge=0)


T = TypeVar("T", bound=RequestBody)


def set_clock(exchange: Exchange) -> Response:
    """Pause, run, change the speed, or move the clock on."""
    body = _body(ClockChange)
    try:
        return jsonify(asdict(exchange.clock.set(body.paused, body.speed, body.advance)))
    except UnknownSessions as error:
        abort(400, f"advance: {error}")


def set_fault(exchange: Exchange) -> Response:
    """Set or take back a fault; return all that are set, by key."""
    _faults_are_enabled(exchange)
    body = _body(FaultChange)
    if body.kind is not None and body.kind not in KINDS:
        abort(400, f"kind is null or one of {', '.join(KINDS)}")
    fault = Fault(body.kind, body.seconds, body.mebibytes, body.times) if body.kind else None
    exchange.faults.set(body.key, fault)
    return faults(exchange)


def faults(exchange: Exchange) -> Response:
    """Return the faults that are set, by key."""
    _faults_are_enabled(exchange)
    return jsonify({key: asdict(fault) for key, fault in exchange.faults.by_key.items()})


def _faults_are_enabled(exchange: Exchange) -> None:
    if not exchange.faults.enabled:
        abort(403, "this exchange makes no faults: start it with STOCKML_SANDBOX_FAULTS=true")


def set_plan(exchange: Exchange) -> Response:
    """Give a key a plan."""
    body = _body(PlanChange)
    exchange.plans.set(body.key, Plan(body.a_second, body.a_minute, body.a_day))
    return jsonify(body.model_dump())


def put_bar(exchange: Exchange) -> Response:
    """Put a bar in at the source."""
    given = _json()
    bar = _bar(given)
    if bar is None or exchange.feed.market.sessions.number(np.array([bar.ts]))[0] < 0:
        abort(400, f"a bar has symbol, ts (a minute of regular hours), open, high, low, close, volume; this is {given}")
    exchange.feed.injected.put(bar)
    return jsonify(bar._asdict())


def _body(kind: type[T]) -> T:
    try:
        return kind.model_validate(_json())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        abort(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


def _json() -> JsonObject:
    # only JSON: a form on a foreign page cannot send it, so it cannot change anything here
    given = request.get_json()
    if not isinstance(given, dict):
        abort(400, "give a JSON object")
    return given


def _bar(given: JsonObject) -> Bar | None:
    """Return the bar given as JSON, None where it breaks a rule of the record."""
    try:
        symbol, ts = str(given["symbol"]), given["ts"]
        values = np.array([[given[name] for name in VALUES]], dtype=np.float64)
    except (KeyError, TypeError, ValueError):
        return None
    on_a_minute = isinstance(ts, int) and 0 <= ts < 2**32 and ts % MINUTE == 0
    if not on_a_minute or not SYMBOL.fullmatch(symbol) or broken(values)[0]:
        return None
    o, h, low, c, v = values[0].tolist()
    return Bar(symbol, ts, o, h, low, c, v, "sandbox")
