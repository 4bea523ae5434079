"""Publish stored bars at a chosen speed: a holdout that no model saw, or any sessions of the lake."""

import logging
from math import inf
from time import monotonic, sleep
from typing import NoReturn

import pandas as pd

from serving.common.logs import line
from serving.common.reports import Holdout, ReplayReport
from serving.common.shutdown import until_available
from serving.producer.published_state import last_announced, published_between
from serving.producer.publisher import NEVER, Output, log_waiting
from serving.producer.replay_readiness import Readiness
from serving.producer.replay_schedule import (
    HOLDOUT,
    Span,
    bars_in,
    holdout_span,
    seconds_after,
    span_between,
    stored_sessions,
)
from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE, Bar
from stock_ml.domain.clock import EventClock
from stock_ml.errors import BadSetting

log = logging.getLogger(__name__)
NOTHING_HELD_OUT = "nothing is replayed: no session is held out, see STOCKML_HOLDOUT_SESSIONS"


class Replay:
    """Publish the bars of a span that were not published yet; its clock is at the newest bar published."""

    def __init__(self, s: Settings, output: Output, speed: float) -> None:
        self._s, self._output, self._speed = s, output, speed
        self._clock = EventClock()
        self._holdout: Holdout | None = None  # a replay by hand leaves report and sessions to the live producer

    def publish_sessions(self, first: str, last: str | None) -> None:
        """Publish the sessions between two dates, or from `first` "holdout" on, and wait for the delivery.

        Raises BadSetting where a date is invalid, nothing is held out, or there are no bars.
        """
        bars = bars_in(*self._select(first, last or str(pd.Timestamp.now("UTC").date())))
        if not bars:
            raise BadSetting(f"the lake holds no bars from {first} to {last or 'today'}: ingest_bars fetches them")
        count = self._publish(bars, self._speed)
        while not self._output.flush(1):
            log.warning(line("waiting for kafka"))
        log.info(line("replayed", bars=count))

    def publish_holdout(self) -> NoReturn:
        """Wait for the file's model, publish a session of context at once and the holdout at speed; then idle."""
        readiness = Readiness(self._s, self._output.store)
        while missing := readiness.missing():
            self._output.report(None, missing, {"replay": "waiting"})
            sleep(1)
        self._output.announced = until_available(lambda: last_announced(self._s), NEVER, log_waiting)
        bars, sessions = self._clean(), self._output.sessions
        stored = stored_sessions(bars, sessions)
        whole = holdout_span(stored, self._s.holdout_sessions, 1, sessions)
        held_out = holdout_span(stored, self._s.holdout_sessions, 0, sessions)
        if whole is None or held_out is None:
            self._idle(NOTHING_HELD_OUT, {"replay": "nothing"})
        replayed = bars_in(bars, held_out)
        self._holdout = Holdout(first=held_out.first, last=held_out.last, bars=len(replayed))
        self._output.announced.setdefault(sessions.exchange, held_out.first)
        self._publish(bars_in(bars, Span(whole.first, held_out.first - MINUTE)), inf)
        self._publish(replayed, self._speed)
        self._advance(held_out.last + MINUTE)
        self._idle(None, {"replay": "over", "holdout": self._holdout})

    def _select(self, first: str, last: str) -> tuple[pd.DataFrame, Span]:
        sessions = self._output.sessions
        if first != HOLDOUT:
            span = span_between(first, last, sessions)  # before anything is read: it may be refused
            return self._clean(), span
        bars = self._clean()
        held_out = holdout_span(stored_sessions(bars, sessions), self._s.holdout_sessions, 0, sessions)
        if held_out is None:
            raise BadSetting(NOTHING_HELD_OUT)
        return bars, held_out

    def _idle(self, waiting: str | None, replay: ReplayReport) -> NoReturn:
        log.info(line("the replay is over" if waiting is None else waiting))
        while True:
            self._output.report(self._clock.now() or None, waiting, replay)
            sleep(1)

    def _publish(self, bars: list[Bar], speed: float) -> int:
        published = self._published_before(bars)
        left = [bar for bar in bars if (bar.symbol, bar.ts) not in published]
        log.info(line("replay", bars=len(bars), published_before=len(bars) - len(left), speed=speed))
        start = monotonic()
        for bar in left:
            self._wait_until(start + seconds_after(left[0].ts, bar.ts, speed, self._output.sessions))
            self._advance(bar.ts)
            self._output.publish([bar])
            self._clock.advance(bar.ts + MINUTE)
        if bars:
            self._advance(bars[-1].ts + MINUTE)
        return len(left)

    def _published_before(self, bars: list[Bar]) -> set[tuple[str, int]]:
        if not bars:
            return set()
        return until_available(lambda: published_between(self._s, bars[0].ts, bars[-1].ts), NEVER, log_waiting)

    def _wait_until(self, due: float) -> None:
        while (left := due - monotonic()) > 0:
            self._report()
            sleep(min(left, 1.0))
        self._report()

    def _advance(self, now: float) -> None:
        self._clock.advance(now)
        if self._holdout:
            self._output.announce_until(self._clock.now(), self._output.sessions)

    def _report(self) -> None:
        if self._holdout:
            running = ReplayReport(replay="running", holdout=self._holdout, market_open=True)
            self._output.report(self._clock.now() or None, None, running)

    def _clean(self) -> pd.DataFrame:
        lake = Lake.connect(self._s)
        return until_available(lambda: lake.read_clean(self._s.symbols), NEVER, log_waiting)
